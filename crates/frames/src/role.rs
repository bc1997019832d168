/// The side of the connection an endpoint is on.
///
/// The role decides the direction of masking: a client masks every frame it sends and a server none
/// (RFC 6455 section 5.1).
///
/// Exhaustive: the protocol has two sides.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::Role;
///
/// assert!(Role::Client.masks());
/// assert_eq!(Role::Client.peer(), Role::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there is no third
pub enum Role {
    /// The endpoint that opened the connection; it masks what it sends.
    Client,
    /// The endpoint that accepted the connection; it sends unmasked frames.
    Server,
}

impl Role {
    /// Whether frames *sent* by this role are masked.
    #[inline]
    #[must_use]
    pub const fn masks(self) -> bool {
        matches!(self, Self::Client)
    }

    /// The role at the other end of the connection.
    #[inline]
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn only_the_client_masks() {
        assert!(Role::Client.masks());
        assert!(!Role::Server.masks());
    }

    #[test]
    fn the_peer_of_the_peer_is_oneself() {
        for role in [Role::Client, Role::Server] {
            assert_ne!(role.peer(), role);
            assert_eq!(role.peer().peer(), role);
        }
    }
}
