//! Examples of tokio-tungstenite, as its package has them, changed by the guide's list of names and
//! by nothing else, in a package of their own.

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::examples::process::{Example, PATIENCE, block_on};
use crate::migrating::guide::renamed;

/// What the examples depend on beside the library, as their package says.
const DEPENDENCIES: &str = r#"
env_logger = { version = "*", default-features = false }
futures-channel = "*"
futures-util = { version = "*", default-features = false, features = ["sink", "std"] }
log = "*"
tokio = { version = "*", features = ["full"] }

[workspace]
"#;

/// Where the changed examples lie once they are built.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(build);

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What is built here is a package as a user has it.
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(flags);
    }
    cargo
}

fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("migrating");
    let sources = package.join("src/bin");
    fs::create_dir_all(&sources).unwrap();
    // The versions are those of the workspace, so nothing is downloaded that is not there.
    fs::copy(here.join("../../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let manifest = format!(
        "[package]\nname = \"migrating\"\nedition = \"2021\"\n\n[dependencies]\n\
         socket-flow = {{ path = {here:?}, default-features = false }}{DEPENDENCIES}"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    let theirs = examples_of_tokio_tungstenite(here);
    for name in ["client", "echo-server", "server"] {
        let example = fs::read_to_string(theirs.join(format!("{name}.rs"))).unwrap();
        fs::write(sources.join(format!("{name}.rs")), renamed(&example)).unwrap();
    }
    let target = package.join("target");
    let built = cargo()
        .args(["build", "--offline", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{told}");
    target.join("debug")
}

fn examples_of_tokio_tungstenite(here: &Path) -> PathBuf {
    let metadata = cargo()
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--manifest-path",
        ])
        .arg(here.join("Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "tokio-tungstenite")
        .unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("examples")
}

/// Builds the examples if nobody has: no deadline of a test is meant for that.
fn have_programs() {
    LazyLock::force(&PROGRAMS);
}

fn program(name: &str) -> Command {
    Command::new(PROGRAMS.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// A server that listens on a port that was free; the examples cannot be asked for theirs.
async fn serving(name: &str) -> (Example, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = port.local_addr().unwrap();
    drop(port);
    let server = Example::spawn(program(name).arg(address.to_string()));
    while tokio::net::TcpStream::connect(address).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    (server, format!("ws://{address}/"))
}

/// The client's output, up to its first `len` bytes after the line that it is connected.
fn output(client: &mut Example, len: usize) -> String {
    let mut stdout = client.0.stdout.take().unwrap();
    let (told, output) = mpsc::channel();
    std::thread::spawn(move || {
        let greeting = "WebSocket handshake has been successfully completed\n";
        let mut bytes = vec![0; greeting.len() + len];
        let read = stdout.read_exact(&mut bytes).map(|()| bytes);
        let _ = told.send((read, stdout));
    });
    let (read, stdout) = output.recv_timeout(PATIENCE).unwrap();
    client.0.stdout = Some(stdout);
    match read {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).unwrap();
            let (_, text) = text.split_once('\n').unwrap();
            text.to_owned()
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => panic!("the client ended"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_echo_server_and_the_client_talk_to_each_other_and_to_the_originals() {
    have_programs();
    block_on(async {
        let (_server, url) = serving("echo-server").await;
        let (mut theirs, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        for message in [Message::text("héllo"), Message::binary(vec![7; 100_000])] {
            theirs.send(message.clone()).await.unwrap();
            assert_eq!(theirs.next().await.unwrap().unwrap(), message);
        }
        theirs.close(None).await.unwrap();

        let mut client = Example::spawn(program("client").arg(&url));
        client.write("hello\n");
        assert_eq!(output(&mut client, 6), "hello\n");
        assert_eq!(client.finish().code, Some(0));
    });
}

#[test]
fn the_client_talks_to_a_server_of_the_original() {
    have_programs();
    let listener = block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let listener = listener.into_std().unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let mut ws = tokio_tungstenite::accept_async(stream).await.unwrap();
            let message = ws.next().await.unwrap().unwrap();
            ws.send(message.clone()).await.unwrap();
            while let Some(Ok(_)) = ws.next().await {}
            message
        })
    });
    let mut client = Example::spawn(program("client").arg(&url));
    client.write("hello\n");
    assert_eq!(output(&mut client, 6), "hello\n");
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(server.join().unwrap(), Message::binary("hello\n"));
}

#[test]
fn the_chat_server_sends_what_one_says_to_all_others() {
    have_programs();
    block_on(async {
        let (_server, url) = serving("server").await;
        let mut people = Vec::new();
        for _ in 0..3 {
            let (person, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
            people.push(person);
        }
        // Who is let in is told to nobody: they are all there once a word gets around.
        let mut heard = 0;
        while heard < 2 {
            people[0].send(Message::text("hello")).await.unwrap();
            heard = 0;
            for other in &mut people[1..] {
                let next = tokio::time::timeout(Duration::from_millis(200), other.next()).await;
                if let Ok(message) = next {
                    assert_eq!(message.unwrap().unwrap(), Message::text("hello"));
                    heard += 1;
                }
            }
        }
        let nothing = tokio::time::timeout(Duration::from_millis(200), people[0].next()).await;
        assert!(nothing.is_err(), "who speaks hears itself");
        for mut person in people {
            person.close(None).await.unwrap();
            let end = async { while let Some(Ok(_)) = person.next().await {} };
            tokio::time::timeout(PATIENCE, end).await.unwrap();
        }
    });
}
