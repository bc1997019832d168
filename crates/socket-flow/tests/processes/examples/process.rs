//! Examples as child processes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// More than anything here needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running example, killed when dropped.
pub(crate) struct Example(pub(crate) Child);

impl Example {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(Self::path(name)).args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Where cargo puts an example. `cargo test` builds them all; before `cargo test --test
    /// processes` they must be built with `cargo build --examples`.
    pub(crate) fn path(name: &str) -> PathBuf {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.set_file_name("examples");
        path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        path
    }

    /// Starts `echo_server` on a free port; returns its URL, too.
    pub(crate) fn echo_server(args: &[&str]) -> (Self, String) {
        let args = [&["--addr", "127.0.0.1:0"], args].concat();
        let mut server = Self::start("echo_server", &args);
        let line = server.lines().next().unwrap().unwrap();
        let addr = line.strip_prefix("listening on ").unwrap();
        (server, format!("ws://{addr}/"))
    }

    pub(crate) fn lines(&mut self) -> std::io::Lines<BufReader<ChildStdout>> {
        BufReader::new(self.0.stdout.take().unwrap()).lines()
    }

    /// Writes to its input; what an example does not read because it has ended is no failure.
    pub(crate) fn write(&mut self, input: impl AsRef<[u8]>) {
        let stdin = self.0.stdin.as_mut().unwrap();
        if let Err(error) = stdin.write_all(input.as_ref()) {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends the input and waits for the end of the process.
    pub(crate) fn finish(mut self) -> Finished {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the example does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        Finished {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Finished {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.unwrap() })
}
