//! The suite's own Docker image.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::autobahn::engine::{Job, Mode, SPEC};
use crate::error::Error;
use crate::process::{self, Child};
use crate::workspace::{self, Workspace};

/// The image, by tag for people and by digest for certainty.
pub(crate) const IMAGE: &str = "crossbario/autobahn-testsuite:25.10.1@sha256:\
519915fb568b04c9383f70a1c405ae3ff44ab9e35835b085239c258b6fac3074";

/// Whether containers share this machine's network: elsewhere Docker runs in a virtual machine.
const HOST_NETWORK: bool = cfg!(target_os = "linux");

/// What the suite calls this machine.
pub(crate) const HOST: &str = if HOST_NETWORK {
    "127.0.0.1"
} else {
    "host.docker.internal"
};

/// A daemon that does not answer by then is as good as none.
const INFO: Duration = Duration::from_secs(10);
/// The image weighs some hundred megabytes.
const PULL: Duration = Duration::from_secs(20 * 60);
const REMOVE: Duration = Duration::from_secs(60);

/// Numbers the containers of this process.
static CONTAINERS: AtomicU32 = AtomicU32::new(0);

/// A Docker daemon that answers and has the image.
#[derive(Debug)]
pub(crate) struct Docker {
    logs: PathBuf,
}

/// The name of a container, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    log: PathBuf,
}

/// Everything a `docker run` is told.
#[derive(Debug)]
struct Run<'a> {
    name: &'a str,
    /// The owner of the reports, `uid:gid`; `None` where files have no such owner.
    user: Option<String>,
    host_network: bool,
    mode: Mode,
    port: u16,
    directory: &'a Path,
    quick: Option<&'a Path>,
}

impl Docker {
    /// Whether a daemon answers: a client without one is no engine.
    pub(crate) fn answers(workspace: &Workspace) -> bool {
        let mut info = Command::new("docker");
        info.args(["info", "--format", "{{.ServerVersion}}"]);
        workspace::answer(
            "docker info",
            &mut info,
            &workspace.log("docker-info"),
            INFO,
        )
        .is_some_and(|version| !version.trim().is_empty())
    }

    /// Fetches the image where it is missing.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self, Error> {
        let mut inspect = Command::new("docker");
        inspect.args(["image", "inspect", IMAGE]);
        let log = workspace.log("docker-image");
        if workspace::answer("docker image inspect", &mut inspect, &log, INFO).is_none() {
            println!("fetching {IMAGE}");
            let mut pull = Command::new("docker");
            pull.args(["pull", IMAGE]);
            process::run(
                "docker pull",
                &mut pull,
                &workspace.log("docker-pull"),
                PULL,
            )?;
        }
        Ok(Self {
            logs: workspace.directory.join("logs"),
        })
    }

    /// Starts the suite in a container of its own.
    pub(crate) fn start(&self, job: &Job<'_>) -> Result<(Child, Container), Error> {
        let number = CONTAINERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("socket-flow-autobahn-{}-{number}", std::process::id());
        let arguments = arguments(&Run {
            name: &name,
            user: owner(job.directory)?,
            host_network: HOST_NETWORK,
            mode: job.mode,
            port: job.port,
            directory: job.directory,
            quick: job.quick.as_deref(),
        });
        let container = Container {
            log: self.logs.join(format!("docker-rm-{number}.log")),
            name,
        };
        let mut command = Command::new("docker");
        command.args(arguments);
        let child = Child::spawn("docker run", &mut command, &job.log)?;
        Ok((child, container))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Not through `process::run`: it must happen after a signal, too.
        let mut remove = Command::new("docker");
        remove.args(["rm", "--force", &self.name]);
        if let Ok(mut child) = Child::spawn("docker rm", &mut remove, &self.log) {
            child.finish_always(REMOVE);
        }
    }
}

/// The arguments of `docker` that run the suite.
fn arguments(run: &Run<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = ["run", "--rm", "--name", run.name].map(Into::into).into();
    if let Some(user) = &run.user {
        arguments.extend(["--user".into(), user.clone()]);
    }
    if run.host_network {
        arguments.extend(["--network".into(), "host".into()]);
    } else if run.mode == Mode::FuzzingServer {
        let port = run.port;
        arguments.extend(["--publish".into(), format!("127.0.0.1:{port}:{port}")]);
    }
    let mount = format!("{}:/reports", run.directory.display());
    arguments.extend(["--volume".into(), mount]);
    if let Some(quick) = run.quick {
        let mount = format!("{}:/quick:ro", quick.display());
        arguments.extend(["--volume".into(), mount]);
        arguments.extend(["--env".into(), "PYTHONPATH=/quick".into()]);
    }
    arguments.extend(
        [
            "--env",
            "PYTHONUNBUFFERED=1",
            "--env",
            "HOME=/tmp",
            "--workdir",
            "/reports",
            IMAGE,
            "wstest",
            "--mode",
            run.mode.name(),
            "--spec",
            SPEC,
            "--webport",
            "0",
        ]
        .map(Into::into),
    );
    arguments
}

/// Who owns `directory`: the container writes as that user, so its files belong to the caller.
#[cfg(unix)]
fn owner(directory: &Path) -> Result<Option<String>, Error> {
    use std::os::unix::fs::MetadataExt;
    let metadata = directory.metadata().map_err(Error::file(directory))?;
    Ok(Some(format!("{}:{}", metadata.uid(), metadata.gid())))
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Result<Option<String>, Error> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_linux_the_suite_shares_the_network_and_writes_as_the_caller() {
        let run = Run {
            name: "socket-flow-autobahn-7-0",
            user: Some("1000:100".into()),
            host_network: true,
            mode: Mode::FuzzingClient,
            port: 9001,
            directory: Path::new("/t/autobahn/server"),
            quick: None,
        };
        assert_eq!(
            arguments(&run),
            [
                "run",
                "--rm",
                "--name",
                "socket-flow-autobahn-7-0",
                "--user",
                "1000:100",
                "--network",
                "host",
                "--volume",
                "/t/autobahn/server:/reports",
                "--env",
                "PYTHONUNBUFFERED=1",
                "--env",
                "HOME=/tmp",
                "--workdir",
                "/reports",
                "crossbario/autobahn-testsuite:25.10.1@sha256:\
                 519915fb568b04c9383f70a1c405ae3ff44ab9e35835b085239c258b6fac3074",
                "wstest",
                "--mode",
                "fuzzingclient",
                "--spec",
                "spec.json",
                "--webport",
                "0",
            ]
        );
    }

    #[test]
    fn elsewhere_the_listening_port_is_published_on_loopback() {
        let run = Run {
            name: "n",
            user: None,
            host_network: false,
            mode: Mode::FuzzingServer,
            port: 9001,
            directory: Path::new("/r"),
            quick: Some(Path::new("/q")),
        };
        assert_eq!(
            arguments(&run)[..14],
            [
                "run",
                "--rm",
                "--name",
                "n",
                "--publish",
                "127.0.0.1:9001:9001",
                "--volume",
                "/r:/reports",
                "--volume",
                "/q:/quick:ro",
                "--env",
                "PYTHONPATH=/quick",
                "--env",
                "PYTHONUNBUFFERED=1",
            ]
        );
    }
}
