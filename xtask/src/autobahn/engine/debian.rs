//! Debian 11's Python 2.7, unpacked privately: the last Debian that has one.
//!
//! The mirror that serves a newer Debian still serves Debian 11, so this machine's own package
//! source is asked for that release, with package lists of our own. Nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::autobahn::engine::python::Python;
use crate::error::Error;
use crate::process;
use crate::workspace::{self, Workspace};

const RELEASE: &str = "bullseye";

const PACKAGES: [&str; 7] = [
    "python2.7",
    "python2.7-minimal",
    "libpython2.7-minimal",
    "libpython2.7-stdlib",
    "libpython2.7-dev",
    "libssl1.1",
    "libffi7",
];

const SHORT: Duration = Duration::from_secs(30);
const DOWNLOAD: Duration = Duration::from_secs(10 * 60);

/// The unpacked Python, made where it is missing; `None` where this is no Debian.
pub(crate) fn python(workspace: &Workspace) -> Result<Option<Python>, Error> {
    let root = workspace.directory.join(format!("python2.7-{RELEASE}"));
    let python = Python {
        program: root.join("usr/bin/python2.7"),
        root: Some(root.clone()),
    };
    if python.program.is_file() && python.works(workspace) {
        return Ok(Some(python));
    }
    let mut version = Command::new("apt-get");
    version.arg("--version");
    let log = workspace.log("apt-version");
    if workspace::answer("apt-get", &mut version, &log, SHORT).is_none() {
        return Ok(None);
    }
    let Some(source) = source(Path::new("/etc/apt")) else {
        return Ok(None);
    };
    println!("unpacking Debian 11's Python 2.7 into {}", root.display());
    unpack(workspace, &root, &source)?;
    match python.works(workspace) {
        true => Ok(Some(python)),
        false => Err(Error::Program {
            program: python.program.display().to_string(),
            detail: "the unpacked Python 2.7 does not start".into(),
        }),
    }
}

/// A package source of this machine, turned to Debian 11.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    /// The ending by which apt tells its two formats apart.
    extension: &'static str,
    text: String,
}

fn unpack(workspace: &Workspace, root: &Path, source: &Source) -> Result<(), Error> {
    workspace::remove(root)?;
    let apt = root.join("apt");
    for directory in ["lists/partial", "cache/archives/partial", "packages"] {
        let path = apt.join(directory);
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
    }
    let list = apt.join(format!("source.{}", source.extension));
    fs::write(&list, &source.text).map_err(Error::file(&list))?;

    let mut update = apt_get(&apt, &list);
    update.arg("update");
    let log = workspace.log("apt-update");
    process::run("apt-get update", &mut update, &log, DOWNLOAD)?;

    let packages = apt.join("packages");
    let mut download = apt_get(&apt, &list);
    download.arg("download").args(PACKAGES);
    download.current_dir(&packages);
    let log = workspace.log("apt-download");
    process::run("apt-get download", &mut download, &log, DOWNLOAD)?;

    for entry in fs::read_dir(&packages).map_err(Error::file(&packages))? {
        let package = entry.map_err(Error::file(&packages))?.path();
        let mut extract = Command::new("dpkg");
        extract.arg("-x").arg(&package).arg(root);
        process::run("dpkg -x", &mut extract, &workspace.log("dpkg"), DOWNLOAD)?;
    }
    workspace::remove(&apt)
}

/// `apt-get` with lists, cache and source of its own, so that it needs and changes nothing outside.
fn apt_get(apt: &Path, list: &Path) -> Command {
    let mut command = Command::new("apt-get");
    for (option, path) in [
        ("Dir::Etc::sourcelist", list),
        ("Dir::Etc::sourceparts", Path::new("-")),
        ("Dir::State::lists", &apt.join("lists")),
        ("Dir::Cache", &apt.join("cache")),
    ] {
        command
            .arg("-o")
            .arg(format!("{option}={}", path.display()));
    }
    // As root, apt would switch to a user who may not enter our directory.
    command.args(["-o", "APT::Sandbox::User=root", "--quiet"]);
    command
}

fn source(etc: &Path) -> Option<Source> {
    let read = |path: PathBuf| fs::read_to_string(path).ok();
    read(etc.join("sources.list.d/debian.sources"))
        .and_then(|text| stanza(&text))
        .or_else(|| read(etc.join("sources.list")).and_then(|text| line(&text)))
}

/// The first stanza of a `.sources` file, with the release exchanged.
fn stanza(text: &str) -> Option<Source> {
    let stanza = text
        .split("\n\n")
        .find(|stanza| stanza.lines().any(|line| line.starts_with("URIs:")))?;
    let lines: Vec<String> = stanza
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split_once(':') {
            Some(("Suites", _)) => format!("Suites: {RELEASE}"),
            Some(("Components", _)) => "Components: main".into(),
            _ => line.into(),
        })
        .collect();
    Some(Source {
        extension: "sources",
        text: lines.join("\n") + "\n",
    })
}

/// The first binary source of a `.list` file, with the release exchanged.
fn line(text: &str) -> Option<Source> {
    let entry = text.lines().find_map(|line| line.strip_prefix("deb "))?;
    let (options, rest) = match entry.trim_start().strip_prefix('[') {
        Some(rest) => {
            let (options, rest) = rest.split_once(']')?;
            (format!("[{options}] "), rest)
        }
        None => (String::new(), entry),
    };
    let uri = rest.split_whitespace().next()?;
    Some(Source {
        extension: "list",
        text: format!("deb {options}{uri} {RELEASE} main\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_stanza_is_turned_to_debian_11() {
        let text = "Types: deb\n# a comment\nURIs: https://mirror.invalid/debian\nSuites: bookworm \
                    bookworm-updates\nComponents: main contrib\nSigned-By: /k.gpg\n\nTypes: deb\n\
                    URIs: https://mirror.invalid/security\nSuites: bookworm-security\n";
        let expected = "Types: deb\nURIs: https://mirror.invalid/debian\nSuites: bullseye\n\
                        Components: main\nSigned-By: /k.gpg\n";
        let source = stanza(text).unwrap();
        assert_eq!(source.extension, "sources");
        assert_eq!(source.text, expected);
    }

    #[test]
    fn a_list_line_is_turned_to_debian_11() {
        let plain = "# note\ndeb https://mirror.invalid/debian bookworm main contrib\n";
        assert_eq!(
            line(plain).unwrap().text,
            "deb https://mirror.invalid/debian bullseye main\n"
        );
        let signed =
            "deb [signed-by=/k.gpg arch=amd64] https://mirror.invalid/debian bookworm main";
        assert_eq!(
            line(signed).unwrap().text,
            "deb [signed-by=/k.gpg arch=amd64] https://mirror.invalid/debian bullseye main\n"
        );
    }

    #[test]
    fn without_a_source_there_is_nothing_to_ask() {
        assert_eq!(stanza("# nothing\n"), None);
        assert_eq!(
            line("deb-src https://mirror.invalid/debian bookworm main\n"),
            None
        );
    }
}
