//! Groups of processes with little memory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::soak::confinement::Confinement;

/// A group whose processes have so much memory together, and no swap. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct MemoryGroup {
    directory: PathBuf,
    version: &'static Version,
}

/// The files of one of the two versions of control groups.
#[derive(Debug)]
struct Version {
    root: &'static str,
    limit: &'static str,
    peak: &'static str,
    /// The file with the line `oom_kill N`.
    events: &'static str,
    /// Where the kernel's memory for sockets counts too, what that may be: it is not the server
    /// that decides about it.
    sockets: u64,
}

static VERSIONS: [Version; 2] = [
    Version {
        root: "/sys/fs/cgroup/memory",
        limit: "memory.limit_in_bytes",
        peak: "memory.max_usage_in_bytes",
        events: "memory.oom_control",
        sockets: 0,
    },
    Version {
        root: "/sys/fs/cgroup",
        limit: "memory.max",
        peak: "memory.peak",
        events: "memory.events",
        sockets: 256 << 20,
    },
];

impl MemoryGroup {
    /// Makes a group, where the system lets us.
    pub(crate) fn make(bytes: u64) -> io::Result<Self> {
        let name = format!("socket-flow-soak-{}", std::process::id());
        let version = VERSIONS
            .iter()
            .find(|version| Path::new(version.root).is_dir())
            .ok_or(io::ErrorKind::NotFound)?;
        let directory = Path::new(version.root).join(name);
        fs::create_dir(&directory)?;
        let group = Self { directory, version };
        // Where there are no such groups, a directory is only a directory: nothing is created.
        let limit = group.directory.join(version.limit);
        let mut limit = OpenOptions::new().write(true).open(limit)?;
        limit.write_all((bytes + version.sockets).to_string().as_bytes())?;
        Ok(group)
    }

    /// Where programs of the group run.
    pub(crate) fn confinement(&self) -> Confinement {
        Confinement::Group(self.directory.join("cgroup.procs"))
    }

    /// The most memory the group ever had, the kernel's for its sockets included where it counts
    /// that.
    pub(crate) fn peak(&self) -> Option<u64> {
        let text = fs::read_to_string(self.directory.join(self.version.peak)).ok()?;
        text.trim().parse().ok()
    }

    /// How many of its processes were killed for want of memory.
    pub(crate) fn killed(&self) -> Option<u64> {
        let text = fs::read_to_string(self.directory.join(self.version.events)).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?;
        line.trim().parse().ok()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Its processes have ended before, or it stays, empty.
        let _ = fs::remove_dir(&self.directory);
    }
}
