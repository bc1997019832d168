use socket_flow_handshake as handshake;
use socket_flow_protocol::Negotiated;

/// Carries what the handshake agreed on over to the protocol, which knows nothing of the former.
pub(crate) fn negotiated(agreed: handshake::Negotiated) -> Negotiated {
    let negotiated = Negotiated::default();
    #[cfg(feature = "deflate")]
    let negotiated = match agreed.deflate() {
        Some(params) => negotiated.with_deflate(crate::deflate::params(params)),
        None => negotiated,
    };
    match agreed.subprotocol {
        Some(name) => negotiated.with_subprotocol(&*name),
        None => negotiated,
    }
}
