use std::fmt;

use crate::deflate::DeflateParams;
use crate::extension::Extension;

/// What client and server agreed on.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The subprotocol the server picked, if any.
    pub subprotocol: Option<Box<str>>,
    /// The extensions the server accepted, in the order they apply.
    pub extensions: Vec<Extension>,
    pub(crate) deflate: Option<DeflateParams>,
}

impl Negotiated {
    /// What was agreed on for permessage-deflate; `None` if it is not in use, or was not offered
    /// with [`Offer::deflate`](crate::client::Offer::deflate).
    ///
    /// Both sides derive the same values. The answer itself is among the extensions.
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }
}

impl fmt::Debug for Negotiated {
    /// Shows of the subprotocol whether there is one: it may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated")
            .field("subprotocol", &self.subprotocol.is_some())
            .field("extensions", &self.extensions)
            .field("deflate", &self.deflate)
            .finish()
    }
}
