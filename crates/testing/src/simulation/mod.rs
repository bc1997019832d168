//! Two drivers, a link and a clock: whole connections without a runtime,
//! sockets or waiting, each following from one seed.
//!
//! ```text
//!  script ───▶ Shell ──▶ Link: delay, stall, cut, reset ──▶ Shell ◀─── script
//!  senders ──▶ client ◀──────────────────────────── Link ◀── server ◀── senders
//!  publisher ──▶ both
//!        one clock, moved to whatever is due next once nobody is woken
//! ```
//!
//! Each script, sender, publisher and half of a connection is a task, which is
//! polled only when something has woken it, in an order that is drawn. A
//! connection that is not split has one task for its script and both halves.
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
//! - without a fault, both ends closed cleanly.

mod actors;
mod clock;
mod inbox;
mod link;
mod plan;
mod script;
mod shell;
mod times;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::join;
use socket_flow_connection::Outlet;
use socket_flow_protocol::driver::drive;
use socket_flow_protocol::{Input, Protocol, Role};

use crate::ledger::Tally;
use crate::random::Random;
use crate::report::Report;
use crate::simulation::actors::{Shared, act, hand_in, publish, receive};
use crate::simulation::clock::Task;
use crate::simulation::inbox::Inbox;
use crate::simulation::plan::Plan;
use crate::simulation::shell::Shell;
use crate::simulation::times::CLEAN;
use crate::wire;

/// Runs the connection that follows from `seed`.
///
/// # Panics
///
/// When something went wrong that must not; see the [module](self).
pub fn run(seed: u64) -> Report {
    play(Plan::of(seed))
}

fn play(mut plan: Plan) -> Report {
    let connections = [0, 1].map(|index| connection(&plan, index));
    let (mut tasks, mut members) = (Vec::new(), Vec::new());
    for (end, shell) in plan.ends.iter().zip(&connections) {
        let (role, clock) = (end.role, &plan.clock);
        let [.., published] = &end.streams;
        let acting = act(shell.clone(), end.streams.clone(), end.script.clone());
        let receiving = receive(shell.clone());
        if end.is_split {
            tasks.push(Task::new(role, "writer", acting));
            tasks.push(Task::new(role, "reader", receiving));
        } else {
            tasks.push(Task::new(role, "connection", join(acting, receiving)));
        }
        if let Some((sender, _)) = &shell.borrow().senders {
            for (moments, stream) in end.senders.iter().flatten().zip(&end.streams[1..]) {
                let random = Random::new(plan.order.bits());
                let (clock, sender) = (clock.clone(), sender.clone());
                let handing = hand_in(clock, sender, stream.clone(), moments.clone(), random);
                tasks.push(Task::new(role, "sender", handing));
            }
            members.push((sender.clone(), published.clone()));
        }
    }
    let (clock, random) = (plan.clock.clone(), Random::new(plan.order.bits()));
    let publishing = publish(clock, members, plan.published.clone(), random);
    tasks.push(Task::new(Role::Server, "publisher", publishing));
    clock::run(&plan.clock, tasks, &plan.links, &mut plan.order);
    judge(&plan, &connections)
}

fn connection(plan: &Plan, index: usize) -> Shared {
    let (end, peer) = (&plan.ends[index], &plan.ends[1 - index]);
    let mut random = end.random.clone();
    let (config, negotiated) = (end.config.clone(), plan.negotiated.clone());
    let protocol = match end.role {
        Role::Client => {
            let seed = [(); 32].map(|()| random.bits() as u8);
            Protocol::client(config, negotiated, seed)
        }
        Role::Server => Protocol::server(config, negotiated),
    };
    let (outbound, inbound) = (&plan.links[index], &plan.links[1 - index]);
    let mut shell = Shell::new(
        drive(protocol, Input::new()),
        end.config.clone(),
        random,
        [inbound.clone(), outbound.clone()],
        &plan.clock,
        Inbox::new(&peer.streams),
    );
    (shell.is_split, shell.holds) = (end.is_split, end.holds);
    if end.senders.is_some() {
        shell.senders = Some(Outlet::new(end.config.limits().high_water));
        shell.sending.expect_handed_in();
    }
    Rc::new(RefCell::new(shell))
}

fn judge(plan: &Plan, connections: &[Shared; 2]) -> Report {
    let (mut tally, mut report) = (Tally::default(), Report::default());
    for (index, end) in plan.ends.iter().enumerate() {
        let (shell, peer) = (connections[index].borrow(), connections[1 - index].borrow());
        let told = shell.end.expect("an end that nobody was told");
        assert!(
            !plan.is_calm || told == CLEAN,
            "{:?}: {told}, no fault",
            end.role
        );
        // The peer's Close has arrived, and so has all that was before: what
        // its script sent and, where it began to close, what was handed in.
        let arrived = shell
            .inbox
            .tally(|stream| told == CLEAN && (stream == 0 || peer.closes_after_all));
        assert!(arrived.is_clean(), "{:?}: {arrived:?}", end.role);
        tally += arrived;
        let (frames, _) = wire::frames(end.role, &shell.written);
        wire::check_order(&frames, plan.is_compressed());
        let closes = frames.iter().filter(|(first, _)| *first == 0x88);
        report.add("closes", closes.count() as u64);
        report.add(told, 1);
        report.add("pings", shell.inbox.pings.sent);
        report.add("pongs", shell.inbox.pings.answered);
        report.add("split", u64::from(end.is_split));
        let [script, senders @ .., published] = &end.streams;
        let handed_in = senders.iter().map(|stream| stream.sent.get()).sum();
        report.add("sent", script.sent.get());
        report.add("handed-in", handed_in);
        report.add("published", published.sent.get());
        report.add("published-in-vain", published.dropped.get());
        plan.links[index].borrow().count_into(&mut report);
    }
    report += &Report::of(tally);
    report.add("calm", u64::from(plan.is_calm));
    report.add("compressed", u64::from(plan.is_compressed()));
    report
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use socket_flow_protocol::{Config, Negotiated};

    use super::*;
    use crate::simulation::link::Link;
    use crate::simulation::script::{Action, Way};

    /// RFC 6455 §5.5.1: a Close may be answered once the message that is being
    /// sent is through. Until then more is queued than the link holds.
    #[test]
    fn a_peer_that_ends_its_side_still_gets_what_is_queued_whole() {
        let mut plan = Plan::of(1);
        plan.is_calm = true;
        plan.negotiated = Negotiated::default();
        plan.published.clear();
        plan.links = [1_000, 50]
            .map(|capacity| Link::new(plan.clock.clone(), 1, capacity, Duration::ZERO).share());
        plan.links[0].borrow_mut().ends_with_close = true;
        let now = plan.clock.now();
        let [client, server] = &mut plan.ends;
        for end in [&mut *client, &mut *server] {
            end.config = Config::new();
            end.senders = None;
        }
        let later = now + Duration::from_millis(1);
        client.script = vec![
            (now, Action::Pause(later - now)),
            (later, Action::Close(1000)),
        ];
        server.script = vec![(now, Action::Send(Way::Plain)); 20];
        let report = play(plan);
        assert_eq!(report.get("clean-ends"), 2);
        assert_eq!(report.get("ended-sides"), 1);
        assert!(report.get("sent") > 0);
        assert_eq!(report.get("messages"), report.get("sent"));
    }
}
