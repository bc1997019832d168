//! A directory with stand-ins for everything the command starts.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// A report of case 1.1.1, passed: the index and the case's file.
pub(crate) const PASSED: [&str; 2] = [
    r#"{"socket-flow": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "duration": 2,
        "remoteCloseCode": 1000, "reportfile": "case.json"}}}"#,
    r#"{"behavior": "OK", "behaviorClose": "OK", "droppedByMe": false, "duration": 2,
        "expectedClose": {"closeCode": [1000], "closedByMe": true}, "remoteCloseCode": 1000,
        "wasClean": true, "wasCloseHandshakeTimeout": false, "wasOpenHandshakeTimeout": false,
        "wasServerConnectionDropTimeout": false}"#,
];

/// Held while a script is written and while a process is started: a child started in between would
/// keep the script open for writing for a moment, and what is open for writing cannot be run.
static STARTING: Mutex<()> = Mutex::new(());

/// How the stand-in `docker` behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Docker<'a> {
    /// There is a client but no daemon.
    Absent,
    /// `docker run` writes this report and succeeds.
    Reports([&'a str; 2]),
    /// The same, and it listens until it is asked to stop.
    Listens([&'a str; 2]),
    /// `docker run` never ends by itself.
    Hangs,
}

/// What a run of the command did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

/// A directory for one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Stage {
    directory: PathBuf,
    environment: RefCell<Vec<(String, String)>>,
}

impl Stage {
    pub(crate) fn new(name: &str, docker: Docker<'_>) -> Self {
        let name = format!("xtask-autobahn-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(directory.join("bin")).unwrap();
        let stage = Self {
            directory,
            environment: RefCell::default(),
        };
        stage.write_cargo();
        stage.write_examples();
        stage.write_docker(docker);
        stage
    }

    /// Runs the command to its end.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Run {
        let mut child = start(&mut self.command(arguments));
        let code = child.wait().unwrap().code();
        self.ended(code)
    }

    /// Runs the command and sends it a signal once the suite runs.
    pub(crate) fn interrupted(&self, signal: &str, arguments: &[&str]) -> Run {
        let mut child = start(&mut self.command(arguments));
        let started = self.directory.join("docker-run");
        while !started.exists() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(10));
        }
        let kill = format!("kill -{signal} {}", child.id());
        Command::new("/bin/sh")
            .args(["-c", &kill])
            .status()
            .unwrap();
        let code = child.wait().unwrap().code();
        self.ended(code)
    }

    /// Sets a variable for the command.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let pair = (name.to_owned(), value.to_owned());
        self.environment.borrow_mut().push(pair);
    }

    /// Lets the example under test end by itself as soon as the suite runs.
    pub(crate) fn let_example_end(&self) {
        fs::write(self.directory.join("example-ends"), "").unwrap();
    }

    /// A path under the stand-in target directory.
    pub(crate) fn target(&self, path: &str) -> PathBuf {
        self.directory.join("target").join(path)
    }

    /// One of the stand-in programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join("bin").join(name)
    }

    /// A command for a server that says nothing and accepts WebSocket handshakes on `{port}`.
    pub(crate) fn listening_command(&self) -> String {
        format!(
            "/bin/sh -c 'echo $$ > {}/example; port={{port}}; {}'",
            self.directory.display(),
            listen()
        )
    }

    /// The container that was started has been removed by its name.
    pub(crate) fn assert_container_removed(&self) {
        let read = |name| fs::read_to_string(self.directory.join(name)).unwrap();
        assert_eq!(read("docker-run"), read("docker-rm"));
    }

    /// The example that was started does not run any more.
    pub(crate) fn assert_example_gone(&self) {
        self.assert_gone("example");
    }

    /// The server of the stand-in Python does not run any more.
    pub(crate) fn assert_peer_gone(&self) {
        self.assert_gone("peer");
    }

    fn assert_gone(&self, file: &str) {
        let id = fs::read_to_string(self.directory.join(file)).unwrap();
        let probe = format!("kill -0 {}", id.trim());
        let mut probe = start(
            Command::new("/bin/sh")
                .args(["-c", &probe])
                .stderr(Stdio::null()),
        );
        assert!(!probe.wait().unwrap().success(), "process {id} still runs");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let output = File::create(self.directory.join("output")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(arguments)
            .env_clear()
            .env("CARGO", self.directory.join("bin/cargo"))
            .env("HOME", &self.directory)
            .env("PATH", self.directory.join("bin"))
            .envs(self.environment.borrow().iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        command
    }

    fn ended(&self, code: Option<i32>) -> Run {
        let output = fs::read_to_string(self.directory.join("output")).unwrap();
        Run { code, output }
    }

    fn write_cargo(&self) {
        let root = self.directory.display();
        let artifact = |name: &str| {
            format!(
                r#"echo '{{"reason":"compiler-artifact","target":{{"kind":["example"],"name":"{name}"}},"executable":"{root}/bin/{name}"}}'"#
            )
        };
        self.write_script(
            "cargo",
            &format!(
                "case $1 in\n\
                 metadata) echo '{{\"target_directory\":\"{root}/target\"}}' ;;\n\
                 build) {}; {}; {} ;;\n\
                 esac\n",
                artifact("echo_server"),
                artifact("autobahn_client"),
                artifact("interop_client")
            ),
        );
    }

    fn write_examples(&self) {
        let root = self.directory.display();
        self.write_script(
            "echo_server",
            &format!(
                "echo $$ > {root}/example\n\
                 echo \"$@\"\n\
                 echo listening on 127.0.0.1:9\n\
                 while ! [ -e {root}/example-ends ] || ! [ -e {root}/docker-run ]; do\n\
                 /bin/sleep 0.01\n\
                 done\n"
            ),
        );
        self.write_script(
            "autobahn_client",
            &format!("echo $$ > {root}/example\necho \"$@\"\n"),
        );
    }

    /// Adds a Python 3 that installs nothing, a client on it that says nothing and a server on it
    /// that opens one listener, and `interop_client`, which says nothing either.
    pub(crate) fn add_python(&self) {
        let root = self.directory.display();
        self.write_script(
            "python3",
            &format!(
                "case \"$1 $2\" in\n\
                 '-m venv') /bin/mkdir -p $3/bin; /bin/cp {root}/bin/python3 $3/bin/python ;;\n\
                 *peer.py' server')\n\
                 echo $$ > {root}/peer\n\
                 echo '{{\"listener\":0,\"port\":9}}'\n\
                 exec /bin/sleep 600 ;;\n\
                 esac\n"
            ),
        );
        self.write_script("interop_client", "exit 0\n");
    }

    fn write_docker(&self, docker: Docker<'_>) {
        let root = self.directory.display();
        let (info, run) = match docker {
            Docker::Absent => ("exit 1".to_owned(), String::new()),
            Docker::Hangs => ("echo 28.0".to_owned(), "/bin/sleep 600".to_owned()),
            Docker::Reports(report) | Docker::Listens(report) => {
                fs::write(self.directory.join("index.json"), report[0]).unwrap();
                fs::write(self.directory.join("case.json"), report[1]).unwrap();
                let listen = match docker {
                    Docker::Listens(_) => format!("{PORT}{}", listen()),
                    _ => String::new(),
                };
                let run = format!(
                    "echo Running test case ID 1.1.1 for agent socket-flow from peer x\n\
                     /bin/cp {root}/index.json {root}/case.json $reports\n\
                     echo > $reports/index.html\n{listen}"
                );
                ("echo 28.0".to_owned(), run)
            }
        };
        self.write_script(
            "docker",
            &format!(
                "case $1 in\n\
                 info) {info} ;;\n\
                 image) exit 0 ;;\n\
                 rm) echo $3 > {root}/docker-rm ;;\n\
                 run)\n\
                 while [ $# -gt 0 ]; do\n\
                 case $1 in\n\
                 --name) name=$2 ;;\n\
                 --volume) case $2 in *:/reports) reports=${{2%:/reports}} ;; esac ;;\n\
                 esac\n\
                 shift\n\
                 done\n\
                 echo $name > {root}/docker-run.new\n\
                 /bin/mv {root}/docker-run.new {root}/docker-run\n\
                 {run}\n\
                 ;;\n\
                 *) exit 64 ;;\n\
                 esac\n"
            ),
        );
    }

    fn write_script(&self, name: &str, body: &str) {
        let _guard = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.directory.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn start(command: &mut Command) -> Child {
    let _guard = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// Shell code that reads the port of the suite's fuzzing server.
const PORT: &str = "port=$(/bin/sed -n 's/.*127.0.0.1:\\([0-9]*\\).*/\\1/p' $reports/spec.json)\n";

/// Shell code that becomes the test `fuzzing_server` of this test program, on `$port`.
fn listen() -> String {
    let program: PathBuf = std::env::current_exe().unwrap();
    let program: &Path = &program;
    format!(
        "FUZZING_SERVER_PORT=$port exec {} --ignored --exact fuzzing_server --nocapture\n",
        program.display()
    )
}
