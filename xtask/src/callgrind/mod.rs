//! Valgrind's callgrind: how a program is run under it, and how its output is read.

mod profile;

pub(crate) use profile::{Function, Profile};

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::process;

/// A run takes a second or two; Valgrind on a busy machine is given much more.
const LIMIT: Duration = Duration::from_secs(120);

/// glibc copies and fills large blocks by one `rep` instruction, which callgrind counts once for every
/// byte. Beyond these thresholds nothing is large, and vectors are used.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x10000000:\
                        glibc.cpu.x86_rep_stosb_threshold=0x10000000";

/// A program to run under callgrind, with `options` of callgrind's; the profile goes to a file.
pub(crate) fn command(program: &Path, options: &[&str], profile: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .args(options)
        .arg(program)
        .env("GLIBC_TUNABLES", TUNABLES);
    command
}

/// Runs a program under callgrind to its end, in an environment that is the same everywhere.
pub(crate) fn run(
    program: &Path,
    arguments: &[&str],
    options: &[&str],
    profile: &Path,
    log: &Path,
) -> Result<(), Error> {
    let mut command = command(program, options, profile);
    command
        .args(arguments)
        // What lies on the stack before `main` moves all that follows.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", TUNABLES);
    process::run("valgrind", &mut command, log, LIMIT).map_err(missing)
}

/// Tells a Valgrind that is not installed from one that failed.
pub(crate) fn missing(error: Error) -> Error {
    match error {
        Error::Spawn { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::Missing("valgrind")
        }
        other => other,
    }
}

/// How many instructions callgrind says it has counted.
pub(crate) fn collected(log: &Path) -> Result<u64, Error> {
    let text = fs::read_to_string(log).map_err(Error::file(log))?;
    text.lines()
        .filter_map(|line| line.split_once("Collected : "))
        .find_map(|(_, count)| count.trim().parse().ok())
        .ok_or_else(|| Error::data(log, "holds no count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_among_what_valgrind_says() {
        let log = std::env::temp_dir().join(format!("xtask-count-{}.log", std::process::id()));
        let said = "==7== Callgrind, a call-graph generating cache profiler\n\
                    ==7== Events    : Ir\n==7== Collected : 564547\n";
        fs::write(&log, said).unwrap();
        assert_eq!(collected(&log).unwrap(), 564_547);
        fs::write(&log, "==7== Events    : Ir\n").unwrap();
        assert!(collected(&log).is_err());
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_failed() {
        let spawn = |kind| Error::Spawn {
            program: "valgrind".into(),
            source: io::Error::from(kind),
        };
        let named = missing(spawn(io::ErrorKind::NotFound));
        assert!(matches!(named, Error::Missing("valgrind")));
        let other = missing(spawn(io::ErrorKind::PermissionDenied));
        assert!(matches!(other, Error::Spawn { .. }));
    }
}
