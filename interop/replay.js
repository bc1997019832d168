// The npm package `ws` as an end of `cargo xtask replay`: it is given bytes nobody thought of,
// sends nothing of its own, and says what it made of them.
//
//     replay.js server         listens until it is killed
//     replay.js client SCRIPT  makes the connections of SCRIPT, some at a time
//
// Both print a line of JSON for each connection; the server `listening on ADDR` before them.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The package is installed elsewhere: INTEROP_MODULES is that directory.
const { WebSocket, WebSocketServer } = createRequire(process.env.INTEROP_MODULES + '/')('ws');

const SUBPROTOCOLS = ['chat', 'superchat'];
const MAX_MESSAGE = 16 << 20;

const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n');

const opened = (ws) => ({ subprotocol: ws.protocol || null, deflate: ws.extensions !== '' });

// Every message until the end, and why it ended.
const receive = (ws) => {
  const report = { messages: [], error: null };
  ws.on('message', (data, binary) => {
    report.messages.push([binary ? 'binary' : 'text', data.toString('hex')]);
  });
  ws.on('error', (error) => (report.error = String(error)));
  return new Promise((resolve) => ws.on('close', () => resolve(report)));
};

const server = async () => {
  const listener = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    // A server that prefers its own subprotocols, and opens without one as well.
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  listener.on('connection', async (ws, request) => {
    const port = request.socket.remotePort;
    emit({ port, opened: opened(ws), ...(await receive(ws)) });
  });
  await once(listener, 'listening');
  console.log(`listening on 127.0.0.1:${listener.address().port}`);
};

const attempt = async (exchange) => {
  const ws = new WebSocket(exchange.url, exchange.subprotocols, {
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: exchange.deflate,
  });
  const report = { id: exchange.id, opened: null, status: null };
  ws.on('open', () => (report.opened = opened(ws)));
  ws.on('unexpected-response', (request, response) => {
    report.status = response.statusCode;
    ws.terminate();
  });
  const received = await receive(ws);
  emit({ ...report, ...received });
};

const client = async (script) => {
  const exchanges = script.exchanges.values();
  const some = async () => {
    for (const exchange of exchanges) await attempt(exchange);
  };
  await Promise.all(Array.from({ length: script.parallel }, some));
};

const [role, path] = process.argv.slice(2);
await (role === 'server' ? server() : client(JSON.parse(readFileSync(path, 'utf8'))));
