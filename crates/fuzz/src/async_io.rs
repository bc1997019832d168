//! F11: a connection over a transport that does anything, and callers that lose patience.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::BytesMut;
use socket_flow_connection::{
    CloseCode, Config, Error, Message, NEVER, Negotiated, Role, WebSocket,
};
use socket_flow_testing::wire;
use tokio::runtime::{Builder, Runtime};

use crate::scripted::{Script, Scripted};
use crate::source::Source;
use crate::support::{ROLES, frame};

/// However the transport behaves and whenever callers give up: what arrived is received once and
/// in order; what was written are whole frames but for a last one under way, with what was sent
/// in order; and whoever is told to wait will be woken.
pub(crate) fn async_io(data: &[u8]) {
    thread_local! {
        // Some waits have a timer; here it never rings, for the clock of an idle runtime stands.
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| {
        let _inside = runtime.enter();
        run(&mut Source::new(data));
    });
}

fn run(source: &mut Source<'_>) {
    let role = source.pick(&ROLES);
    let config = Config::new()
        .ping_interval(NEVER)
        .stall_timeout(NEVER)
        .close_timeout(NEVER)
        .high_water(source.pick(&[64 << 10, 100, 1]));
    let (arriving, expected) = peer(role, source);
    let turns = source.bytes();
    let script = Script::new(arriving, turns);
    let (wakes, waker) = Wakes::new();
    let mut caller = Caller {
        ws: WebSocket::from_parts(
            Scripted(script.clone()),
            BytesMut::new(),
            role,
            Negotiated::default(),
            config,
        ),
        script: script.clone(),
        wakes,
        waker,
        received: Vec::new(),
        sent: Vec::new(),
        closes: false,
        over: false,
        clean: false,
    };
    for _ in 0..60 {
        if source.is_empty() || caller.over {
            break;
        }
        caller.call(source);
    }

    // With patience and a transport that does its best, the rest arrives.
    script.state().turns.clear();
    for _ in 0..1000 {
        if caller.over {
            break;
        }
        caller.receive(usize::MAX);
    }
    assert!(caller.over, "neither the end nor an error");
    let broken = script.state().broken;
    if caller.closes {
        // `close` drops what still comes, and says so: this one or a later call's.
        let mut rest = expected.iter();
        let in_order = caller
            .received
            .iter()
            .all(|message| rest.any(|one| one == message));
        assert!(in_order, "out of order");
    } else if broken {
        assert!(expected.starts_with(&caller.received));
    } else {
        assert_eq!(caller.received, expected);
    }
    let (sent, clean) = (std::mem::take(&mut caller.sent), caller.clean);
    drop(caller);

    let state = script.state();
    let (frames, rest) = wire::frames(role, &state.written);
    let messages = frames.iter().filter(|frame| matches!(frame.0, 0x81 | 0x82));
    // Where in what was sent the frames so far may end: a cancelled call may or may not have sent,
    // and what it sent may look like another message.
    let mut ends = BTreeSet::from([0]);
    for (first, payload) in messages {
        let found = ends.iter().flat_map(|end| {
            let mut left_out = false;
            let rest = sent.iter().enumerate().skip(*end);
            let rest = rest.take_while(move |(_, sent)| {
                let reached = !left_out;
                left_out |= sent.surely && !broken;
                reached
            });
            rest.filter(|(_, sent)| sent.is(*first, payload))
                .map(|(place, _)| place + 1)
        });
        ends = found.collect();
        assert!(!ends.is_empty(), "not sent, left out, or out of order");
    }
    // A connection that did not end in order has told so, and may have had to leave things out. So
    // has one whose transport failed: behind the peer's Close that is no error any more.
    if clean && !broken {
        assert!(rest.is_empty(), "half a frame");
        let mut all_sent = ends
            .iter()
            .map(|end| sent.iter().skip(*end).all(|sent| !sent.surely));
        assert!(all_sent.any(|all| all), "not sent");
    }
}

/// Who uses the connection.
struct Caller {
    ws: WebSocket<Scripted>,
    script: Script,
    wakes: Arc<Wakes>,
    waker: Waker,
    received: Vec<Message>,
    sent: Vec<Attempt>,
    /// Whether it has begun to close.
    closes: bool,
    /// Whether the connection has told its end.
    over: bool,
    /// Whether that was the end of a closing handshake.
    clean: bool,
}

struct Attempt {
    message: Message,
    /// Whether the connection said that it took it.
    surely: bool,
}

impl Attempt {
    fn is(&self, first: u8, payload: &[u8]) -> bool {
        self.message.as_bytes() == payload && self.message.is_text() == (first == 0x81)
    }
}

impl Caller {
    fn call(&mut self, source: &mut Source<'_>) {
        let call = source.below(10);
        let patience = 1 + source.below(6);
        match call {
            0..=3 => self.receive(patience),
            4 | 5 => {
                let message = match source.flag() {
                    true => Message::from(source.text()),
                    false => Message::from(source.payload()),
                };
                let (lent, ws) = (message.as_ref(), &mut self.ws);
                let polled = poll(
                    &self.script,
                    &self.wakes,
                    &self.waker,
                    patience,
                    ws.send(lent),
                );
                // Flushing may fail behind a message that was taken.
                let surely = matches!(polled, Poll::Ready(Ok(())));
                self.sent.push(Attempt { message, surely });
            }
            6 => {
                let message = Message::from(source.payload());
                if self.ws.queue(message.as_ref()).is_ok() {
                    self.sent.push(Attempt {
                        message,
                        surely: true,
                    });
                }
            }
            7 => {
                let ws = &mut self.ws;
                let _ = poll(&self.script, &self.wakes, &self.waker, patience, ws.flush());
            }
            8 => {
                let (data, ws) = (source.bytes(), &mut self.ws);
                let _ = poll(
                    &self.script,
                    &self.wakes,
                    &self.waker,
                    patience,
                    ws.ping(data),
                );
            }
            _ => {
                self.closes = true;
                let close = self.ws.close(CloseCode::NORMAL, "");
                let polled = poll(&self.script, &self.wakes, &self.waker, patience, close);
                self.over |= polled.is_ready();
                self.clean |= matches!(polled, Poll::Ready(Ok(outcome)) if outcome.clean);
            }
        }
    }

    fn receive(&mut self, patience: usize) {
        let recv = self.ws.recv();
        match poll(&self.script, &self.wakes, &self.waker, patience, recv) {
            Poll::Pending => {}
            Poll::Ready(Ok(Some(message))) => self.received.push(message),
            Poll::Ready(Ok(None)) => (self.over, self.clean) = (true, true),
            Poll::Ready(Err(error)) => {
                assert!(
                    matches!(
                        error,
                        Error::Closed { .. } | Error::Io(_) | Error::Unsent(_)
                    ),
                    "{error:?}"
                );
                self.over = true;
            }
        }
    }
}

/// Polls a future so often, waking it in between, and drops it. Whenever it waits, the transport
/// must know whom to wake, unless the poll itself asked for another.
fn poll<F: Future>(
    script: &Script,
    wakes: &Wakes,
    waker: &Waker,
    patience: usize,
    future: F,
) -> Poll<F::Output> {
    let mut future = pin!(future);
    for _ in 0..patience.min(1000) {
        let before = wakes.0.load(Ordering::Relaxed);
        let ready = future.as_mut().poll(&mut Context::from_waker(waker));
        if ready.is_ready() {
            return ready;
        }
        script.wake();
        let woken = wakes.0.load(Ordering::Relaxed) > before;
        assert!(woken, "it waits, and nothing will wake it");
    }
    assert!(patience < 1000, "it never comes to an end");
    Poll::Pending
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::<Self>::default();
        (wakes.clone(), wakes.into())
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a peer that keeps to the protocol sends, and the messages in it.
fn peer(role: Role, source: &mut Source<'_>) -> (Vec<u8>, Vec<Message>) {
    let mut bytes = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..source.below(12) {
        match source.below(8) {
            0 => bytes.extend(frame(role, 0x89, b"are you there?")),
            1 => bytes.extend(frame(role, 0x8a, b"")),
            2 => {
                let payload = source.payload();
                let (one, two) = payload.split_at(payload.len() / 2);
                bytes.extend(frame(role, 0x02, one));
                bytes.extend(frame(role, 0x89, b"between"));
                bytes.extend(frame(role, 0x80, two));
                messages.push(payload.into());
            }
            3..=5 => {
                let text = source.text();
                bytes.extend(frame(role, 0x81, text.as_bytes()));
                messages.push(text.into());
            }
            _ => {
                let payload = source.payload();
                bytes.extend(frame(role, 0x82, &payload));
                messages.push(payload.into());
            }
        }
    }
    if source.flag() {
        bytes.extend(frame(role, 0x88, b"\x03\xe8"));
    }
    (bytes, messages)
}
