//! Two drivers, a link and a clock: whole connections without a runtime,
//! sockets or waiting, each following from one seed.
//!
//! ```text
//!  application ─▶ Shell ──▶ Link: delay, stall, cut, reset ──▶ Shell ◀─ application
//!  senders ─────▶ client ◀─────────────────────────── Link ◀── server ◀──── senders
//!  publisher ───▶ both
//!        one clock, moved to whatever is due next once nobody is woken
//! ```
//!
//! Each application, sender, publisher and half of a connection is a task, which is
//! polled only when something has woken it: in an order that is drawn, or, as
//! by one worker of a runtime, in the order in which they were woken. A
//! connection that is not split has one task for its application and both halves.
//! Beside some, the same worker has connections to hostile peers. Some servers have
//! a budget of memory, which is used up now and then, or all the time.
//!
//! A run fails by a panic unless
//!
//! - what arrived is what was sent, in order, once, equal in every byte, and
//!   complete where the closing handshake was, but for what its sender was told
//!   to be dropped;
//! - both ends came to an end, each was told which, and closing kept its
//!   deadlines; nobody waited for something that nobody would do;
//! - no deadline expired that had not passed;
//! - every byte that went out was part of a valid frame, and none came after
//!   a Close;
//! - whoever was told that something was sent finds it taken by the link and
//!   flushed, all of it;
//! - no task worked longer at once than a turn and a step of it, and none that
//!   could go on waited for more than a turn of each other one;
//! - no messages waited for each other's memory, and all of it came back;
//! - without a fault, both ends closed cleanly.

mod actors;
mod charging;
mod clock;
mod halves;
mod hostile;
mod inbox;
mod link;
mod memory;
mod plan;
mod shell;
mod taking;
mod times;

use std::{panic, thread};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join};
use socket_flow_protocol::Role;

use crate::report::Report;
use crate::simulation::actors::{act, hand_in, publish, receive};
use crate::simulation::clock::Task;
use crate::simulation::hostile::attack;
use crate::simulation::plan::{Mood, Plan};
use crate::simulation::times::CLEAN;
use crate::wire;

/// Runs the connection that follows from `seed`.
///
/// # Panics
///
/// When something went wrong that must not; see the [module](self).
pub fn run(seed: u64) -> Report {
    let running = move || {
        let mut plan = Plan::of(seed);
        let acting = [0, 1].map(|index| {
            let shell = plan.shells[index].clone();
            act(shell, plan.mood, plan.random.fork()).boxed_local()
        });
        play(plan, acting)
    };
    let entered = memory::enter(seed);
    // A thread of its own has no buffers of another run.
    let outcome = thread::spawn(running).join();
    let report = outcome.unwrap_or_else(|panic| panic::resume_unwind(panic));
    entered.judge();
    report
}

/// Runs a connection whose applications do this.
fn play(mut plan: Plan, acting: [LocalBoxFuture<'static, ()>; 2]) -> Report {
    let (mut tasks, mut members) = (Vec::new(), Vec::new());
    for (shared, acting) in plan.shells.iter().zip(acting) {
        let receiving = receive(shared.clone(), Vec::new());
        let shell = shared.borrow();
        if shell.is_split {
            tasks.push(Task::new((shell.role, "writer"), acting));
            tasks.push(Task::new((shell.role, "reader"), receiving));
        } else {
            let both = join(acting, receiving);
            tasks.push(Task::new((shell.role, "connection"), both));
        }
        let [_, streams @ .., published] = &shell.streams;
        if let Some((sender, _)) = &shell.senders {
            for stream in streams {
                let member = (sender.clone(), stream.clone());
                let handing = hand_in(plan.clock.clone(), member, plan.random.fork());
                tasks.push(Task::new((shell.role, "sender"), handing));
            }
            members.push((sender.clone(), published.clone()));
        }
    }
    let publishing = publish(plan.clock.clone(), members, plan.random.fork());
    tasks.push(Task::new((Role::Server, "publisher"), publishing));
    if let Some(budget) = &plan.budget {
        let hoarding = memory::hoard(plan.clock.clone(), budget.clone(), plan.random.fork());
        tasks.push(Task::new((Role::Server, "hoarder"), hoarding));
    }
    let mut links = plan.links.to_vec();
    if plan.random.usize(..4) == 0 {
        // Whoever shares memory with hostile peers may wait longer than deadlines last.
        let budget = plan.budget.as_ref().filter(|_| plan.mood == Mood::Rough);
        let (attacking, attacked) = attack(&plan.clock, budget, &mut plan.random);
        tasks.extend(attacking);
        links.extend(attacked);
    }
    let mut report = clock::run(&plan.clock, tasks, &links, &mut plan.random);
    report.add("attacked", (links.len() / 2 - 1) as u64);
    report += judge(&plan);
    let budget = plan.budget.clone();
    drop(plan);
    if let Some(budget) = &budget {
        memory::judge(budget, &mut report);
    }
    report
}

fn judge(plan: &Plan) -> Report {
    let mut report = Report::default();
    for (index, link) in plan.links.iter().enumerate() {
        let [shell, peer] = [index, 1 - index].map(|index| plan.shells[index].borrow());
        let (link, role) = (link.borrow(), shell.role);
        let told = shell.end.expect("an end that nobody was told");
        let is_clean = told == CLEAN;
        assert!(is_clean || plan.mood == Mood::Rough, "{role:?}: {told}");
        for (index, stream) in peer.streams.iter().enumerate() {
            // The peer's Close has arrived, and so has all that was before: what
            // its application sent and, where it began to close, what was handed in.
            let arrived = stream.judge(is_clean && (index == 0 || peer.closes_after_all));
            assert!(arrived.is_clean(), "{role:?}: {arrived}");
            report += arrived;
        }
        let (frames, _) = wire::frames(role, &link.taken);
        wire::check_order(&frames, plan.is_compressed);
        let closes = frames.iter().filter(|(first, _)| *first == 0x88);
        let [sent, first, second, published] = &shell.streams;
        for (name, count) in [
            (told, 1),
            ("bytes", link.taken.len() as u64),
            ("closes", closes.count() as u64),
            ("pings", shell.inbox.pings.sent),
            ("pongs", shell.inbox.pings.answered),
            ("split", shell.is_split.into()),
            ("sent", sent.sent.get()),
            ("handed-in", first.sent.get() + second.sent.get()),
            ("published", published.sent.get()),
            ("published-in-vain", published.dropped.get()),
        ] {
            report.add(name, count);
        }
        report += link.report.clone();
    }
    report.add("calm", (plan.mood != Mood::Rough).into());
    report.add("compressed", plan.is_compressed.into());
    report
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    use socket_flow_protocol::{Config, Negotiated};

    use super::*;
    use crate::seeds::Random;
    use crate::simulation::actors::{Shared, pause, send};
    use crate::simulation::link::Link;
    use crate::simulation::shell::Shell;

    /// RFC 6455 §5.5.1: a Close may be answered once the message that is being
    /// sent is through. Until then more is queued than the link holds.
    #[test]
    fn a_peer_that_ends_its_side_still_gets_what_is_queued_whole() {
        let mut plan = Plan::of(1);
        plan.mood = Mood::Calm;
        plan.is_compressed = false;
        plan.links = [(1_000, true), (50, false)].map(|(capacity, ends_with_close)| {
            let link = Link::new(&mut Random::with_seed(1), &plan.clock, capacity, Mood::Calm);
            link.borrow_mut().delay = 0;
            link.borrow_mut().ends_with_close = ends_with_close;
            link
        });
        let [up, down] = plan.links.clone();
        let [client, server] = plan
            .shells
            .each_ref()
            .map(|shell| shell.borrow().streams.clone());
        let open = |role, links: [_; 2], streams: [_; 2]| -> Shared {
            let shells = (1..).map(|seed| {
                let (config, random) = (Config::new(), Random::with_seed(seed));
                let (links, streams) = (links.clone(), streams.clone());
                let none = Negotiated::default();
                Shell::new(role, config, &none, random, links, streams, &plan.clock)
            });
            let without_senders = shells.into_iter().find(|shell| shell.senders.is_none());
            Rc::new(RefCell::new(without_senders.unwrap()))
        };
        plan.shells = [
            open(
                Role::Client,
                [&down, &up].map(Rc::clone),
                [client.clone(), server.clone()],
            ),
            open(Role::Server, [up, down], [server, client]),
        ];
        let [client, server] = plan.shells.clone();
        let closing = async move {
            pause(&client, Duration::from_millis(1)).await;
            let clock = client.borrow().clock.clone();
            clock
                .sleep_until(clock.now() + Duration::from_millis(1))
                .await;
            client.borrow_mut().start_close(1000);
        };
        let sending = async move {
            for _ in 0..20 {
                send(&server, &mut Random::with_seed(1)).await;
            }
        };
        let report = play(plan, [closing.boxed_local(), sending.boxed_local()]);
        assert_eq!(report.get("clean-ends"), 2);
        assert_eq!(report.get("ended-sides"), 1);
        assert!(report.get("sent") > 0);
        assert_eq!(report.get("messages"), report.get("sent"));
    }
}
