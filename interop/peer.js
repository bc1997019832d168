// The npm package `ws` as the other end of `cargo xtask interop`.
//
//     peer.js client SCRIPT    runs the exchanges of SCRIPT, one after the other
//     peer.js server SCRIPT    opens a listener for each profile of SCRIPT, until it is killed
//
// Both print JSON, a line for each exchange; the server before them one for each listener.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';

// The package is installed elsewhere: INTEROP_MODULES is that directory.
const { WebSocket, WebSocketServer } = createRequire(process.env.INTEROP_MODULES + '/')('ws');

const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n');

// RFC 7692's names to the library's. Everything is compressed, however short; a parameter that is
// not given is not asked for, which for `client_max_window_bits` the library has to be told.
const deflateOptions = (parameters, ifAbsent) =>
  parameters === null
    ? false
    : {
        threshold: 0,
        serverNoContextTakeover: parameters.server_no_context_takeover || undefined,
        clientNoContextTakeover: parameters.client_no_context_takeover || undefined,
        serverMaxWindowBits: parameters.server_max_window_bits ?? undefined,
        clientMaxWindowBits: parameters.client_max_window_bits ?? ifAbsent,
      };

// What the library negotiated, under the names of RFC 7692: what it leaves out has its default.
const agreed = (ws) => {
  const extension = ws._extensions['permessage-deflate'];
  return extension === undefined
    ? null
    : {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
        ...extension.params,
      };
};

// Messages in order, the end of the connection behind them, one at a time.
class Inbox {
  #waiting = [];
  #arrived = [];
  closed = null;
  // What had come through the socket with the last message, the handshake included.
  wireBytes = null;

  constructor(ws) {
    ws.on('message', (data, binary) => this.#put({ kind: binary ? 'binary' : 'text', data }));
    ws.on('pong', (data) => this.pong?.(data.toString()));
    ws.on('error', (error) => (this.error = error));
    ws.on('message', () => (this.wireBytes = ws._socket.bytesRead));
    this.end = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        // 1006: there was no Close frame.
        this.closed = code === 1006 ? null : { code, reason: reason.toString() };
        this.#put(null);
        resolve();
      });
    });
  }

  #put(item) {
    const waiting = this.#waiting.shift();
    waiting ? waiting(item) : this.#arrived.push(item);
  }

  // The next message, `null` once there are no more.
  next() {
    if (this.#arrived.length > 0) {
      const item = this.#arrived.shift();
      if (item === null) this.#arrived.push(null);
      return item;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

// Sends a message in one frame, or in frames of `fragment` bytes with a ping in between.
const send = (ws, kind, data, fragment) => {
  const binary = kind === 'binary';
  if (!fragment) return ws.send(data, { binary });
  let start = 0;
  do {
    const fin = start + fragment >= data.length;
    ws.send(data.subarray(start, start + fragment), { binary, fin });
    if (start === 0) ws.ping('between');
    start += fragment;
  } while (start < data.length);
};

const ping = async (ws, inbox, data, report) => {
  const answer = new Promise((resolve) => (inbox.pong = resolve));
  ws.ping(data);
  report.pongs.push(await answer);
};

const lines = (data) => {
  const found = [];
  for (let start = 0; start <= data.length; ) {
    const end = data.indexOf(10, start);
    found.push(data.subarray(start, end < 0 ? data.length : end));
    start = end < 0 ? data.length + 1 : end + 1;
  }
  return found;
};

const steps = {
  // Sends messages and compares what comes back, byte for byte, while it sends.
  async echo(ws, inbox, step, report) {
    const data = readFileSync(step.file);
    const sent = step.lines ? lines(data) : [data];
    for (const message of sent) send(ws, step.kind, message, step.fragment);
    for (const [number, message] of sent.entries()) {
      const got = await inbox.next();
      if (got === null) throw new Error(`closed before echo ${number}`);
      if (got.kind !== step.kind || !message.equals(got.data)) {
        throw new Error(`echo ${number} is not the ${step.kind} that was sent`);
      }
      report.messages += 1;
    }
  },
  async send(ws, inbox, step) {
    send(ws, step.kind, readFileSync(step.file), 0);
  },
  async ping(ws, inbox, step, report) {
    await ping(ws, inbox, step.data, report);
  },
  async close(ws, inbox, step) {
    step.code === null ? ws.close() : ws.close(step.code, step.reason);
    await inbox.end;
  },
  async await_close(ws, inbox) {
    await inbox.end;
  },
};

const run = async (exchange, ca) => {
  const report = {
    id: exchange.id,
    opened: null,
    refused: null,
    messages: 0,
    pongs: [],
    close: null,
    wire_bytes: null,
    error: null,
  };
  const ws = new WebSocket(exchange.url, exchange.subprotocols, {
    perMessageDeflate: deflateOptions(exchange.deflate, false),
    maxPayload: 0,
    ca,
  });
  const inbox = new Inbox(ws);
  let answer = '';
  ws.on('upgrade', (response) => (answer = response.headers['sec-websocket-extensions'] ?? ''));
  ws.on('open', () => {
    report.opened = { answer, deflate: agreed(ws), subprotocol: ws.protocol || null };
  });
  ws.on('unexpected-response', (request, response) => {
    report.refused = response.statusCode;
    ws.terminate();
  });
  // A connection that is not opened is closed, with an error before.
  await Promise.race([new Promise((resolve) => ws.on('open', resolve)), inbox.end]);
  try {
    for (const step of report.opened ? exchange.steps : []) {
      await steps[step.do](ws, inbox, step, report);
    }
  } catch (error) {
    report.error = String(error);
    ws.terminate();
  }
  report.close = inbox.closed;
  report.wire_bytes = inbox.wireBytes;
  if (report.refused === null && inbox.error) report.error ??= String(inbox.error);
  return report;
};

const serve = async (profile, ws, request) => {
  const inbox = new Inbox(ws);
  const digest = createHash('sha1');
  const report = {
    case: request.url.slice(1),
    offer: request.headers['sec-websocket-extensions'] ?? '',
    answer: request.interopAnswer,
    deflate: agreed(ws),
    subprotocol: ws.protocol || null,
    messages: 0,
    sha1: null,
    pongs: [],
    close: null,
    wire_bytes: null,
    error: null,
  };
  const { opening } = profile;
  if (opening?.do === 'ping') await ping(ws, inbox, opening.data, report);
  if (opening?.do === 'close') {
    opening.code === null ? ws.close() : ws.close(opening.code, opening.reason);
  }
  for (let message; (message = await inbox.next()) !== null; ) {
    digest.update(`${message.kind} ${message.data.length}\n`).update(message.data);
    report.messages += 1;
    send(ws, message.kind, message.data, profile.fragment);
  }
  report.close = inbox.closed;
  report.wire_bytes = inbox.wireBytes;
  report.error = inbox.error ? String(inbox.error) : null;
  report.sha1 = digest.digest('hex');
  emit(report);
};

const roles = {
  async client(script) {
    const ca = script.authority === null ? undefined : readFileSync(script.authority);
    for (const exchange of script.exchanges) emit(await run(exchange, ca));
  },
  async server(script) {
    const identity = script.tls && {
      cert: readFileSync(script.tls.certificate),
      key: readFileSync(script.tls.key),
    };
    for (const profile of script.profiles) {
      const listener = identity ? createTlsServer(identity) : createServer();
      const server = new WebSocketServer({
        server: listener,
        perMessageDeflate: deflateOptions(profile.deflate, undefined),
        maxPayload: profile.max_message ?? 0,
        handleProtocols: (offered) => profile.subprotocols.find((it) => offered.has(it)) ?? false,
      });
      server.on('headers', (headers, request) => {
        const name = 'sec-websocket-extensions: ';
        const line = headers.find((it) => it.toLowerCase().startsWith(name));
        request.interopAnswer = line?.slice(name.length) ?? '';
      });
      server.on('connection', (ws, request) => serve(profile, ws, request));
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      emit({ listener: profile.id, port: listener.address().port });
    }
  },
};

const [role, path] = process.argv.slice(2);
await roles[role](JSON.parse(readFileSync(path, 'utf8')));
