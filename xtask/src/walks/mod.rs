//! `cargo xtask walks`: how much of the library one operation goes through.
//!
//! ```text
//! crates/walks, not optimised ──► a short and a long run of each walk under callgrind
//!                                                 │ calls, functions, files
//!                   figures.toml ──► compare ◄────┘
//!                        ▲              └──► table, lists, deviations
//!                        └── --update
//! ```
//!
//! It tells how much somebody reads who follows an operation, not how long it takes. So the program is
//! built as the text has it: nothing is inlined, not even what an attribute asks to be.

mod base;
mod count;
mod figures;
mod options;
mod size;

pub(crate) use options::Options;

use std::path::Path;
use std::time::Instant;

use crate::environment::Environment;
use crate::error::Error;
use crate::instructions::is_comparable;
use crate::library;
use crate::walks::base::Base;
use crate::walks::count::{Program, Walk};
use crate::walks::figures::{Figures, Verdict};
use crate::workspace::Workspace;

/// The committed figures, from the root of the source tree.
const FIGURES: &str = "crates/walks/figures.toml";

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    if !is_comparable() {
        println!("the figures are those of x86-64 with AVX2: nothing is compared here");
        return Ok(());
    }
    let workspace = Workspace::open("walks")?;
    let path = workspace.root.join(FIGURES);
    let committed = Figures::load(&path)?;
    let environment = Environment::current(&workspace)?;
    let walks = walk(&workspace, &workspace.root, "here", &options.only)?;
    if walks.is_empty() {
        return Err(Error::Usage("no walk's name holds this text".into()));
    }
    if options.list {
        walks.iter().for_each(print_list);
    }
    if let Some(revision) = &options.base {
        return compare(&workspace, revision, &walks, options);
    }

    let is_elsewhere = environment != committed.environment;
    if is_elsewhere && path.exists() {
        println!(
            "here is {environment}, the figures are from {}: they may differ by {} %\n",
            committed.environment,
            figures::ELSEWHERE
        );
    }
    let mut refused = 0;
    println!(
        "{:<12}{:>28}{:>28}{:>28}",
        "",
        base_name(&committed),
        "committed",
        "now"
    );
    for walk in &walks {
        let (line, verdict) = committed.judge(&walk.name, walk.size, is_elsewhere);
        println!("{line}");
        refused += usize::from(verdict != Verdict::Same);
    }
    if options.only.is_empty() {
        for name in committed.missing_from(&walks) {
            println!("{name}: has figures, but is walked no more");
            refused += 1;
        }
    }
    println!("\ncalls, functions and files; lines of code:");
    print_lines(&[("now", &workspace.root)])?;
    println!(
        "\n{} walks, {:.1} s",
        walks.len(),
        start.elapsed().as_secs_f64()
    );
    if options.update {
        let all = options.only.is_empty();
        committed.updated(environment, &walks, all).save(&path)?;
        println!("written to {FIGURES}");
        return Ok(());
    }
    match refused {
        0 => Ok(()),
        count => {
            println!("to accept what is so now: cargo xtask walks --update, and commit {FIGURES}");
            Err(Error::Walks(count))
        }
    }
}

/// Builds the program in a source tree and counts the walks whose name holds `only`.
fn walk(workspace: &Workspace, root: &Path, builds: &str, only: &str) -> Result<Vec<Walk>, Error> {
    let program = Program::build(workspace, root, builds)?;
    let names = program.names()?;
    let names = names.iter().filter(|name| name.contains(only));
    names.map(|name| program.walk(name)).collect()
}

/// Counts in another commit what was counted here, with the same program, and prints both.
fn compare(
    workspace: &Workspace,
    revision: &str,
    walks: &[Walk],
    options: &Options,
) -> Result<(), Error> {
    let base = Base::check_out(workspace, revision)?;
    let before = walk(workspace, base.root(), "base", &options.only)?;
    if options.list {
        println!("In {revision}:\n");
        before.iter().for_each(print_list);
    }
    println!("{:<12}{revision:>28}{:>28}", "", "now");
    for (before, now) in before.iter().zip(walks) {
        println!(
            "{:<12}{:>28}{:>28}",
            now.name,
            before.size.cells(),
            now.size.cells()
        );
    }
    println!("\ncalls, functions and files; lines of code:");
    print_lines(&[(revision, base.root()), ("now", &workspace.root)])
}

fn base_name(committed: &Figures) -> &str {
    committed.base.as_deref().unwrap_or_default()
}

/// The functions of a walk by file, both in the order in which the text calls them first.
fn print_list(walk: &Walk) {
    println!("{}: {}\n", walk.name, walk.size);
    for (file, functions) in walk.by_file() {
        println!("{file}");
        for function in functions {
            println!("{:>8}  {}", function.calls, function.name);
        }
    }
    println!();
}

/// Lines of code of each crate, and of all.
fn print_lines(trees: &[(&str, &Path)]) -> Result<(), Error> {
    print!("{:<12}", "");
    for name in library::CRATES {
        print!("{name:>12}");
    }
    println!("{:>12}", "all");
    for (tree, root) in trees {
        let lines = library::lines(root)?;
        print!("{tree:<12}");
        for count in &lines {
            print!("{count:>12}");
        }
        println!("{:>12}", lines.iter().sum::<usize>());
    }
    Ok(())
}
