//! Compression settings, put as the handshake's offer and choice, and its answer as the
//! protocol's parameters: neither layer knows the other.

use std::sync::Arc;

use socket_flow_handshake::deflate::{self, ClientWindow, DeflateChoice, DeflateOffer};
use socket_flow_protocol::{Config, Deflate, DeflateParams};

/// What a client asks for.
pub(crate) fn offer(settings: &Deflate) -> DeflateOffer {
    let params = settings.params();
    let offer = DeflateOffer::default()
        .server_no_context_takeover(params.server_no_context_takeover)
        .client_no_context_takeover(params.client_no_context_takeover);
    // Settings hold valid windows only, so the offer without them is never fallen back to.
    let offer = match params.server_max_window_bits {
        // Demanding what is the default would only make servers decline that know no windows.
        LARGEST => offer,
        bits => offer.server_max_window_bits(bits).unwrap_or(offer),
    };
    match params.client_max_window_bits {
        LARGEST => offer,
        bits => offer
            .client_max_window_bits(ClientWindow::Bits(bits))
            .unwrap_or(offer),
    }
}

/// What a server agrees to.
pub(crate) fn choice(settings: &Deflate) -> DeflateChoice {
    let params = settings.params();
    let choice = DeflateChoice::default()
        .server_no_context_takeover(params.server_no_context_takeover)
        .client_no_context_takeover(params.client_no_context_takeover);
    let choice = choice
        .server_max_window_bits(params.server_max_window_bits)
        .unwrap_or(choice);
    choice
        .client_max_window_bits(params.client_max_window_bits)
        .unwrap_or(choice)
}

/// What was agreed on.
pub(crate) fn params(agreed: deflate::DeflateParams) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: agreed.server_no_context_takeover,
        client_no_context_takeover: agreed.client_no_context_takeover,
        server_max_window_bits: agreed.server_max_window_bits,
        client_max_window_bits: agreed.client_max_window_bits,
    }
}

/// The configuration with these settings in it, if there are any; copied only where they differ.
pub(crate) fn configured(config: Arc<Config>, settings: Option<&Deflate>) -> Arc<Config> {
    match settings {
        Some(settings) if settings != config.deflate_settings() => {
            Arc::new(Arc::unwrap_or_clone(config).deflate(settings.clone()))
        }
        _ => config,
    }
}

/// The window that is meant where none is named (RFC 7692 §7.1.2).
const LARGEST: u8 = 15;
