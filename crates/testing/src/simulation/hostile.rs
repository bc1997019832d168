use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::future::join;
use socket_flow_connection::Sender;
use socket_flow_protocol::{
    Budget, CloseCode, Compressed, Config, Deflate, NEVER, Negotiated, Protocol, Role,
};
use strum::{EnumIter, IntoEnumIterator};

use crate::ledger::Ledger;
use crate::seeds::{Random, pick};
use crate::simulation::actors::{Shared, receive};
use crate::simulation::clock::{Clock, HOSTILE, Task};
use crate::simulation::inbox::Stream;
use crate::simulation::link::{Link, SharedLink};
use crate::simulation::plan::{Mood, compressing};
use crate::simulation::shell::Shell;

/// What peers do that want a server's whole worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter)]
enum Attack {
    /// Messages that come byte by byte.
    Drip,
    EmptyMessages,
    /// Messages that come in pieces, so that several are there in part.
    Halves,
    /// Empty fragments of one message, and pings between them.
    Fragments,
    /// Messages that inflate to a thousand times as many bytes.
    Bombs,
    /// Messages whose echoes are not read.
    UnreadEchoes,
    /// Messages that are answered by far larger ones, which are compressed by turns.
    LargeAnswers,
    /// Messages that the server publishes to all of them, itself included, and
    /// that they read.
    Ring,
    /// Messages that the server answers through a sender of their connection,
    /// as others do; it runs it only by receiving, and they read the answers.
    Requests,
}

/// Connections of a server to hostile peers: who acts there, and the links.
pub(super) fn attack(
    clock: &Clock,
    budget: Option<&Budget>,
    random: &mut Random,
) -> (Vec<Task>, Vec<SharedLink>) {
    let attack = random.choice(Attack::iter()).expect("one at least");
    let (count, len) = match attack {
        Attack::Drip => (20, 1_000),
        Attack::EmptyMessages | Attack::Fragments => (20_000, 0),
        Attack::Halves => pick(random, [(10, 5_000), (4, 100_000)]),
        Attack::Bombs => pick(random, [(40, 60_000), (3, 1_000_000)]),
        Attack::UnreadEchoes => (300, 1_000),
        Attack::LargeAnswers => (10, 10),
        Attack::Ring | Attack::Requests => (60, 1_000),
    };
    let negotiated = match attack {
        Attack::Bombs | Attack::LargeAnswers => compressing(&Deflate::balanced()),
        _ => Negotiated::default(),
    };
    let mut config = Config::new().high_water(pick(random, [300, 5_000, 65_536]));
    if attack.publishes() {
        // No deadline helps those who wait for each other.
        config = config.ping_interval(NEVER).stall_timeout(NEVER);
    }
    // Where one is let go, those who wait for its messages wait for ever.
    let lets_go = |budget: &&Budget| budget.patience() != NEVER;
    if let Some(budget) = budget.filter(|budget| !(attack.publishes() && lets_go(budget))) {
        config = config.budget(budget.clone());
    }
    let streams = [(); 2].map(|()| [(); 4].map(|()| Stream::new(Ledger::new(0, 1))));
    let (mut links, mut tasks) = (Vec::new(), Vec::new());
    let shells = (0..random.usize(1..=3)).map(|_| {
        let capacity = pick(random, [700, 70_000, 70_000]);
        let both = [(); 2].map(|()| Link::new(random, clock, capacity, Mood::Calm));
        links.extend(both.clone());
        let (config, random, streams) = (config.clone(), random.fork(), streams.clone());
        let role = Role::Server;
        let mut shell = Shell::new(role, config, &negotiated, random, both, streams, clock);
        shell.serves = true;
        shell.holds = !attack.publishes();
        if attack == Attack::LargeAnswers {
            shell.answers = 200_000;
        }
        shell.drains = attack == Attack::Requests;
        Rc::new(RefCell::new(shell))
    });
    let shells: Vec<Shared> = shells.collect();
    let publishing = shells.iter().filter(|_| attack.publishes());
    let all: Vec<_> = publishing
        .map(|shell| shell.borrow_mut().sender())
        .collect();
    let answers = match attack {
        Attack::UnreadEchoes => 0,
        Attack::Ring => all.len(),
        Attack::Requests => 2,
        _ => usize::MAX,
    };
    // The header of a message of this length has four bytes.
    let reads = answers.saturating_mul(count * (4 + len));
    for (index, (shell, links)) in shells.iter().zip(links.chunks(2)).enumerate() {
        let bytes = bytes(attack, count, len, &negotiated);
        let piece = match attack {
            Attack::Drip => 1,
            Attack::Halves => 1_000,
            _ => usize::MAX,
        };
        let (up, down) = (links[0].clone(), links[1].clone());
        let attacking = async move {
            let (_, read) = join(write(&up, bytes, piece), read(&down, reads)).await;
            let is_all = read == reads || answers == usize::MAX;
            assert!(is_all, "{read} of {reads} bytes came");
            up.borrow_mut().shut_down();
        };
        let mut members = all.clone();
        if attack == Attack::Requests {
            members = vec![all[index].clone()];
            let beside = answer_beside(clock.clone(), all[index].clone(), count, len);
            tasks.push(Task::new((Role::Server, HOSTILE), beside));
        }
        let serving = receive(shell.clone(), members);
        tasks.push(Task::new((Role::Client, HOSTILE), attacking));
        tasks.push(Task::new((Role::Server, HOSTILE), serving));
    }
    (tasks, links)
}

impl Attack {
    /// Whether the server answers through senders.
    fn publishes(self) -> bool {
        matches!(self, Self::Ring | Self::Requests)
    }
}

/// Hands so many messages in, and never waits in line before the handler.
async fn answer_beside(clock: Clock, sender: Sender, count: usize, len: usize) {
    for _ in 0..count {
        while sender.try_send("0".repeat(len)).is_err() {
            let later = clock.now() + Duration::from_micros(100);
            clock.sleep_until(later).await;
        }
    }
}

/// So many messages of an attack and, where nothing else ends it, a Close.
fn bytes(attack: Attack, count: usize, len: usize, negotiated: &Negotiated) -> Bytes {
    let config = Config::new().high_water(usize::MAX);
    let mut client = Protocol::client(config, negotiated.clone(), [7; 32]);
    let text = "0".repeat(len);
    for _ in 0..count {
        let is_queued = match attack {
            Attack::Bombs => client.queue(Compressed(&*text)).is_ok(),
            Attack::Fragments => client.queue_part("").is_ok() && client.ping(b"").is_ok(),
            _ => client.queue(&*text).is_ok(),
        };
        assert!(is_queued, "{attack:?}");
        // What is compressed by turns fills the queue until it is asked for.
        let _ = client.output();
    }
    if !attack.publishes() {
        client.close(CloseCode::NORMAL, "").expect("a short reason");
    }
    let len = client.output().len();
    client.output().copy_to_bytes(len)
}

/// Writes all of it, so much at a time, unless the link fails.
async fn write(link: &SharedLink, mut bytes: Bytes, piece: usize) {
    while !bytes.is_empty() {
        let piece = &bytes[..piece.min(bytes.len())];
        match poll_fn(|cx| link.borrow_mut().write(piece, cx.waker())).await {
            Ok(count) => bytes.advance(count),
            Err(_) => return,
        }
    }
}

/// Reads so many bytes, unless there are less; how many there were.
async fn read(link: &SharedLink, most: usize) -> usize {
    let mut count = 0;
    while count < most {
        let space = &mut [0; 4096][..];
        match poll_fn(|cx| link.borrow_mut().read(&mut *space, cx.waker())).await {
            Ok(more @ 1..) => count += more,
            _ => break,
        }
    }
    count
}
