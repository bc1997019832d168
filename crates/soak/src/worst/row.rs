//! The states that are measured.

use std::path::Path;

/// What kernels keep for a connection, as far as they are asked: what they take is not in the server.
const BUFFER: &str = "--buffer 65536";

/// How often a program tells what it holds: the most of such a time is what is measured.
const REPORT: &str = "--report-ms 200";

/// A state of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name on the command line, and of the kind of clients that bring it about.
    pub name: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// The most that may be asked of the allocator, by column; `None` where there is no such state.
    most: [Option<u64>; 4],
    server: &'static str,
    attack: &'static str,
    /// One connection of so many is made.
    share: u64,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// TCP, uncompressed.
    Plain,
    /// TLS, uncompressed.
    Tls,
    /// TCP, compressed, with contexts that are kept from message to message.
    Kept,
    /// TCP, compressed, each message on its own.
    NotKept,
}

impl Row {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::new(
            "idle",
            "idle, once a message of 300 bytes was echoed",
            [Some(1_720), Some(9_650), Some(430_200), Some(2_000)],
        ),
        Self::new(
            "idle-after-head",
            "the same, opened by a head of 16 KiB and 98 lines",
            [Some(1_720), Some(9_650), Some(430_200), Some(2_000)],
        ),
        Self::new(
            "hello",
            "most of a ClientHello of 64 KiB",
            [None, Some(78_000), None, None],
        ),
        Self::new(
            "head",
            "half a head: all of 16 KiB but its end",
            [Some(22_200), Some(30_200), Some(22_200), Some(22_200)],
        ),
        Self {
            server: "--undecided",
            ..Self::new(
                "undecided",
                "admission: a decision that waits, with that head",
                [Some(45_500), Some(53_500), Some(45_500), Some(45_500)],
            )
        },
        Self::new(
            "active",
            "active: each echoes 1 KiB, again and again",
            [Some(2_400), Some(11_000), Some(520_000), Some(60_000)],
        ),
        Self {
            server: BUFFER,
            attack: BUFFER,
            ..Self::new(
                "unread",
                "unread echo of messages of 64 KiB",
                [Some(340_000), Some(440_000), Some(820_000), Some(380_000)],
            )
        },
        // Of the default of 16 MiB, few connections would fit into a machine.
        Self {
            server: "--buffer 65536 --max-message 1048576",
            attack: "--buffer 65536 --size 1048576",
            share: 5,
            ..Self::new(
                "worst",
                "worst case: an unread echo of 1 MiB, the limit, and most of another message",
                [
                    Some(2_200_000),
                    Some(2_300_000),
                    Some(3_000_000),
                    Some(3_000_000),
                ],
            )
        },
    ];

    const fn new(name: &'static str, title: &'static str, most: [Option<u64>; 4]) -> Self {
        Self {
            name,
            title,
            most,
            server: "",
            attack: "",
            share: 1,
        }
    }

    /// The row of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        static ALL: [Row; 8] = Row::ALL;
        ALL.iter().find(|row| row.name == name)
    }

    /// The most that may be asked of the allocator for a connection, in bytes; `None` where there is
    /// no such state.
    pub fn most(&self, column: Column) -> Option<u64> {
        self.most[column as usize]
    }

    /// How many connections are made where so many are asked for.
    pub fn connections(&self, asked: u64) -> u64 {
        (asked / self.share).max(1)
    }

    /// One thread has what threads share from the first connections on, so that it is no part of what
    /// the others cost.
    pub(super) fn server_arguments(&self, column: Column, tls: &Path) -> String {
        let more = match column {
            Column::Plain | Column::Kept => String::new(),
            Column::Tls => format!("--tls {}", tls.display()),
            Column::NotKept => "--no-contexts".into(),
        };
        format!("--workers 1 {} {more} {REPORT}", self.server)
    }

    pub(super) fn attack_arguments(&self, column: Column, tls: &Path) -> String {
        let more = match column {
            Column::Plain => String::new(),
            Column::Tls => format!("--tls {}", tls.display()),
            Column::Kept | Column::NotKept => "--deflate".into(),
        };
        let (name, attack) = (self.name, self.attack);
        format!("greedy --kinds {name} {attack} {more} {REPORT}")
    }
}

impl Column {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Tls, Self::Kept, Self::NotKept];

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Kept => "contexts kept",
            Self::NotKept => "contexts not kept",
        }
    }
}

#[cfg(test)]
mod tests {
    use socket_flow::Budget;
    use socket_flow::tls::BUDGET_SHARE;

    use super::*;

    #[test]
    fn an_idle_connection_asks_for_no_more_than_a_budget_is_charged() {
        let idle = Row::named("idle").unwrap();
        let most = |column| idle.most(column).unwrap();
        assert!(most(Column::Plain) <= Budget::SHARE as u64);
        assert!(most(Column::NotKept) <= Budget::SHARE as u64);
        assert!(most(Column::Tls) <= (Budget::SHARE + BUDGET_SHARE) as u64);
    }
}
