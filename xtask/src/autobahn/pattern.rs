//! Case ids and the patterns that select them.

use std::fmt;

use crate::error::Error;

/// One case id, or every id that starts with a prefix (`1.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Id(String),
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern; a star may stand at the end only.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        let plain = stem.chars().all(|c| c.is_ascii_digit() || c == '.');
        if text.is_empty() || !plain {
            return Err(Error::Usage(format!("'{text}' is no pattern of case ids")));
        }
        Ok(if stem.len() < text.len() {
            Self::Prefix(stem.into())
        } else {
            Self::Id(stem.into())
        })
    }

    /// Whether the case `id` is meant.
    pub(crate) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Id(wanted) => id == wanted,
            Self::Prefix(prefix) => id.starts_with(prefix),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_what_starts_like_it_and_no_longer_number() {
        let pattern = Pattern::parse("1.*").unwrap();
        assert!(pattern.matches("1.2.3"));
        assert!(!pattern.matches("10.1.1"));
        assert!(!pattern.matches("2.1"));
    }

    #[test]
    fn an_id_takes_itself_only() {
        let pattern = Pattern::parse("7.1.1").unwrap();
        assert!(pattern.matches("7.1.1"));
        assert!(!pattern.matches("7.1.10"));
    }

    #[test]
    fn a_star_alone_takes_everything() {
        assert!(Pattern::parse("*").unwrap().matches("9.7.6"));
    }

    #[test]
    fn what_is_neither_id_nor_prefix_is_refused() {
        for text in ["", "1.*.2", "a", "*.1", "1 "] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }
}
