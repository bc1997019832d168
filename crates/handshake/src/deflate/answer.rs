use socket_flow_frames::DeflateParams;

use crate::deflate::parameters::{MAX_WINDOW_BITS, Parameters};
use crate::deflate::{ClientWindow, NAME};
use crate::extension::Extension;

/// A valid offer of permessage-deflate, and the server's answer to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    offer: Parameters,
    answer: Parameters,
}

impl Answer {
    /// The answer of a server that would like these parameters; `None` if it is no valid offer.
    ///
    /// Every offer that is valid can be met: with wishes of its own the server only ever answers
    /// less than it was offered.
    pub(crate) fn to(offer: &Extension, wished: DeflateParams) -> Option<Self> {
        let is_deflate = offer.name() == NAME;
        let offer = is_deflate.then(|| Parameters::read(offer).ok()).flatten()?;
        let server_bits = offer
            .server_max_window_bits
            .unwrap_or(MAX_WINDOW_BITS)
            .min(wished.server_max_window_bits);
        // Unasked it is worth saying only if it saves the client memory.
        let say = offer.server_max_window_bits.is_some() || server_bits < MAX_WINDOW_BITS;
        let answer = Parameters {
            server_no_context_takeover: offer.server_no_context_takeover
                || wished.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || wished.client_no_context_takeover,
            server_max_window_bits: say.then_some(server_bits),
            client_max_window_bits: match offer.client_max_window_bits {
                ClientWindow::Absent => ClientWindow::Absent,
                ClientWindow::Any if wished.client_max_window_bits == MAX_WINDOW_BITS => {
                    ClientWindow::Absent
                }
                ClientWindow::Any => ClientWindow::Bits(wished.client_max_window_bits),
                ClientWindow::Bits(bits) => {
                    ClientWindow::Bits(bits.min(wished.client_max_window_bits))
                }
            },
        };
        Some(Self { offer, answer })
    }

    /// The same answer, but with every message compressed on its own, in both directions. A server
    /// may say so whatever was offered (RFC 7692 §7.1.1.1, §7.1.1.2).
    pub(crate) fn without_context_takeover(mut self) -> Self {
        self.answer.server_no_context_takeover = true;
        self.answer.client_no_context_takeover = true;
        self
    }

    /// What is agreed on with it.
    pub(crate) fn agreed(&self) -> DeflateParams {
        self.offer.agreed(&self.answer)
    }

    /// The answer as it is written.
    pub(crate) fn to_extension(self) -> Extension {
        self.answer.write()
    }
}
