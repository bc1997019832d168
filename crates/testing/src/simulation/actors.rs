use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use socket_flow_connection::Sender;
use socket_flow_protocol::driver::Goal;
use socket_flow_protocol::{CloseCode, Compressed, Message, Prepared, SendError, Uncompressed};

use crate::random::Random;
use crate::simulation::clock::Clock;
use crate::simulation::inbox::Stream;
use crate::simulation::script::{Action, Script, Way};
use crate::simulation::shell::Shell;

/// A connection as the tasks that use it share it.
pub(super) type Shared = Rc<RefCell<Shell>>;

/// Receives until it is told that the connection is over, and drops it.
pub(super) async fn receive(shell: Shared) {
    while !poll_fn(|cx| shell.borrow_mut().poll_receive(cx.waker())).await {}
    shell.borrow_mut().leave();
}

/// Does what a script says until the connection is closed.
pub(super) async fn act(shell: Shared, streams: [Rc<Stream>; 4], script: Script) {
    let [stream, ..] = &streams;
    let clock = shell.borrow().clock.clone();
    let is_split = shell.borrow().is_split;
    // The message that is sent part by part, and how much of it is.
    let mut parts = None;
    for (at, action) in script {
        let is_late = matches!(action, Action::LateClose(_));
        if is_late && is_split {
            // Nobody else writes what this half has queued.
            reach(&shell, Goal::Flushed).await;
        }
        clock.sleep_until(at).await;
        if is_late && !shell.borrow().sending.closing().is_sent() {
            streams.iter().for_each(|stream| stream.assert_arrived());
        }
        while !perform(&mut shell.borrow_mut(), stream, &mut parts, action) {
            reach(&shell, Goal::Room).await;
        }
        if shell.borrow().sending.closing().is_sent() {
            return;
        }
        let waits = shell.borrow_mut().random.one_in(2);
        match action {
            // Where halves are apart, the other one waits for what is handed in.
            Action::Pause(_) if waits && !is_split => {
                let until = shell.borrow().paused_until;
                let (pause, closed) = (clock.sleep_until(until), reach(&shell, Goal::Closed));
                select(pin!(pause), pin!(closed)).await;
            }
            _ if waits => reach(&shell, Goal::Flushed).await,
            _ => {}
        }
    }
}

/// Hands messages in, from a task of its own, at these moments.
pub(super) async fn hand_in(
    clock: Clock,
    sender: Sender,
    stream: Rc<Stream>,
    moments: Vec<Duration>,
    mut random: Random,
) {
    for at in moments {
        clock.sleep_until(at).await;
        let message = stream.ledger.message(stream.sent.get());
        let handed_in = match random.below(4) {
            0 => sender.try_send(message),
            1 => {
                // Some do not wait for long: then it was not handed in.
                let longest = clock.sleep_until(at + Duration::from_millis(20));
                match select(pin!(sender.send(message)), pin!(longest)).await {
                    Either::Left((sent, _)) => sent,
                    Either::Right(_) => continue,
                }
            }
            _ => sender.send(message).await,
        };
        match handed_in {
            Ok(()) => stream.add(0),
            Err(SendError::Full(_)) => {}
            Err(_) => return,
        }
    }
    if random.one_in(8) {
        let closed = sender.close(CloseCode::NORMAL, "no more");
        closed.expect("a short reason");
    }
}

/// Publishes each message to all members at once, whether or not they have
/// room for it.
pub(super) async fn publish(
    clock: Clock,
    members: Vec<(Sender, Rc<Stream>)>,
    moments: Vec<Duration>,
    mut random: Random,
) {
    for (number, at) in (0..).zip(moments) {
        clock.sleep_until(at).await;
        let Some((_, stream)) = members.first() else {
            return;
        };
        let message = Prepared::new(stream.ledger.message(number));
        for (member, stream) in &members {
            let sent = match random.one_in(2) {
                true => member.try_send(&message).map(|()| 0),
                false => member.send_newest(&message),
            };
            // One that was refused will not arrive either.
            stream.add(sent.map_or(1, |dropped| dropped as u64));
        }
    }
}

/// Runs the sending half; a failure is for the receiving half to tell. Once it
/// waits, only who wakes it lets it go on: time alone does not.
async fn reach(shell: &Shared, goal: Goal) {
    let mut waits = false;
    let reached = poll_fn(|cx| {
        let mut shell = shell.borrow_mut();
        let written = shell.written.len();
        let reached = shell.poll_goal(goal, cx.waker());
        let goes_on = matches!(reached, Poll::Ready(Ok(()))) || shell.written.len() > written;
        let is_told = !waits || shell.clock.is_woken();
        assert!(
            is_told || !goes_on,
            "{goal:?}: nobody woke who waits for it"
        );
        waits = true;
        reached
    });
    let _ = reached.await;
}

/// Does one thing, unless it is too late for it; `false` when there is no room
/// for it.
fn perform(
    shell: &mut Shell,
    stream: &Stream,
    parts: &mut Option<(Message, usize)>,
    action: Action,
) -> bool {
    if shell.sending.closing().is_sent() {
        return true;
    }
    let number = stream.sent.get();
    let message = || stream.ledger.message(number);
    let outgoing = shell.sending.outgoing_mut();
    let is_done = match action {
        Action::Send(way) => {
            let queued = match way {
                Way::Plain => outcome(outgoing.queue(message())),
                Way::Compressed => outcome(outgoing.queue(Compressed(message()))),
                Way::Uncompressed => outcome(outgoing.queue(Uncompressed(message()))),
                Way::Prepared => outcome(outgoing.queue(&Prepared::new(message()))),
            };
            if queued {
                stream.add(0);
            }
            queued
        }
        Action::Part => {
            let (message, start) = parts.get_or_insert_with(|| (message(), 0));
            let mut end = *start + (message.len() - *start) / 2;
            if let Some(text) = message.as_text() {
                end = (end..)
                    .find(|end| text.is_char_boundary(*end))
                    .expect("the end is one");
            }
            let queued = outcome(outgoing.queue_part(slice(message, *start..end)));
            if queued {
                *start = end;
            }
            queued
        }
        Action::LastPart => {
            let Some((message, start)) = parts else {
                return true;
            };
            let last = slice(message, *start..message.len());
            let queued = outcome(outgoing.queue_last_part(last));
            if queued {
                *parts = None;
                stream.add(0);
            }
            queued
        }
        Action::Ping => {
            let pings = &mut shell.inbox.pings;
            let data = (pings.sent + 1).to_string();
            // Nobody waits to send a ping.
            pings.sent += u64::from(outgoing.ping(data.as_bytes()).is_ok());
            return true;
        }
        Action::Pause(pause) => {
            shell.paused_until = shell.clock.now() + pause;
            return true;
        }
        Action::Close(code) | Action::LateClose(code) => {
            shell.start_close(code);
            return true;
        }
        Action::Leave => {
            shell.give_up();
            return true;
        }
    };
    if is_done {
        shell.queued();
    }
    is_done
}

fn slice(message: &Message, range: Range<usize>) -> Message {
    match message {
        Message::Text(text) => Message::from(&text[range]),
        Message::Binary(bytes) => bytes.slice(range).into(),
    }
}

/// Whether it was queued; the one reason not to is that there is no room.
fn outcome<P>(result: Result<(), SendError<P>>) -> bool {
    match result {
        Ok(()) => true,
        Err(SendError::Full(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}
