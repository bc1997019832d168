use crate::extension::Extension;

/// What client and server agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The subprotocol the server picked, if any.
    pub subprotocol: Option<Box<str>>,
    /// The extensions the server accepted, in the order they apply.
    pub extensions: Vec<Extension>,
}
