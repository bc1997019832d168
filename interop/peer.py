"""The PyPI package `websockets` as the other end of `cargo xtask interop`.

    peer.py client SCRIPT    runs the exchanges of SCRIPT, one after the other
    peer.py server SCRIPT    opens a listener for each profile of SCRIPT, until it is killed

Both print JSON, a line for each exchange; the server before them one for each listener.
"""

import asyncio
import functools
import hashlib
import json
import logging
import ssl
import sys
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions import permessage_deflate

# The command that starts this program gives up much earlier.
PATIENCE = 600

# Nothing happens that the script does not say.
OPTIONS = {
    "compression": None,
    "open_timeout": PATIENCE,
    "close_timeout": PATIENCE,
    "ping_interval": None,
}


class Counting:
    """Counts what comes through the socket, the handshake included."""

    wire_bytes = 0

    def data_received(self, data):
        self.wire_bytes += len(data)
        super().data_received(data)


class CountingClient(Counting, ClientConnection):
    pass


class CountingServer(Counting, ServerConnection):
    pass


def emit(line):
    print(json.dumps(line), flush=True)


def extension_header(headers):
    return ", ".join(headers.get_all("Sec-WebSocket-Extensions"))


def deflate(factory, parameters):
    return [factory(**parameters)] if parameters is not None else None


def agreed(ws, local, remote):
    """What the library negotiated, under the names of RFC 7692."""
    if not ws.protocol.extensions:
        return None
    (extension,) = ws.protocol.extensions
    return {
        f"{local}_no_context_takeover": extension.local_no_context_takeover,
        f"{remote}_no_context_takeover": extension.remote_no_context_takeover,
        f"{local}_max_window_bits": extension.local_max_window_bits,
        f"{remote}_max_window_bits": extension.remote_max_window_bits,
    }


def received_close(ws):
    frame = ws.protocol.close_rcvd
    return frame and {"code": int(frame.code), "reason": frame.reason}


def kind_and_bytes(message):
    return ("text", message.encode()) if isinstance(message, str) else ("binary", message)


async def send(ws, kind, message, fragment):
    """Sends a message in one frame, or in frames of `fragment` bytes with a ping in between."""
    text = kind == "text"
    if not fragment:
        await ws.send(message, text=text)
        return
    pongs = []

    async def fragments():
        for start in range(0, max(len(message), 1), fragment):
            yield message[start : start + fragment]
            if not pongs:
                pongs.append(await ws.ping())

    await ws.send(fragments(), text=text)
    await pongs[0]


async def ping(ws, data, report):
    await (await ws.ping(data))
    report["pongs"].append(data)


class Client:
    def __init__(self, exchange, tls):
        self.exchange = exchange
        self.tls = tls
        self.report = {
            "id": exchange["id"],
            "opened": None,
            "refused": None,
            "messages": 0,
            "pongs": [],
            "close": None,
            "wire_bytes": None,
            "error": None,
        }

    async def run(self):
        exchange, report = self.exchange, self.report
        factory = permessage_deflate.ClientPerMessageDeflateFactory
        try:
            async with connect(
                exchange["url"],
                subprotocols=exchange["subprotocols"] or None,
                extensions=deflate(factory, exchange["deflate"]),
                create_connection=CountingClient,
                max_size=None,
                proxy=None,
                ssl=self.tls,
                **OPTIONS,
            ) as ws:
                report["opened"] = {
                    "answer": extension_header(ws.response.headers),
                    "deflate": agreed(ws, "client", "server"),
                    "subprotocol": ws.subprotocol,
                }
                try:
                    for step in exchange["steps"]:
                        await getattr(self, step["do"])(ws, step)
                finally:
                    report["close"] = received_close(ws)
                    report["wire_bytes"] = ws.wire_bytes
        except InvalidStatus as refused:
            report["refused"] = refused.response.status_code
        except Exception as error:
            report["error"] = f"{type(error).__name__}: {error}"
        return report

    async def echo(self, ws, step):
        """Sends messages and compares what comes back, byte for byte, while it sends."""
        data = Path(step["file"]).read_bytes()
        sent = data.split(b"\n") if step["lines"] else [data]

        async def compare():
            for number, message in enumerate(sent):
                kind, got = kind_and_bytes(await ws.recv())
                if (kind, got) != (step["kind"], message):
                    raise ValueError(f"echo {number} is not the {step['kind']} that was sent")
                self.report["messages"] += 1

        comparing = asyncio.create_task(compare())
        try:
            for message in sent:
                await send(ws, step["kind"], message, step["fragment"])
            await comparing
        finally:
            comparing.cancel()

    async def send(self, ws, step):
        await send(ws, step["kind"], Path(step["file"]).read_bytes(), 0)

    async def ping(self, ws, step):
        await ping(ws, step["data"], self.report)

    async def close(self, ws, step):
        await ws.close(step["code"], step["reason"])

    async def await_close(self, ws, step):
        await ws.wait_closed()


async def client(script):
    authority = script["authority"]
    tls = ssl.create_default_context(cafile=authority) if authority else None
    for exchange in script["exchanges"]:
        emit(await Client(exchange, tls).run())


async def serve_exchange(profile, ws):
    digest = hashlib.sha1()
    report = {
        "case": ws.request.path.removeprefix("/"),
        "offer": extension_header(ws.request.headers),
        "answer": extension_header(ws.response.headers),
        "deflate": agreed(ws, "server", "client"),
        "subprotocol": ws.subprotocol,
        "messages": 0,
        "sha1": None,
        "pongs": [],
        "close": None,
        "wire_bytes": None,
        "error": None,
    }
    try:
        opening = profile["opening"]
        if opening and opening["do"] == "ping":
            await ping(ws, opening["data"], report)
        if opening and opening["do"] == "close":
            await ws.close(opening["code"], opening["reason"])
        async for message in ws:
            kind, data = kind_and_bytes(message)
            digest.update(f"{kind} {len(data)}\n".encode() + data)
            report["messages"] += 1
            await send(ws, kind, data, profile["fragment"])
    except ConnectionClosed:
        pass
    except Exception as error:
        report["error"] = f"{type(error).__name__}: {error}"
    report["close"] = received_close(ws)
    report["wire_bytes"] = ws.wire_bytes
    report["sha1"] = digest.hexdigest()
    emit(report)


async def server(script):
    factory = permessage_deflate.ServerPerMessageDeflateFactory
    tls = None
    if script["tls"]:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(script["tls"]["certificate"], script["tls"]["key"])
    for profile in script["profiles"]:
        listener = await serve(
            functools.partial(serve_exchange, profile),
            "127.0.0.1",
            0,
            subprotocols=profile["subprotocols"] or None,
            extensions=deflate(factory, profile["deflate"]),
            create_connection=CountingServer,
            max_size=profile["max_message"],
            ssl=tls,
            **OPTIONS,
        )
        emit({"listener": profile["id"], "port": listener.sockets[0].getsockname()[1]})
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    # What goes wrong with a connection stands in its report.
    logging.getLogger("websockets").addHandler(logging.NullHandler())
    _, role, path = sys.argv
    asyncio.run({"client": client, "server": server}[role](json.loads(Path(path).read_text())))
