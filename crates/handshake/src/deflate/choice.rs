use crate::deflate::parameters::{MAX_WINDOW_BITS, Parameters, valid};
use crate::deflate::{ClientWindow, DeflateParams, InvalidWindowBits, NAME};
use crate::extension::Extension;

/// What a server is willing to do.
///
/// Default: whatever the client asks for, and nothing beyond. Every offer that is valid can be
/// met; with demands of its own the server only ever answers less than it was offered.
///
/// ```
/// use socket_flow_handshake::deflate::DeflateChoice;
///
/// let small = DeflateChoice::default()
///     .server_no_context_takeover(true)
///     .client_no_context_takeover(true)
///     .server_max_window_bits(11)?
///     .client_max_window_bits(11)?;
/// # let _ = small;
/// # Ok::<_, socket_flow_handshake::deflate::InvalidWindowBits>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateChoice {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: u8,
}

impl DeflateChoice {
    /// Whether the server empties its own window before each message even unasked
    /// (RFC 7692 §7.1.1.1). Default: no.
    #[must_use]
    pub fn server_no_context_takeover(mut self, always: bool) -> Self {
        self.server_no_context_takeover = always;
        self
    }

    /// Whether the client has to empty its window before each message, which it must do even if
    /// it did not offer to (RFC 7692 §7.1.1.2). Default: no.
    #[must_use]
    pub fn client_no_context_takeover(mut self, demand: bool) -> Self {
        self.client_no_context_takeover = demand;
        self
    }

    /// Sets the largest window the server uses for what it sends, in bits, 8 to 15; a client may
    /// ask for a smaller one (RFC 7692 §7.1.2.1). Default: 15.
    ///
    /// # Errors
    /// [`InvalidWindowBits`] outside of 8 to 15.
    pub fn server_max_window_bits(mut self, bits: u8) -> Result<Self, InvalidWindowBits> {
        self.server_max_window_bits = valid(bits)?;
        Ok(self)
    }

    /// Sets the largest window the client may use, in bits, 8 to 15. Default: 15.
    ///
    /// A client that does not offer `client_max_window_bits` cannot be limited
    /// (RFC 7692 §7.1.2.2): with it 15 is agreed on, whatever stands here.
    ///
    /// # Errors
    /// [`InvalidWindowBits`] outside of 8 to 15.
    pub fn client_max_window_bits(mut self, bits: u8) -> Result<Self, InvalidWindowBits> {
        self.client_max_window_bits = valid(bits)?;
        Ok(self)
    }

    /// Takes a valid offer of permessage-deflate: the answer to send, and what is agreed on with it.
    pub(crate) fn accept(&self, offer: &Extension) -> Option<(Extension, DeflateParams)> {
        let is_deflate = offer.name() == NAME;
        let offer = is_deflate.then(|| Parameters::read(offer).ok()).flatten()?;
        let answer = self.answer(&offer);
        Some((answer.write(), offer.agreed(&answer)))
    }

    fn answer(&self, offer: &Parameters) -> Parameters {
        let offered = offer.server_max_window_bits;
        let server_bits = offered
            .unwrap_or(MAX_WINDOW_BITS)
            .min(self.server_max_window_bits);
        // Unasked it is worth saying only if it saves the client memory.
        let say = offered.is_some() || server_bits < MAX_WINDOW_BITS;
        Parameters {
            server_no_context_takeover: offer.server_no_context_takeover
                || self.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || self.client_no_context_takeover,
            server_max_window_bits: say.then_some(server_bits),
            client_max_window_bits: match offer.client_max_window_bits {
                ClientWindow::Absent => ClientWindow::Absent,
                ClientWindow::Any if self.client_max_window_bits == MAX_WINDOW_BITS => {
                    ClientWindow::Absent
                }
                ClientWindow::Any => ClientWindow::Bits(self.client_max_window_bits),
                ClientWindow::Bits(bits) => {
                    ClientWindow::Bits(bits.min(self.client_max_window_bits))
                }
            },
        }
    }
}

/// The same answer, and what is agreed on, but with every message compressed on its own, in both
/// directions. A server may say so whatever was offered (RFC 7692 §7.1.1.1, §7.1.1.2).
pub(crate) fn without_context_takeover(
    answer: &Extension,
    agreed: DeflateParams,
) -> Option<(Extension, DeflateParams)> {
    let answer = Parameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..Parameters::read(answer).ok()?
    };
    let agreed = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..agreed
    };
    Some((answer.write(), agreed))
}

impl Default for DeflateChoice {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
        }
    }
}
