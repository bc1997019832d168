//! Where and with what it was measured.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::bench::programs::Programs;
use crate::bench::throughput::Effort;
use crate::error::Error;
use crate::workspace::{self, Workspace};

/// Time for a program to say its version.
const ANSWER: Duration = Duration::from_secs(30);

/// The packages whose versions are told.
const PACKAGES: [&str; 11] = [
    "socket-flow",
    "tokio",
    "tungstenite",
    "tokio-tungstenite",
    "tokio-websockets",
    "fastwebsockets",
    "yawc",
    "sockudo-ws",
    "wtx",
    "web-socket",
    "hyper",
];

/// A few lines for the page.
pub(crate) fn describe(
    workspace: &Workspace,
    programs: &Programs<'_>,
    effort: Effort,
    quick: bool,
    took: Duration,
) -> Result<String, Error> {
    let ask = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let log = workspace.log(program);
        let said = workspace::answer(program, command.args(arguments), &log, ANSWER);
        said.map_or_else(|| "unknown".into(), |text| text.trim().to_owned())
    };
    let lock = workspace.root.join("crates/bench/Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(Error::file(&lock))?;
    let versions: Vec<String> = PACKAGES
        .iter()
        .filter_map(|name| Some(format!("{name} {}", version(&lock, name)?)))
        .collect();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processors = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let pinned = match programs.pins() {
        true => "server pinned on processor 0, load generator on 1",
        false => "not pinned, for there is no `taskset`",
    };
    Ok(format!(
        "- Measured on {} by `cargo xtask bench{}`: {} rounds of {} s, interleaved; loopback, {pinned}. It took {} s, \
         builds apart.\n\
         - Machine: {processors} × {}, Linux {}.\n\
         - Compiler: {}; `lto = \"fat\"`, `codegen-units = 1`; \"plain\" is cargo's own release profile.\n\
         - Versions: {}.\n",
        ask("date", &["-u", "+%Y-%m-%d"]),
        if quick { " --quick" } else { "" },
        effort.rounds,
        effort.seconds,
        took.as_secs(),
        model(&cpu),
        ask("uname", &["-r"]),
        ask("rustc", &["--version"]),
        versions.join(", "),
    ))
}

/// The first processor's name.
fn model(cpuinfo: &str) -> &str {
    cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim())
}

/// A package's version in a lock file; of several the last, which is the newest.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let wanted = format!("name = \"{name}\"");
    lock.rsplit("[[package]]")
        .filter(|package| package.lines().any(|line| line == wanted))
        .find_map(|package| {
            let line = package
                .lines()
                .find(|line| line.starts_with("version = "))?;
            line.split('"').nth(1)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_a_package_is_told() {
        let lock = "version = 4\n\n[[package]]\nname = \"tokio\"\nversion = \"1.54.1\"\n\n\
            [[package]]\nname = \"sha1\"\nversion = \"0.10.7\"\n\n\
            [[package]]\nname = \"sha1\"\nversion = \"0.11.0\"\n";
        assert_eq!(version(lock, "tokio"), Some("1.54.1"));
        assert_eq!(version(lock, "sha1"), Some("0.11.0"));
        assert_eq!(version(lock, "tok"), None);
    }

    #[test]
    fn the_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\n";
        assert_eq!(model(cpuinfo), "AMD EPYC");
        assert_eq!(model(""), "unknown processor");
    }
}
