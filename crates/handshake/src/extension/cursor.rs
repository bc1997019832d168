use crate::header::{ListError, is_token_byte, split_token};

/// A place in one header value. It only moves forward.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// How often a byte was looked at: the proof that no grammar here walks a value twice.
    #[cfg(test)]
    pub(super) steps: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Moves to the next element of the list and over empty ones; `false` at the end.
    pub(super) fn next_element(&mut self) -> Result<bool, ListError> {
        loop {
            self.skip_spaces();
            match self.peek() {
                None => return Ok(false),
                Some(b',') => self.bump(),
                Some(_) => return Ok(true),
            }
        }
    }

    /// Moves after an element, to its comma or the end of the value.
    pub(super) fn end_element(&mut self) -> Result<(), ListError> {
        self.skip_spaces();
        match self.peek() {
            None | Some(b',') => Ok(()),
            Some(_) => Err(ListError::Separator),
        }
    }

    pub(super) fn token(&mut self) -> Result<&'a str, ListError> {
        let (token, rest) = split_token(self.rest)?;
        #[cfg(test)]
        {
            self.steps += token.len() + 1;
        }
        self.rest = rest;
        Ok(token)
    }

    /// Reads a quoted string whose opening quote was eaten, and undoes its escapes.
    ///
    /// Ends at the first character that cannot be in a token, so a quote that never closes costs
    /// nothing beyond the bytes up to there.
    pub(super) fn quoted_token(&mut self) -> Result<String, ListError> {
        let mut token = String::new();
        loop {
            let mut byte = self.peek().ok_or(ListError::UnclosedQuote)?;
            self.bump();
            match byte {
                b'"' if token.is_empty() => return Err(ListError::QuotedValue),
                b'"' => return Ok(token),
                b'\\' => {
                    byte = self.peek().ok_or(ListError::UnclosedQuote)?;
                    self.bump();
                }
                _ => {}
            }
            if !is_token_byte(byte) {
                return Err(ListError::QuotedValue);
            }
            token.push(char::from(byte));
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.bump();
        }
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.bump();
        }
        found
    }

    fn peek(&mut self) -> Option<u8> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        self.rest.first().copied()
    }

    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_a_list_takes_a_number_of_steps_linear_in_its_length() {
        for pattern in ["a,", ",", " ", "a , ", "abcdefgh"] {
            let value = pattern.repeat(16 * 1024 / pattern.len());
            let mut cursor = Cursor::new(value.as_bytes());
            while cursor.next_element().unwrap() {
                cursor.token().unwrap();
                cursor.end_element().unwrap();
            }
            assert!(
                cursor.steps <= 8 * value.len(),
                "{pattern:?}: {}",
                cursor.steps
            );
        }
    }
}
