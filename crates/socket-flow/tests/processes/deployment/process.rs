//! Proxies by others, each a child process for one test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running program; it is ended by its id when it is dropped.
pub(crate) struct Process {
    child: Child,
    _directory: Directory,
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// Starts a program on a free port of loopback. `arguments` is given the port and a directory
    /// of its own. `None` where the program is not installed, which only CI minds.
    pub(crate) async fn start(
        program: &str,
        arguments: impl Fn(u16, &Path) -> Vec<String>,
    ) -> Option<Self> {
        // Another process may take the port in between.
        for _ in 0..5 {
            let directory = Directory::new();
            let addr = free_address();
            let started = Command::new(program)
                .args(arguments(addr.port(), directory.path()))
                .env("PATH", path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let child = is_installed(program, started)?;
            let mut process = Self {
                child,
                _directory: directory,
                addr,
            };
            if process.is_up().await {
                return Some(process);
            }
        }
        panic!("{program} does not start");
    }

    /// Waits until it takes connections, or has ended.
    async fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.addr).is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a child's configuration lies; removed with it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("socket-flow-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a file into a child's directory; its path, as an argument.
pub(crate) fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.into_os_string().into_string().unwrap()
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// What a program gave; `None` where it is not installed, which only CI on Linux minds.
#[allow(clippy::print_stdout)] // a test that is skipped must say so
pub(crate) fn is_installed<T>(program: &str, result: std::io::Result<T>) -> Option<T> {
    match result {
        Ok(given) => Some(given),
        Err(error) => {
            let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(
                !is_ci || cfg!(not(target_os = "linux")),
                "{program}: {error}"
            );
            println!("skipped: {program}: {error}");
            None
        }
    }
}

/// Debian keeps servers where an ordinary user does not look.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}
