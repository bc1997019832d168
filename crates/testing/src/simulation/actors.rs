use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use socket_flow_connection::{Publications, Sender};
use socket_flow_protocol::driver::Goal;
use socket_flow_protocol::{
    CloseCode, Compressed, Compression, Outgoing, Payload, Prepared, SendError, Uncompressed,
};

use crate::ledger::halves;
use crate::seeds::{Random, pick};
use crate::simulation::clock::Clock;
use crate::simulation::inbox::Stream;
use crate::simulation::plan::Mood;
use crate::simulation::shell::Shell;

/// A connection as the tasks that use it share it.
pub(super) type Shared = Rc<RefCell<Shell>>;

/// Receives until it is told that the connection is over, and drops it. A
/// handler echoes its messages or, if there are members, gives each to all of
/// them; meanwhile it drives the connection, or nobody runs it.
pub(super) async fn receive(shell: Shared, members: Vec<Sender>) {
    while !poll_fn(|cx| shell.borrow_mut().poll_receive(cx.waker())).await {
        let kept = shell.borrow_mut().kept.take();
        let Some(message) = kept else {
            continue;
        };
        if members.is_empty() {
            let answers = shell.borrow().answers;
            if answers > 0 {
                let answer = Compressed("0".repeat(answers));
                let answered = shell.borrow_mut().sending.queue(answer);
                assert!(!matches!(answered, Err(SendError::Full(_))), "no room");
                shell
                    .borrow_mut()
                    .charge_queued(answers, Compression::Always);
                continue;
            }
            // Its beginning: a long one would fill the queue by itself.
            let echo = Uncompressed(&message.as_bytes()[..message.len().min(1_000)]);
            let echoed = shell.borrow_mut().sending.queue(echo);
            assert!(!matches!(echoed, Err(SendError::Full(_))), "no room");
            continue;
        }
        for member in &members {
            let sending = pin!(member.send(message.clone()));
            if shell.borrow().drains {
                let _ = sending.await;
                continue;
            }
            let driving = poll_fn(|cx| shell.borrow_mut().poll_drive(cx.waker()));
            if let Either::Right((_, sending)) = select(sending, pin!(driving)).await {
                let _ = sending.await;
            }
        }
    }
    shell.borrow_mut().leave();
}

/// An application: sends this and that until the connection is closed, and
/// closes it, or hardly ever leaves it without.
pub(super) async fn act(shell: Shared, mood: Mood, mut random: Random) {
    let (is_calm, is_patient) = (mood != Mood::Rough, mood == Mood::Patient);
    let (clock, random) = (shell.borrow().clock.clone(), &mut random);
    let longest = if is_calm { 50_000 } else { 5_000_000 };
    let spread = pick(random, [0, 1_000, 100_000, longest]);
    let mut at = clock.now();
    for _ in 0..random.usize(..13) {
        at += Duration::from_micros(random.u64(..=spread));
        clock.sleep_until(at).await;
        match random.usize(..8) {
            0 => ping(&shell).await,
            1 => {
                let longest = if is_calm { 100_000 } else { 40_000_000 };
                pause(&shell, Duration::from_micros(random.u64(..longest))).await;
            }
            2 => {
                // Some never end what they began.
                let ends = is_patient || random.usize(..10) > 0;
                send_in_parts(&shell, random, ends).await;
                if !ends {
                    break;
                }
            }
            _ => send(&shell, random).await,
        }
        if shell.borrow().is_closing() {
            return;
        }
    }
    let longest = if is_calm { 1_000_000 } else { 100_000_000 };
    at += Duration::from_micros(pick(random, [0, random.clone().u64(..longest)]));
    if is_patient {
        if shell.borrow().is_split {
            // Nobody else writes what this half has queued.
            reach(&shell, Goal::Flushed).await;
        }
        at += Duration::from_secs(3_600);
    }
    clock.sleep_until(at).await;
    let mut shell = shell.borrow_mut();
    if shell.is_closing() {
        return;
    }
    if is_patient {
        let streams = shell.streams.iter();
        streams.for_each(|stream| stream.assert_arrived());
    }
    match !is_calm && random.usize(..20) == 0 {
        true => shell.give_up(),
        false => shell.start_close(pick(random, [1000, 1001, 1011, 3000, 4999])),
    }
}

/// Sends the next message, in one of several ways.
pub(super) async fn send(shell: &Shared, random: &mut Random) {
    let stream = shell.borrow().streams[0].clone();
    let message = stream.next();
    let is_queued = match random.usize(..5) {
        0 => queue(shell, Compressed(message), Outgoing::queue).await,
        1 => queue(shell, Uncompressed(message), Outgoing::queue).await,
        2 => queue(shell, &Prepared::new(message), Outgoing::queue).await,
        _ => queue(shell, message, Outgoing::queue).await,
    };
    if is_queued {
        stream.add(0);
    }
}

/// Sends the next message part by part, with pings in between, to its end or
/// not.
async fn send_in_parts(shell: &Shared, random: &mut Random, ends: bool) {
    let stream = shell.borrow().streams[0].clone();
    let mut rest = stream.next();
    for _ in 0..random.usize(1..=3) {
        let (part, last) = halves(&rest);
        if !queue(shell, part, Outgoing::queue_part).await {
            return;
        }
        rest = last;
        if random.usize(..3) == 0 {
            ping(shell).await;
        }
    }
    if ends && queue(shell, rest, Outgoing::queue_last_part).await {
        stream.add(0);
    }
}

/// Queues something once there is room for it, which is all that may be in the
/// way, and perhaps flushes it; `false` where it is too late.
async fn queue<P: Payload>(
    shell: &Shared,
    mut message: P,
    queue: fn(&mut Outgoing, P) -> Result<(), SendError<P>>,
) -> bool {
    let (len, compression) = (message.bytes().len(), message.compression());
    // What is encoded for many is not this connection's work.
    let is_own = message.prepared().is_none();
    while !shell.borrow().is_closing() {
        let queued = queue(shell.borrow_mut().sending.outgoing_mut(), message);
        match queued {
            Ok(()) => {
                shell.borrow_mut().queued();
                if is_own {
                    shell.borrow_mut().charge_queued(len, compression);
                }
                flush(shell).await;
                return true;
            }
            Err(SendError::Full(back)) => message = back,
            Err(error) => panic!("{error:?}"),
        }
        reach(shell, Goal::Room).await;
    }
    false
}

/// Nobody waits to send a ping.
async fn ping(shell: &Shared) {
    let data = (shell.borrow().inbox.pings.sent + 1).to_string();
    let pinged = shell
        .borrow_mut()
        .sending
        .outgoing_mut()
        .ping(data.as_bytes());
    shell.borrow_mut().inbox.pings.sent += u64::from(pinged.is_ok());
    flush(shell).await;
}

/// Receives nothing for so long.
pub(super) async fn pause(shell: &Shared, pause: Duration) {
    let clock = shell.borrow().clock.clone();
    let until = clock.now() + pause;
    shell.borrow_mut().paused_until = until;
    // Where halves are apart, the other one waits for what is handed in.
    let waits = shell.borrow_mut().random.bool();
    if waits && !shell.borrow().is_split {
        let (pause, closed) = (clock.sleep_until(until), reach(shell, Goal::Closed));
        select(pin!(pause), pin!(closed)).await;
    } else {
        flush(shell).await;
    }
}

/// Flushes every other time.
async fn flush(shell: &Shared) {
    let waits = shell.borrow_mut().random.bool();
    if waits && !shell.borrow().is_closing() {
        reach(shell, Goal::Flushed).await;
    }
}

/// Who hands messages in, and which.
pub(super) type Member = (Sender, Rc<Stream>);

/// Hands messages in now and then, from a task of its own.
pub(super) async fn hand_in(clock: Clock, (sender, stream): Member, mut random: Random) {
    for at in moments(&clock, &mut random) {
        clock.sleep_until(at).await;
        let message = stream.next();
        let handed_in = match random.usize(..4) {
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
    if random.usize(..8) == 0 {
        let closed = sender.close(CloseCode::NORMAL, "no more");
        closed.expect("a short reason");
    }
}

/// Publishes messages to all members at once, whether or not they have room for
/// them.
pub(super) async fn publish(clock: Clock, members: Vec<Member>, mut random: Random) {
    let publications = Publications::default();
    for at in moments(&clock, &mut random) {
        clock.sleep_until(at).await;
        let Some((_, stream)) = members.first() else {
            return;
        };
        let message = Prepared::new(stream.next());
        let published = publications.add(&message);
        for (member, stream) in &members {
            let sent = match random.usize(..3) {
                0 => member.try_send(&message).map(|()| 0).map_err(drop),
                1 => member.send_newest(&message).map_err(drop),
                _ => member.publish_newest(&published).map_err(drop),
            };
            // One that was refused will not arrive either.
            stream.add(sent.map_or(1, |dropped| dropped as u64));
        }
    }
}

/// When others send, in order.
fn moments(clock: &Clock, random: &mut Random) -> Vec<Duration> {
    let spread = pick(random, [0, 1_000, 100_000]);
    let mut at = clock.now();
    let moments = (0..random.usize(..7)).map(|_| {
        at += Duration::from_micros(random.u64(..=spread));
        at
    });
    moments.collect()
}

/// Runs the sending half; a failure is for the receiving half to tell. Once it
/// waits, only who wakes it lets it go on: time alone does not.
async fn reach(shell: &Shared, goal: Goal) {
    let mut waits = false;
    let reached = poll_fn(|cx| {
        let mut shell = shell.borrow_mut();
        let written = shell.written();
        let reached = shell.poll_goal(goal, cx.waker());
        let goes_on = matches!(reached, Poll::Ready(Ok(()))) || shell.written() > written;
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
