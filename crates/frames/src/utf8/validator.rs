use super::error::Utf8Error;
use super::partial::{self, Character};

/// Validates text that arrives in pieces, cut anywhere, and fails at the first byte that cannot be.
///
/// It keeps three bytes of state and no text. An error is final until [`finish`](Self::finish): a piece that
/// follows one fails as well.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::Utf8Validator;
///
/// let mut validator = Utf8Validator::new();
/// validator.push(b"gr\xc3")?;
/// assert!(!validator.is_complete());
/// validator.push(b"\xbc\xc3\x9fe")?;
/// validator.finish()?;
///
/// validator.push(b"\xf4")?;
/// assert!(validator.push(b"\x90").is_err()); // beyond U+10FFFF: two more bytes cannot help
/// # Ok::<(), socket_flow_frames::Utf8Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Utf8Validator {
    /// The character the last piece ended in.
    character: Character,
}

impl Utf8Validator {
    /// A validator at the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            character: Character::NONE,
        }
    }

    /// Validates the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when no text goes on like this.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Utf8Error> {
        let result = self.push_inner(bytes);
        if result.is_err() {
            self.character = Character::IMPOSSIBLE;
        }
        result
    }

    /// Ends the text; the validator is as new.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when the text ends inside a character, or a piece of it had failed.
    #[inline]
    pub fn finish(&mut self) -> Result<(), Utf8Error> {
        let complete = self.is_complete();
        *self = Self::new();
        if complete {
            Ok(())
        } else {
            Err(Utf8Error::new())
        }
    }

    /// Whether the text may end here: it is valid so far and does not end inside a character.
    #[inline]
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.character.is_complete()
    }

    fn push_inner(&mut self, mut bytes: &[u8]) -> Result<(), Utf8Error> {
        while !self.character.is_complete() {
            let Some((&byte, rest)) = bytes.split_first() else {
                let failed = self.character == Character::IMPOSSIBLE;
                return if failed {
                    Err(Utf8Error::new())
                } else {
                    Ok(())
                };
            };
            self.character = self.character.next(byte)?;
            bytes = rest;
        }
        (_, self.character) = partial::validate(bytes)?;
        Ok(())
    }
}

impl Default for Utf8Validator {
    fn default() -> Self {
        Self::new()
    }
}
