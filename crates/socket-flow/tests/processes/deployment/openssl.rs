//! A client on OpenSSL, of which Python has one, and our own TLS server.

use std::process::{Command, Stdio};

use socket_flow::Listener;
use socket_flow::tls::ServerTls;

use crate::deployment::peers::echo_on;
use crate::deployment::process::{Directory, is_installed, write};
use crate::pki::Authority;

#[tokio::test]
async fn openssl_talks_to_our_server_and_hears_it_close() {
    let authority = Authority::new("a");
    let tls = ServerTls::new(authority.issue("localhost"))
        .build()
        .unwrap();
    let server = echo_on(Listener::bind("127.0.0.1:0").await.unwrap().tls(tls));
    let directory = Directory::new();
    let file = write(directory.path(), "authority.pem", authority.pem());
    for version in ["TLSv1_2", "TLSv1_3"] {
        let mut client = Command::new("python3");
        client
            .args(["-c", include_str!("openssl.py")])
            .args([&server.port().to_string(), &file, version])
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || client.output());
        let Some(output) = is_installed("python3", output.await.unwrap()) else {
            return;
        };
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"ok\n", "{version}: {error}");
    }
}
