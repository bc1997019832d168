//! What a connection of a server costs in each of its states, the worst included: reached on purpose,
//! and measured on the server's process. `docs/reliability.md` has the table.
//!
//! ```text
//!   soak-server ⇄ soak-attack greedy             what it holds, for a moment
//!               ⇄ soak-attack greedy, twice more the same; less what it held before, by their number
//! ```

mod program;
mod row;
mod table;

use std::io;

use crate::worst::program::Program;

pub use program::Programs;
pub use row::{Column, Row};
pub use table::Table;

/// What a connection costs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Asked of the allocator.
    pub asked: u64,
    /// In memory, the kernel's not included.
    pub resident: u64,
}

/// Has so many connections reach the row, and measures what each of them costs.
///
/// # Errors
/// A program cannot be run, or the connections do not get there.
pub fn measure(
    programs: &Programs,
    row: &Row,
    column: Column,
    connections: u64,
) -> io::Result<Figure> {
    let server = row.server_arguments(column, &programs.tls);
    let server = Program::start(&programs.server, &server)?;
    let address = server.address()?;
    let attack = row.attack_arguments(column, &programs.tls);
    let attack = |connections| {
        let attack = format!("{attack} --addr {address} --connections {connections}");
        let attack = Program::start(&programs.attack, &attack)?;
        attack.until("ready", connections)?;
        io::Result::Ok(attack)
    };
    // What the first make is used again by the others.
    let some = connections.div_ceil(2);
    let first = attack(some)?;
    let before = server.held()?;
    let second = attack(connections)?;
    let after = server.held()?;
    for (attack, expected) in [(first, some), (second, connections)] {
        let [ready, ended] = attack.next(["ready", "ended"])?;
        if ready != expected || ended != 0 {
            let text = format!("of {expected} connections {ready} are left, {ended} had ended");
            return Err(io::Error::other(text));
        }
    }
    let each = |after: u64, before: u64| after.saturating_sub(before) / connections;
    Ok(Figure {
        asked: each(after.asked, before.asked),
        resident: each(after.resident, before.resident),
    })
}
