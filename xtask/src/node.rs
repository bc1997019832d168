//! Node.js and its packages.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::process;
use crate::workspace::{self, Workspace};

const START: Duration = Duration::from_secs(60);
const INSTALL: Duration = Duration::from_secs(10 * 60);

/// What says which packages there are to be.
pub(crate) const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The oldest Node.js that will do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    V18,
    V20,
}

impl Since {
    /// Exits with 0 on a Node.js of this version or a later one.
    fn probe(self) -> &'static str {
        match self {
            Self::V18 => "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)",
            Self::V20 => "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::V18 => "Node.js, 18 or later (Debian: nodejs)",
            Self::V20 => "Node.js, 20 or later (Debian: nodejs)",
        }
    }
}

/// The Node.js to run on, with npm beside it.
pub(crate) fn find(workspace: &Workspace, since: Since) -> Result<String, Error> {
    let log = workspace.log("node-probe");
    let mut node = Command::new("node");
    node.args(["-e", since.probe()]);
    let mut npm = Command::new("npm");
    npm.arg("--version");
    let missing = if workspace::answer("node", &mut node, &log, START).is_none() {
        since.missing()
    } else if workspace::answer("npm", &mut npm, &log, START).is_none() {
        "npm, the package manager of Node.js (Debian: npm)"
    } else {
        return Ok("node".into());
    };
    Err(Error::Missing(missing))
}

/// Installs the packages that the files in `sources` name, exactly those.
pub(crate) fn install(
    workspace: &Workspace,
    sources: &Path,
    directory: &Path,
) -> Result<(), Error> {
    for file in FILES {
        let target = directory.join(file);
        fs::copy(sources.join(file), &target).map_err(Error::file(&target))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    npm.current_dir(directory);
    process::run("npm ci", &mut npm, &workspace.log("npm"), INSTALL)
}

#[cfg(test)]
mod tests {
    const PACKAGES: [(&str, &str); 2] = [
        (
            include_str!("../../browser/package.json"),
            include_str!("../../browser/package-lock.json"),
        ),
        (
            include_str!("../../interop/package.json"),
            include_str!("../../interop/package-lock.json"),
        ),
    ];

    #[test]
    fn every_package_is_pinned() {
        for (package, _) in PACKAGES {
            let package: serde_json::Value = serde_json::from_str(package).unwrap();
            for version in package["dependencies"].as_object().unwrap().values() {
                let version = version.as_str().unwrap();
                assert!(
                    version.chars().all(|c| c.is_ascii_digit() || c == '.'),
                    "{version}"
                );
            }
        }
    }

    #[test]
    fn the_locks_name_no_registry() {
        for (_, lock) in PACKAGES {
            assert!(!lock.contains("://"));
            assert!(lock.contains("\"integrity\": \"sha512-"));
        }
    }
}
