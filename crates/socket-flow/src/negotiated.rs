use socket_flow_handshake as handshake;
use socket_flow_protocol::Negotiated;

/// Carries what the handshake agreed on over to the protocol, which knows nothing of the former.
pub(crate) fn negotiated(agreed: handshake::Negotiated) -> Negotiated {
    match agreed.subprotocol {
        Some(name) => Negotiated::default().with_subprotocol(name),
        None => Negotiated::default(),
    }
}
