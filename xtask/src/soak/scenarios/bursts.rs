//! S16: very much at once, by the loops of the documentation, to clients that read. Everything
//! arrives, nobody is closed, and nothing stays when the clients are gone.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// Time for a burst, which ends by itself where nothing more comes, and for the server to see that
/// its clients have gone.
const BURST: Duration = Duration::from_secs(30);
const GONE: Duration = Duration::from_secs(2);

/// The server's threads.
const WORKERS: [(u32, &str); 2] = [(1, "1 thread"), (2, "2 threads")];

/// A burst among members of a room, or to one that is answered.
struct Burst {
    what: &'static str,
    server: &'static str,
    /// What each member writes, and how many of them do.
    writers: u64,
    messages: u64,
    size: u64,
    members: u64,
    /// What each member gets.
    expected: u64,
    /// The members' path, and that of one more which asks the server to publish.
    paths: &'static str,
}

const BURSTS: [Burst; 13] = [
    Burst {
        what: "close: one of 5 writes 2,000 x 1 B",
        server: "--policy close",
        writers: 1,
        messages: 2_000,
        size: 1,
        members: 5,
        expected: 2_000,
        paths: ROOM,
    },
    Burst {
        what: "close: one task publishes 100 x 1 KiB to 20",
        server: "--policy close --messages 100 --size 1024",
        ..PUBLISHED
    },
    Burst {
        what: "drop-newest: the same",
        server: "--policy drop-newest --messages 100 --size 1024",
        ..PUBLISHED
    },
    Burst {
        what: "drop-oldest: the same",
        server: "--policy drop-oldest --messages 100 --size 1024",
        ..PUBLISHED
    },
    Burst {
        what: "close: 2 clients write 1,000 lines of 11 B",
        server: "--policy close",
        writers: 2,
        messages: 1_000,
        size: 11,
        members: 2,
        expected: 2_000,
        paths: ROOM,
    },
    Burst {
        what: "close, by events: one of 5 writes 500 x 1,000 B",
        server: "--policy close --events",
        writers: 1,
        messages: 500,
        size: 1_000,
        members: 5,
        expected: 500,
        paths: ROOM,
    },
    Burst {
        what: "echo by its own sender: 964 x 4 B",
        messages: 964,
        expected: 964,
        ..BY_SENDER
    },
    Burst {
        what: "echo by its own sender: 2,000 x 4 B",
        messages: 2_000,
        expected: 2_000,
        ..BY_SENDER
    },
    Burst {
        what: "echo by events: 2,000 x 1 KB",
        server: "--events",
        size: 1_000,
        paths: "--path /",
        messages: 2_000,
        expected: 2_000,
        ..BY_SENDER
    },
    Burst {
        what: "wait: one alone writes 2,000 x 1 B",
        messages: 2_000,
        size: 1,
        ..waiting(1, 2_000)
    },
    Burst {
        what: "wait: 2 write 100 x 1 KB each",
        messages: 100,
        ..waiting(2, 200)
    },
    Burst {
        what: "wait: 50 write 10 x 1 KB each",
        ..waiting(50, 500)
    },
    Burst {
        what: "wait: 200 write 10 x 1 KB each",
        ..waiting(200, 2_000)
    },
];

const ROOM: &str = "--path /room/a";

/// One task of the server publishes.
const PUBLISHED: Burst = Burst {
    what: "",
    server: "",
    writers: 0,
    messages: 0,
    size: 1_024,
    members: 20,
    expected: 100,
    paths: "--path /room/a --trigger /burst-publisher/a",
};

/// The handler answers by a sender of its own connection, and waits for that.
const BY_SENDER: Burst = Burst {
    what: "",
    server: "",
    writers: 1,
    messages: 0,
    size: 4,
    members: 1,
    expected: 0,
    paths: "--path /sender",
};

/// All members publish at once, and whoever publishes waits for all.
const fn waiting(members: u64, expected: u64) -> Burst {
    Burst {
        what: "",
        server: "--policy wait",
        writers: members,
        messages: 10,
        size: 1_000,
        members,
        expected,
        paths: ROOM,
    }
}

/// What a server sends at once to a client that connects again by itself and answers each message:
/// little enough for the system to keep all of it, for neither end reads before it has written.
const ANSWERED: u64 = 2_000;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    for (workers, on) in WORKERS {
        for burst in &BURSTS {
            play_burst(stage, burst, workers, on)?;
        }
        play_answers(stage, workers, on)?;
    }
    Ok(())
}

fn play_burst(stage: &mut Stage<'_>, burst: &Burst, workers: u32, on: &str) -> Result<(), Error> {
    let Burst {
        server,
        writers,
        messages,
        size,
        members,
        expected,
        paths,
        ..
    } = burst;
    let what = format!("{on}, {}", burst.what);
    let arguments = format!("{server} --workers {workers}");
    let (server, port) = stage.serve(&arguments, &Confinement::None)?;
    let arguments = format!(
        "burst --connections {members} --writers {writers} --messages {messages} --size {size} \
         --expected {expected} {paths}"
    );
    let client = stage.client(port, &arguments)?;
    stage.finish(client, BURST)?;
    stage.count(
        format!("{what}: arrived"),
        stage.fact(client, "received"),
        members * expected,
    );
    stage.count(
        format!("{what}: members ended"),
        stage.fact(client, "ended") + stage.fact(client, "failed"),
        0,
    );
    judge_messages(stage, &what, client);
    if stage.fact(client, "burst_all_count") == *members {
        let last = stage.ms(client, "burst_all_max");
        stage.tell(format!("{what}: to the last message"), last, " ms");
    }
    judge_end(stage, &what, server)
}

/// The server's burst to a client that answers by the handle that outlives its connections.
fn play_answers(stage: &mut Stage<'_>, workers: u32, on: &str) -> Result<(), Error> {
    let what = format!("{on}, a client that connects again answers 2,000 x 40 B");
    let arguments = format!("--workers {workers} --messages {ANSWERED} --size 40");
    let (server, port) = stage.serve(&arguments, &Confinement::None)?;
    let client = stage.client(port, &format!("answer --path /burst --expected {ANSWERED}"))?;
    stage.finish(client, BURST)?;
    stage.until("answers", GONE, |stage| {
        stage.fact(server, "received") >= ANSWERED
    })?;
    stage.count(
        format!("{what}: arrived"),
        stage.fact(server, "received"),
        ANSWERED,
    );
    stage.count(
        format!("{what}: connections lost"),
        stage.fact(client, "disconnected"),
        0,
    );
    judge_messages(stage, &what, client);
    judge_end(stage, &what, server)
}

fn judge_messages(stage: &mut Stage<'_>, what: &str, client: Id) {
    let wrong = ["lost", "repeated", "torn"];
    let wrong = wrong.iter().map(|it| stage.fact(client, it)).sum();
    stage.count(format!("{what}: messages lost, repeated or torn"), wrong, 0);
}

/// The clients have gone: nothing of their connections stays.
fn judge_end(stage: &mut Stage<'_>, what: &str, server: Id) -> Result<(), Error> {
    // A server that has said nothing yet has not said that there are none.
    let gone = stage.until("gone", GONE, |stage| {
        stage.fact(server, "tasks") > 0 && stage.fact(server, "connections") == 0
    })?;
    let gone = gone.map_or(f64::NAN, |gone| gone.as_secs_f64());
    let most = Limit::Most(GONE.as_secs_f64());
    stage.check(format!("{what}: connections gone after"), gone, " s", most);
    stage.kill(server);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_get_what_all_of_them_write() {
        for burst in BURSTS.iter().filter(|burst| burst.writers > 0) {
            let written = burst.writers * burst.messages;
            assert_eq!(burst.expected, written, "{}", burst.what);
        }
    }
}
