//! Our two ends, both examples of the facade.

use std::path::Path;
use std::process::Command;

use crate::authority::Authority;
use crate::error::Error;
use crate::interop::script::{Server, Window};
use crate::interop::setup::Setup;
use crate::workspace::Examples;

/// The example that serves.
pub(crate) const SERVER: &str = "echo_server";
/// The example that runs a script of exchanges.
pub(crate) const CLIENT: &str = "interop_client";

/// A command for our client.
pub(crate) fn client(examples: &Examples, script: &Path) -> Result<Command, Error> {
    let mut command = Command::new(examples.executable(CLIENT)?);
    command.arg(script);
    Ok(command)
}

/// A command for our server with these flags, inside TLS where it is given a certificate.
pub(crate) fn server(
    examples: &Examples,
    setup: Setup,
    tls: Option<&Authority>,
    flags: &[String],
) -> Result<Command, Error> {
    let mut command = Command::new(examples.executable(SERVER)?);
    command.args(["--addr", "127.0.0.1:0", "--threads", "1"]);
    command.args(["--serve", setup.style()]);
    if let Some(tls) = tls {
        command.arg("--certificate").arg(&tls.certificate);
        command.arg("--key").arg(&tls.key);
    }
    command.args(flags);
    Ok(command)
}

/// The flags of our server for these settings, or `None` where it has none.
pub(crate) fn flags(server: &Server) -> Option<Vec<String>> {
    let mut flags = Vec::new();
    for subprotocol in &server.subprotocols {
        flags.extend(["--subprotocol".to_owned(), (*subprotocol).to_owned()]);
    }
    if let Some(bytes) = server.max_message {
        flags.extend(["--max-message".to_owned(), bytes.to_string()]);
    }
    if let Some(deflate) = &server.deflate {
        flags.push("--deflate".into());
        if deflate.server_no_context_takeover != deflate.client_no_context_takeover {
            return None;
        }
        if deflate.server_no_context_takeover {
            flags.push("--no-context-takeover".into());
        }
        match (
            deflate.server_max_window_bits,
            deflate.client_max_window_bits,
        ) {
            (None, None) => {}
            (Some(bits), Some(Window::Bits(same))) if bits == same => {
                flags.extend(["--window-bits".to_owned(), bits.to_string()]);
            }
            _ => return None,
        }
    }
    (server.fragment == 0 && server.opening.is_none()).then_some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::script::{Parameters, Step};

    #[test]
    fn settings_become_flags() {
        let server = Server {
            subprotocols: vec!["a", "b"],
            deflate: Some(Parameters {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                server_max_window_bits: Some(9),
                client_max_window_bits: Some(Window::Bits(9)),
            }),
            max_message: Some(1000),
            ..Server::default()
        };
        assert_eq!(
            flags(&server).unwrap().join(" "),
            "--subprotocol a --subprotocol b --max-message 1000 --deflate \
             --no-context-takeover --window-bits 9"
        );
        assert_eq!(flags(&Server::default()).unwrap(), [""; 0]);
    }

    #[test]
    fn what_has_no_flag_is_not_left_out_silently() {
        let demanding = |parameters| Server {
            deflate: Some(parameters),
            ..Server::default()
        };
        for server in [
            demanding(Parameters {
                server_no_context_takeover: true,
                ..Parameters::default()
            }),
            demanding(Parameters {
                server_max_window_bits: Some(9),
                ..Parameters::default()
            }),
            Server {
                fragment: 1,
                ..Server::default()
            },
            Server {
                opening: Some(Step::AwaitClose),
                ..Server::default()
            },
        ] {
            assert_eq!(flags(&server), None, "{server:?}");
        }
    }
}
