//! `echo_server`: options and echoes.

use socket_flow::{ClientBuilder, CloseCode, Message};

use crate::examples::client::client;
use crate::examples::process::{Example, block_on};

#[test]
fn echo_server_sends_text_and_binary_back_as_they_came() {
    let (_server, url) = Example::echo_server(&["--threads", "1"]);
    block_on(async {
        let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
        for message in [
            Message::from("text"),
            Message::from(vec![0xff; 1 << 20]),
            Message::from(""),
        ] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(message));
        }
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
    });
}

#[test]
fn echo_server_refuses_messages_over_its_limit_with_1009() {
    let (_server, url) = Example::echo_server(&["--max-message", "5"]);
    let finished = client(&["--json", &url], "12345\n");
    assert_eq!(finished.stdout, "{\"text\":\"12345\"}\n{\"closed\":1000}\n");
    let finished = client(&["--json", &url], "123456\n");
    assert_eq!(
        (finished.code, &*finished.stdout),
        (Some(0), "{\"closed\":1009}\n")
    );
}

#[test]
fn echo_server_picks_the_subprotocol_it_prefers() {
    let (_server, url) = Example::echo_server(&["--subprotocol", "v2", "--subprotocol", "v1"]);
    let picked = block_on(async {
        let builder = ClientBuilder::new(&url).subprotocols(["v1", "v2"]);
        let (ws, _) = builder.connect().await.unwrap();
        ws.negotiated().subprotocol().map(ToOwned::to_owned)
    });
    assert_eq!(picked.as_deref(), Some("v2"));
}

#[cfg(feature = "rustls")]
#[test]
fn echo_server_and_client_speak_tls() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    let file = std::env::temp_dir().join(format!("socket-flow-{}.pem", std::process::id()));
    std::fs::write(&file, pem).unwrap();
    let path = file.to_str().unwrap();
    let (_server, url) = Example::echo_server(&["--certificate", path, "--key", path]);
    let url = url.replace("ws://", "wss://");
    let trusting = client(&["--json", "--authority", path, &url], "hello\n");
    let stranger = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    std::fs::write(&file, stranger.cert.pem()).unwrap();
    let doubting = client(&["--json", "--authority", path, &url], "hello\n");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(trusting.stdout, "{\"text\":\"hello\"}\n{\"closed\":1000}\n");
    let error = "{\"error\":\"no tls connection: ";
    assert!(doubting.stdout.starts_with(error), "{}", doubting.stdout);
    assert_eq!(doubting.code, Some(1));
}
