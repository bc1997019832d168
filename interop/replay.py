"""The PyPI package `websockets` as an end of `cargo xtask replay`: it is given bytes nobody
thought of, sends nothing of its own, and says what it made of them.

    replay.py server         listens until it is killed
    replay.py client SCRIPT  makes the connections of SCRIPT, some at a time

Both print a line of JSON for each connection; the server `listening on ADDR` before them.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

# The command that starts this program ends its side much earlier, on a busy machine too.
PATIENCE = 60

SUBPROTOCOLS = ["chat", "superchat"]

# Nothing is sent that the input does not ask for.
OPTIONS = {
    "compression": None,
    "open_timeout": PATIENCE,
    "close_timeout": PATIENCE,
    "ping_interval": None,
    "max_size": 16 << 20,
}


class Connect(connect):
    """Makes one connection, wherever its answer may point to."""

    def process_redirect(self, exc):
        return exc


def opened(ws):
    return {"subprotocol": ws.subprotocol, "deflate": bool(ws.protocol.extensions)}


async def received(ws):
    """Every message until the end, and why it ended."""
    messages = []
    try:
        while True:
            message = await asyncio.wait_for(ws.recv(), PATIENCE)
            kind, data = ("text", message.encode()) if isinstance(message, str) else ("binary", message)
            messages.append([kind, data.hex()])
    except ConnectionClosed as closed:
        return {"messages": messages, "error": str(closed)}
    except asyncio.TimeoutError:
        return {"messages": messages, "error": "no end of messages"}


def emit(line):
    print(json.dumps(line), flush=True)


def choose(protocol, offered):
    """A server that prefers its own subprotocols, and opens without one as well."""
    return next((name for name in SUBPROTOCOLS if name in offered), None)


async def server():
    async def handler(ws):
        report = {"port": ws.remote_address[1], "opened": opened(ws)}
        emit(report | await received(ws))

    listener = await serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=SUBPROTOCOLS,
        select_subprotocol=choose,
        **OPTIONS,
    )
    print("listening on 127.0.0.1:%d" % listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


async def attempt(exchange):
    report = {"id": exchange["id"], "opened": None, "status": None, "messages": [], "error": None}
    deflate = [ClientPerMessageDeflateFactory(client_max_window_bits=True)]
    try:
        async with Connect(
            exchange["url"],
            subprotocols=exchange["subprotocols"] or None,
            extensions=deflate if exchange["deflate"] else None,
            proxy=None,
            **OPTIONS,
        ) as ws:
            report["opened"] = opened(ws)
            report |= await received(ws)
    except InvalidStatus as refused:
        report["status"] = refused.response.status_code
    except Exception as error:
        report["error"] = f"{type(error).__name__}: {error}"
    emit(report)


async def client(script):
    exchanges = iter(script["exchanges"])

    async def some():
        for exchange in exchanges:
            await attempt(exchange)

    await asyncio.gather(*(some() for _ in range(script["parallel"])))


if __name__ == "__main__":
    # What goes wrong with a connection stands in its report.
    logging.getLogger("websockets").addHandler(logging.NullHandler())
    logging.getLogger("websockets").propagate = False
    if sys.argv[1] == "server":
        asyncio.run(server())
    else:
        asyncio.run(client(json.loads(Path(sys.argv[2]).read_text())))
