use socket_flow_frames::DeflateParams;

use crate::deflate::parameters::{MAX_WINDOW_BITS, Parameters, valid};
use crate::deflate::{ClientWindow, DeflateError, InvalidWindowBits, Parameter};
use crate::extension::Extension;

/// What a client asks for.
///
/// Default: `permessage-deflate; client_max_window_bits`, which is what browsers offer: both
/// contexts are kept, and the server may make the client's window smaller.
///
/// A server that cannot meet a demand declines the extension, and the connection opens without
/// it. An answer that accepts the extension and not the demand fails the handshake.
///
/// ```
/// use socket_flow_handshake::deflate::{ClientWindow, DeflateOffer};
///
/// let offer = DeflateOffer::default()
///     .server_no_context_takeover(true)
///     .server_max_window_bits(10)?
///     .client_max_window_bits(ClientWindow::Bits(12))?;
/// # let _ = offer;
/// assert!(DeflateOffer::default().server_max_window_bits(16).is_err());
/// # Ok::<_, socket_flow_handshake::deflate::InvalidWindowBits>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateOffer(Parameters);

impl DeflateOffer {
    /// Demands that the server empties its window before each message, so that the client needs
    /// to keep none between them (RFC 7692 §7.1.1.1). Default: no.
    #[must_use]
    pub fn server_no_context_takeover(mut self, demand: bool) -> Self {
        self.0.server_no_context_takeover = demand;
        self
    }

    /// Announces that the client empties its own window before each message, which it then does
    /// whatever the server answers (RFC 7692 §7.1.1.2). Default: no.
    #[must_use]
    pub fn client_no_context_takeover(mut self, announce: bool) -> Self {
        self.0.client_no_context_takeover = announce;
        self
    }

    /// Demands that the server's window has at most this many bits, 8 to 15
    /// (RFC 7692 §7.1.2.1). Default: no demand.
    ///
    /// # Errors
    /// [`InvalidWindowBits`] outside of 8 to 15.
    pub fn server_max_window_bits(mut self, bits: u8) -> Result<Self, InvalidWindowBits> {
        self.0.server_max_window_bits = Some(valid(bits)?);
        Ok(self)
    }

    /// Sets what is said about the client's own window (RFC 7692 §7.1.2.2). Default:
    /// [`ClientWindow::Any`].
    ///
    /// # Errors
    /// [`InvalidWindowBits`] if bits are given and are outside of 8 to 15.
    pub fn client_max_window_bits(
        mut self,
        window: ClientWindow,
    ) -> Result<Self, InvalidWindowBits> {
        if let ClientWindow::Bits(bits) = window {
            valid(bits)?;
        }
        self.0.client_max_window_bits = window;
        Ok(self)
    }

    /// The offer as it is written.
    pub(crate) fn to_extension(self) -> Extension {
        self.0.write()
    }

    /// Checks the server's answer to this offer.
    pub(crate) fn verify(self, answer: &Extension) -> Result<DeflateParams, DeflateError> {
        let offer = self.0;
        let answer = Parameters::read(answer)?;
        if offer.server_no_context_takeover && !answer.server_no_context_takeover {
            let parameter = Parameter::ServerNoContextTakeover;
            return Err(DeflateError::MissingParameter(parameter));
        }
        let parameter = Parameter::ServerMaxWindowBits;
        match (offer.server_max_window_bits, answer.server_max_window_bits) {
            (Some(_), None) => return Err(DeflateError::MissingParameter(parameter)),
            (Some(offered), Some(bits)) if bits > offered => {
                return Err(DeflateError::WindowTooLarge(parameter));
            }
            _ => {}
        }
        let parameter = Parameter::ClientMaxWindowBits;
        match (offer.client_max_window_bits, answer.client_max_window_bits) {
            (_, ClientWindow::Absent) => {}
            (ClientWindow::Absent, _) => return Err(DeflateError::UnofferedParameter(parameter)),
            // RFC 7692 §7.1.2.2: only an offer may leave the value out.
            (_, ClientWindow::Any) => return Err(DeflateError::MissingValue(parameter)),
            (ClientWindow::Bits(offered), ClientWindow::Bits(bits)) if bits > offered => {
                return Err(DeflateError::WindowTooLarge(parameter));
            }
            (ClientWindow::Any | ClientWindow::Bits(_), ClientWindow::Bits(_)) => {}
        }
        Ok(offer.agreed(&answer))
    }
}

impl From<DeflateParams> for DeflateOffer {
    /// Asks for these parameters, and names those alone that are not what the extension means
    /// without them: a server that knows no windows would decline an offer that names one.
    ///
    /// The client's window may always be made smaller. A window that lies outside of 8 to 15 bits
    /// counts as the nearest.
    ///
    /// ```
    /// use socket_flow_handshake::DeflateParams;
    /// use socket_flow_handshake::deflate::{ClientWindow, DeflateOffer};
    ///
    /// let params = DeflateParams {
    ///     client_max_window_bits: 12,
    ///     ..DeflateParams::default()
    /// };
    /// let offer = DeflateOffer::default().client_max_window_bits(ClientWindow::Bits(12))?;
    /// assert_eq!(DeflateOffer::from(params), offer);
    /// # Ok::<_, socket_flow_handshake::deflate::InvalidWindowBits>(())
    /// ```
    fn from(params: DeflateParams) -> Self {
        let params = params.clamped();
        let named = |bits| (bits < MAX_WINDOW_BITS).then_some(bits);
        Self(Parameters {
            server_no_context_takeover: params.server_no_context_takeover,
            client_no_context_takeover: params.client_no_context_takeover,
            server_max_window_bits: named(params.server_max_window_bits),
            client_max_window_bits: named(params.client_max_window_bits)
                .map_or(ClientWindow::Any, ClientWindow::Bits),
        })
    }
}

impl Default for DeflateOffer {
    fn default() -> Self {
        DeflateParams::default().into()
    }
}
