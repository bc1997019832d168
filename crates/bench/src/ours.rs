//! What our own servers have in common.

use socket_flow::{Acceptor, Config, Deflate};

use crate::MAX_MESSAGE;
use crate::server::{Options, Takeover};

/// Accepts connections with all defaults but the size limit, and compression where it was asked
/// for.
pub fn acceptor(options: &Options) -> Acceptor {
    let acceptor = Acceptor::new().config(Config::new().max_message(MAX_MESSAGE));
    match options.deflate {
        None => acceptor,
        Some(takeover) => {
            let forget = takeover == Takeover::None;
            acceptor.deflate(
                Deflate::balanced()
                    .server_no_context_takeover(forget)
                    .client_no_context_takeover(forget),
            )
        }
    }
}
