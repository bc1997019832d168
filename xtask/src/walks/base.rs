//! Another commit's source tree, with the present program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::process;
use crate::workspace::{self, Workspace};

/// Longer than it takes to write the files of a commit.
const LIMIT: Duration = Duration::from_secs(120);

/// The program's folder, from the root of a source tree.
const FOLDER: &str = "crates/walks";

/// How a workspace's list of members begins.
const MEMBERS: &str = "members = [\n";

/// A commit, checked out in a git worktree for as long as this lives.
#[derive(Debug)]
pub(crate) struct Base<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
}

impl<'a> Base<'a> {
    /// Checks a commit out and puts the program into it.
    pub(crate) fn check_out(workspace: &'a Workspace, revision: &str) -> Result<Self, Error> {
        let base = Self {
            workspace,
            root: workspace.directory.join("base"),
        };
        // What an interrupted run has left.
        base.remove()?;
        let commit = format!("{revision}^{{commit}}");
        let arguments = ["worktree", "add", "--force", "--detach"];
        base.git(&[&arguments[..], &[&base.root.to_string_lossy(), &commit]].concat())?;
        base.add_program()?;
        Ok(base)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn add_program(&self) -> Result<(), Error> {
        let folder = self.root.join(FOLDER);
        let from = self.workspace.root.join(FOLDER);
        workspace::remove(&folder)?;
        copy(&from, &folder)?;
        let manifest = self.root.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(Error::file(&manifest))?;
        let text = with_member(&text)
            .ok_or_else(|| Error::data(&manifest, "is no workspace with a list of members"))?;
        fs::write(&manifest, text).map_err(Error::file(&manifest))
    }

    fn remove(&self) -> Result<(), Error> {
        workspace::remove(&self.root)?;
        // Git forgets the worktree whose directory is gone.
        self.git(&["worktree", "prune"])
    }

    fn git(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("git");
        command.current_dir(&self.workspace.root).args(arguments);
        process::run("git", &mut command, &self.workspace.log("git"), LIMIT)
    }
}

impl Drop for Base<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            println!("{} is left: {error}", self.root.display());
        }
    }
}

/// A workspace's manifest with the program among its members; `None` where it has no list of them.
fn with_member(text: &str) -> Option<String> {
    let member = format!("    \"{FOLDER}\",\n");
    if text.contains(&member) {
        return Some(text.to_owned());
    }
    let (before, after) = text.split_once(MEMBERS)?;
    Some(format!("{before}{MEMBERS}{member}{after}"))
}

/// Copies a file, or a directory with everything in it.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if !from.is_dir() {
        let folder = to.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        return fs::copy(from, to).map(drop).map_err(Error::file(from));
    }
    for entry in fs::read_dir(from).map_err(Error::file(from))? {
        let name = entry.map_err(Error::file(from))?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_becomes_a_member_once() {
        let text = "[workspace]\nmembers = [\n    \"crates/frames\",\n]\n";
        let with = "[workspace]\nmembers = [\n    \"crates/walks\",\n    \"crates/frames\",\n]\n";
        assert_eq!(with_member(text).as_deref(), Some(with));
        assert_eq!(with_member(with).as_deref(), Some(with));
        assert_eq!(with_member("[package]\n"), None);
    }
}
