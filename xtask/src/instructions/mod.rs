//! `cargo xtask instructions`: what messages cost, in instructions, compared with committed figures.
//!
//! ```text
//! crates/socket-flow/benches/instructions ──► a short and a long run of each cell under callgrind
//!                                                          │ difference ÷ messages
//!                            figures.toml ──► compare ◄────┘
//!                                 ▲              └──► table, deviations
//!                                 └── --update
//! ```
//!
//! A count is compared with the last one committed, so that no change goes unnoticed, and with the
//! base's, which no update touches, so that many small ones do not add up. What a budget costs is
//! compared with the same cell without one, counted in the same run.
//!
//! Unlike a time, the count does not depend on how busy the machine is, nor much on which it is:
//! Valgrind shows every program the same processor, as long as the real one has its vectors.

mod count;
mod figure;
mod figures;

pub(crate) use count::is_comparable;

use std::time::Instant;

use lexopt::prelude::*;

use crate::cli::{usage, value};
use crate::environment::Environment;
use crate::error::Error;
use crate::instructions::count::Cells;
use crate::instructions::figure::Verdict;
use crate::instructions::figures::Figures;
use crate::workspace::Workspace;

/// The committed figures, from the root of the source tree.
const FIGURES: &str = "crates/socket-flow/benches/instructions/figures.toml";

/// What `instructions` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// What the names of the selected cells hold; empty for all.
    pub(crate) only: String,
    /// Whether the counts become the figures.
    pub(crate) update: bool,
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("only") => options.only = value(parser)?,
                Long("update") => options.update = true,
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(options))
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    if !is_comparable() {
        println!("the figures are those of x86-64 with AVX2: nothing is compared here");
        return Ok(());
    }
    let workspace = Workspace::open("instructions")?;
    let path = workspace.root.join(FIGURES);
    let committed = Figures::load(&path)?;
    let environment = Environment::current(&workspace)?;
    let cells = Cells::build(&workspace, &options.only)?;
    if cells.is_empty() {
        return Err(Error::Usage("no cell's name holds this text".into()));
    }
    let counted = cells.count(&workspace)?;

    let widened = environment != committed.environment;
    if widened && path.exists() {
        println!(
            "here is {environment}, the figures are from {}: tolerances are wider\n",
            committed.environment
        );
    }
    if let Some(base) = &committed.base {
        println!("the base is {base}");
    }
    println!(
        "{:>12} {:>12} {:>8} {:>7}",
        "committed", "now", "", "of base"
    );
    let (mut worse, mut better, mut unknown, mut above, mut refused) = (0, 0, 0, 0, 0);
    for cell in &counted {
        let judged = committed.judge(cell, &counted, widened);
        println!("{}", judged.line);
        match judged.verdict {
            Verdict::Same => {}
            Verdict::Worse => worse += 1,
            Verdict::Better => better += 1,
            Verdict::Unknown => unknown += 1,
        }
        above += usize::from(judged.is_above_base);
        refused += usize::from(judged.is_above_base || judged.verdict != Verdict::Same);
    }
    let gone = match options.only.is_empty() {
        true => committed.missing_from(&counted),
        false => Vec::new(),
    };
    for name in &gone {
        println!("{name}: has a figure, but is measured no more");
    }
    println!(
        "\n{} cells, {worse} worse, {better} better, {unknown} new, {} gone, \
         {above} worse than their base allows, {:.1} s; profiles for callgrind_annotate in {}",
        counted.len(),
        gone.len(),
        start.elapsed().as_secs_f64(),
        workspace.directory.display()
    );

    if options.update {
        let all = options.only.is_empty();
        committed.updated(environment, &counted, all).save(&path)?;
        println!("written to {FIGURES}");
        // The base is not updated: what it refuses stays refused.
        return verdict(above);
    }
    if worse + better + unknown + gone.len() > 0 {
        println!(
            "to accept what is so now: cargo xtask instructions --update, and commit {FIGURES}"
        );
    }
    if better > 0 {
        println!("a better figure is committed too, so that it is not lost unnoticed");
    }
    verdict(refused + gone.len())
}

fn verdict(refused: usize) -> Result<(), Error> {
    match refused {
        0 => Ok(()),
        count => Err(Error::Instructions(count)),
    }
}
