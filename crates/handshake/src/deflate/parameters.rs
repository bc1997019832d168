use std::mem::replace;
use std::ops::RangeInclusive;

use socket_flow_frames::DeflateParams;

use crate::deflate::{ClientWindow, DeflateError, InvalidWindowBits, NAME, Parameter};
use crate::extension::Extension;

/// The window that is used where nothing is said.
pub(super) const MAX_WINDOW_BITS: u8 = DeflateParams::MAX_WINDOW_BITS;

/// What RFC 7692 §7.1.2 allows on the wire.
const WINDOW_BITS: RangeInclusive<u8> = DeflateParams::MIN_WINDOW_BITS..=MAX_WINDOW_BITS;

/// The parameters of one offer or one answer: each at most once, every window within its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    pub(super) client_max_window_bits: ClientWindow,
}

impl Parameters {
    /// Reads what offers and answers have in common; that in an answer no window may stand
    /// without a value is left to the caller.
    pub(super) fn read(extension: &Extension) -> Result<Self, DeflateError> {
        let mut read = Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: ClientWindow::Absent,
        };
        for param in extension.params() {
            let parameter = Parameter::named(param.name())
                .ok_or_else(|| DeflateError::UnknownParameter(param.name().into()))?;
            let repeated = match parameter {
                Parameter::ServerNoContextTakeover => {
                    no_value(parameter, param.value())?;
                    replace(&mut read.server_no_context_takeover, true)
                }
                Parameter::ClientNoContextTakeover => {
                    no_value(parameter, param.value())?;
                    replace(&mut read.client_no_context_takeover, true)
                }
                Parameter::ServerMaxWindowBits => {
                    let value = param.value().ok_or(DeflateError::MissingValue(parameter))?;
                    let bits = window_bits(parameter, value)?;
                    read.server_max_window_bits.replace(bits).is_some()
                }
                Parameter::ClientMaxWindowBits => {
                    let window = match param.value() {
                        None => ClientWindow::Any,
                        Some(value) => ClientWindow::Bits(window_bits(parameter, value)?),
                    };
                    replace(&mut read.client_max_window_bits, window) != ClientWindow::Absent
                }
            };
            if repeated {
                return Err(DeflateError::RepeatedParameter(parameter));
            }
        }
        Ok(read)
    }

    pub(super) fn write(&self) -> Extension {
        let mut params = Vec::new();
        if self.server_no_context_takeover {
            params.push((Parameter::ServerNoContextTakeover, None));
        }
        if self.client_no_context_takeover {
            params.push((Parameter::ClientNoContextTakeover, None));
        }
        if let Some(bits) = self.server_max_window_bits {
            params.push((Parameter::ServerMaxWindowBits, Some(bits)));
        }
        match self.client_max_window_bits {
            ClientWindow::Absent => {}
            ClientWindow::Any => params.push((Parameter::ClientMaxWindowBits, None)),
            ClientWindow::Bits(bits) => params.push((Parameter::ClientMaxWindowBits, Some(bits))),
        }
        let params = params
            .into_iter()
            .map(|(parameter, bits)| (parameter.name(), bits));
        Extension::from_known(NAME, params)
    }

    /// What these, as an offer, and a legal answer to it come to, for the one side as for the other.
    pub(super) fn agreed(&self, answer: &Self) -> DeflateParams {
        // What a client said of itself it keeps to even where the answer is silent (§7.1.1.2 and
        // §7.1.2.2), so a server may count on it.
        let client_max_window_bits = [answer, self].into_iter().find_map(|parameters| {
            match parameters.client_max_window_bits {
                ClientWindow::Bits(bits) => Some(bits),
                ClientWindow::Absent | ClientWindow::Any => None,
            }
        });
        DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover
                || answer.client_no_context_takeover,
            server_max_window_bits: answer.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
            client_max_window_bits: client_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
        }
    }
}

/// Lets only a window through that the wire can carry.
pub(super) fn valid(bits: u8) -> Result<u8, InvalidWindowBits> {
    WINDOW_BITS
        .contains(&bits)
        .then_some(bits)
        .ok_or(InvalidWindowBits(bits))
}

fn no_value(parameter: Parameter, value: Option<&str>) -> Result<(), DeflateError> {
    match value {
        None => Ok(()),
        Some(_) => Err(DeflateError::UnexpectedValue(parameter)),
    }
}

/// RFC 7692 §7.1.2: a decimal integer without leading zeros.
fn window_bits(parameter: Parameter, value: &str) -> Result<u8, DeflateError> {
    // A number parser would also take `+9` and `08`.
    match value.as_bytes() {
        [digit @ b'8'..=b'9'] => Ok(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Ok(10 + (digit - b'0')),
        _ => Err(DeflateError::InvalidWindowBits(parameter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7692 §7.1.2.1, §7.1.2.2.
    #[test]
    fn only_8_to_15_in_their_shortest_spelling_are_windows() {
        let parameter = Parameter::ServerMaxWindowBits;
        for bits in 0..=u8::MAX {
            let expected = WINDOW_BITS.contains(&bits).then_some(bits);
            assert_eq!(window_bits(parameter, &bits.to_string()).ok(), expected);
            assert_eq!(valid(bits).ok(), expected);
            for text in [format!("0{bits}"), format!("+{bits}"), format!("{bits}.")] {
                let error = DeflateError::InvalidWindowBits(parameter);
                assert_eq!(window_bits(parameter, &text), Err(error), "{text}");
            }
        }
    }

    #[test]
    fn every_set_of_parameters_is_read_back_as_it_was_written() {
        let windows = [
            ClientWindow::Absent,
            ClientWindow::Any,
            ClientWindow::Bits(8),
            ClientWindow::Bits(15),
        ];
        for flags in 0..4 {
            for server_max_window_bits in [None, Some(8), Some(15)] {
                for client_max_window_bits in windows {
                    let parameters = Parameters {
                        server_no_context_takeover: flags & 1 == 1,
                        client_no_context_takeover: flags & 2 == 2,
                        server_max_window_bits,
                        client_max_window_bits,
                    };
                    assert_eq!(Parameters::read(&parameters.write()), Ok(parameters));
                }
            }
        }
    }
}
