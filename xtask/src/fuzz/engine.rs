//! What runs a target: libFuzzer, or a loop of mutations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::fuzz::CORPUS;
use crate::fuzz::runs::Run;
use crate::process::{self, Child};
use crate::workspace::{self, BUILD, Workspace};

/// How inputs are made and judged.
#[derive(Debug)]
pub(crate) enum Engine {
    /// With coverage, and under the address sanitizer.
    LibFuzzer { program: PathBuf },
    /// On any toolchain: blind, but with the same oracles.
    Mutations { program: PathBuf },
}

impl Engine {
    /// Builds the best one there is, or the one that needs nothing.
    pub(crate) fn build(workspace: &Workspace, mutations: bool) -> Result<Self, Error> {
        match nightly_host(workspace) {
            Some(host) if !mutations => Self::build_libfuzzer(workspace, &host),
            _ => Self::build_mutations(workspace),
        }
    }

    /// A sentence for the report.
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::LibFuzzer { .. } => {
                "libFuzzer: mutations guided by coverage, under the address sanitizer (nightly)"
            }
            Self::Mutations { .. } => {
                "no libFuzzer (it needs a nightly toolchain): mutations of the committed inputs \
                 without coverage"
            }
        }
    }

    /// Runs a target for so many seconds.
    pub(crate) fn run(
        &self,
        workspace: &Workspace,
        target: &str,
        seconds: u64,
    ) -> Result<Run, Error> {
        let seeds = workspace.root.join(CORPUS).join(target);
        let grown = workspace.directory.join("corpus").join(target);
        let artifacts = workspace.directory.join("artifacts");
        for directory in [&grown, &artifacts] {
            fs::create_dir_all(directory).map_err(Error::file(directory))?;
        }
        let before = files(&artifacts, target)?;
        let mut command = match self {
            Self::LibFuzzer { program } => {
                let mut command = libfuzzer(program, target);
                command
                    .args([&grown, &seeds])
                    .arg(format!("-max_total_time={seconds}"))
                    .arg(format!(
                        "-artifact_prefix={}/{target}-",
                        artifacts.display()
                    ))
                    .args(LIMITS);
                command
            }
            Self::Mutations { program } => {
                let mut command = Command::new(program);
                command
                    .args([target, &seconds.to_string()])
                    .arg(&seeds)
                    .arg(artifacts.join(format!("{target}-mutation")));
                command
            }
        };
        let log = workspace.log(target);
        let (start, used) = (Instant::now(), processor_time());
        let mut child = Child::spawn(target, &mut command, &log)?;
        let limit = Duration::from_secs(seconds) + PATIENCE;
        let outcome = child.finish(limit);
        if let Err(Error::Interrupted) = outcome {
            return Err(Error::Interrupted);
        }
        let passed = start.elapsed();
        let used = used.zip(processor_time()).map(|(before, now)| now - before);
        let said = fs::read(&log).map_err(Error::file(&log))?;
        let mut run = told(&String::from_utf8_lossy(&said));
        run.target = target.into();
        run.engine = self.name().into();
        run.seconds = used.unwrap_or(passed).as_secs_f64();
        let mut findings = files(&artifacts, target)?;
        findings.retain(|finding| !before.contains(finding));
        run.findings = findings;
        match outcome {
            // Without an artifact it was not the target that failed.
            Err(error) if run.findings.is_empty() => Err(error),
            _ => Ok(run),
        }
    }

    /// Adds to the committed inputs what reaches places that they do not, the shortest first, as
    /// long as there are not too many.
    pub(crate) fn keep(&self, workspace: &Workspace, target: &str) -> Result<(), Error> {
        let Self::LibFuzzer { program } = self else {
            return Ok(());
        };
        let seeds = workspace.root.join(CORPUS).join(target);
        let grown = workspace.directory.join("corpus").join(target);
        let merged = workspace.directory.join("merged").join(target);
        workspace::remove(&merged)?;
        fs::create_dir_all(&merged).map_err(Error::file(&merged))?;
        let mut command = libfuzzer(program, target);
        command
            .args(["-set_cover_merge=1", "-max_len=1024"])
            .args([&merged, &seeds, &grown]);
        let log = workspace.log(&format!("{target}-keep"));
        process::run(target, &mut command, &log, PATIENCE)?;

        let mut inputs = Vec::new();
        for entry in fs::read_dir(&merged).map_err(Error::file(&merged))? {
            let path = entry.map_err(Error::file(&merged))?.path();
            inputs.push((fs::read(&path).map_err(Error::file(&path))?, path));
        }
        inputs.sort_by_key(|(input, _)| input.len());
        let mut count = fs::read_dir(&seeds).map_err(Error::file(&seeds))?.count();
        for (input, path) in inputs {
            // A digest; less of it tells them apart as well.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kept = seeds.join(name.get(..NAME).unwrap_or(&name));
            if count < MOST && !kept.exists() {
                fs::write(&kept, input).map_err(Error::file(&kept))?;
                count += 1;
            }
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::LibFuzzer { .. } => "libFuzzer",
            Self::Mutations { .. } => "mutations",
        }
    }

    fn build_libfuzzer(workspace: &Workspace, host: &str) -> Result<Self, Error> {
        let directory = workspace.directory.join("build");
        let mut command = nightly("cargo");
        command
            .args(["build", "--release", "--locked", "--target", host])
            .arg("--manifest-path")
            .arg(workspace.root.join("crates/fuzz/libfuzzer/Cargo.toml"))
            .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"))
            .env("CARGO_TARGET_DIR", &directory);
        build(workspace, &mut command)?;
        let program = directory.join(host).join("release/socket-flow-libfuzzer");
        Ok(Self::LibFuzzer { program })
    }

    fn build_mutations(workspace: &Workspace) -> Result<Self, Error> {
        // Optimised, and with every assertion that tests have.
        let directory = workspace.directory.join("build");
        let mut command = workspace.cargo();
        command
            .args(["build", "--release", "-p", "socket-flow-fuzz"])
            .args(["--bin", "mutate"])
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
            .env("CARGO_TARGET_DIR", &directory);
        build(workspace, &mut command)?;
        let program = directory.join("release/mutate");
        Ok(Self::Mutations { program })
    }
}

fn build(workspace: &Workspace, command: &mut Command) -> Result<(), Error> {
    let log = workspace.log("build");
    Child::spawn_talking("cargo build", command, &log)?.finish(BUILD)
}

/// The fuzzer with its target chosen.
fn libfuzzer(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("SOCKET_FLOW_FUZZ_TARGET", target);
    command
}

/// A program of the nightly toolchain, whatever toolchain runs this one.
fn nightly(name: &str) -> Command {
    let mut command = Command::new(name);
    command.arg("+nightly");
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// What the nightly toolchain compiles for, if there is one.
fn nightly_host(workspace: &Workspace) -> Option<String> {
    let log = workspace.log("nightly");
    let mut command = nightly("rustc");
    let limit = Duration::from_secs(60);
    let said = workspace::answer("rustc", command.arg("-vV"), &log, limit)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "))?;
    Some(host.to_owned())
}

/// What an engine said of its run.
fn told(said: &str) -> Run {
    let number_behind = |line: &str, word: &str| {
        let (_, rest) = line.split_once(word)?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let mut run = Run::default();
    for line in said.lines() {
        if line.starts_with('#') {
            run.coverage = number_behind(line, " cov: ").unwrap_or(run.coverage);
            let inputs = line.split_once(" corp: ");
            let inputs = inputs.and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
            run.inputs = inputs.unwrap_or(run.inputs);
        }
        let total = number_behind(line, "stat::number_of_executed_units:");
        let total = total.or_else(|| number_behind(line, "executions "));
        run.executions = total.unwrap_or(run.executions);
        run.new_inputs = number_behind(line, "stat::new_units_added:").unwrap_or(run.new_inputs);
    }
    run
}

/// The files of a directory that are about a target.
fn files(directory: &Path, target: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let prefix = format!("{target}-");
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        let path = entry.map_err(Error::file(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A slow input is kept by libFuzzer to be looked at; it is no failure.
        if name.starts_with(&prefix) && !name.contains("slow-unit") {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    Ok(found)
}

/// The processor time of all programs that have ended so far, where the system tells it.
#[cfg(target_os = "linux")]
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: the 14th and 15th are our children's ticks.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(13);
    let ticks: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis((ticks + system) * 1000 / second))
}

#[cfg(not(target_os = "linux"))]
fn processor_time() -> Option<Duration> {
    None
}

/// What instruments a program for libFuzzer, and turns the address sanitizer on: what cargo-fuzz
/// sets, which it needs no installation for.
const RUSTFLAGS: [&str; 7] = [
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Inputs are short; what a target does with one ends soon and takes little memory, at once least
/// of all: 15 MiB that a header only declares are a finding.
const LIMITS: [&str; 5] = [
    "-max_len=2048",
    "-timeout=20",
    "-rss_limit_mb=2048",
    "-malloc_limit_mb=8",
    "-print_final_stats=1",
];

/// How many inputs of a target are committed at most: `cargo test` replays them all.
const MOST: usize = 150;

/// How much of its digest is an input's name.
const NAME: usize = 12;

/// What a run may take beyond its time, to read what is there.
const PATIENCE: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libfuzzers_figures_are_read() {
        let said = "#2\tINITED cov: 136 ft: 148 corp: 3/5b exec/s: 0 rss: 38Mb\n\
                    #13053\tDONE   cov: 664 ft: 939 corp: 117/1393b lim: 38 exec/s: 2175 rss: 1Mb\n\
                    stat::number_of_executed_units: 13053\n\
                    stat::average_exec_per_sec:     2175\n\
                    stat::new_units_added:          114\n";
        let run = told(said);
        assert_eq!((run.executions, run.coverage), (13053, 664));
        assert_eq!((run.inputs, run.new_inputs), (117, 114));
    }

    #[test]
    fn the_loops_figure_is_read() {
        assert_eq!(told("executions 42\n").executions, 42);
    }
}
