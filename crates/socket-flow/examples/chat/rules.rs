//! What names, rooms and messages may look like.
//!
//! The page shows all of it as text, never as HTML; what is taken out here is what misleads also
//! as text: control characters, and those that turn the writing direction of what follows.

/// Characters of a person's name.
pub(crate) const NAME: usize = 32;

/// Characters of a room's name.
pub(crate) const ROOM: usize = 24;

/// Characters of a message.
pub(crate) const TEXT: usize = 1000;

/// Characters of a message's key.
const KEY: usize = 32;

/// A person's name as it is shown, if it can be one.
pub(crate) fn name(raw: &str) -> Option<String> {
    let words: Vec<String> = raw
        .split_whitespace()
        .map(|word| word.chars().filter(|c| is_harmless(*c)).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    within(words.join(" "), NAME)
}

/// A room's name as it is written, if it can be one: `#Big Room` is `big-room`.
pub(crate) fn room(raw: &str) -> Option<String> {
    let raw = raw.trim().trim_start_matches('#').to_lowercase();
    let words: Vec<&str> = raw.split_whitespace().collect();
    let room = words.join("-");
    let is_plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    within(room, ROOM).filter(|room| room.chars().all(is_plain))
}

/// A message as it is shown, if it can be one. Lines stay lines.
pub(crate) fn text(raw: &str) -> Option<String> {
    let text: String = raw
        .chars()
        .filter(|c| *c == '\n' || is_harmless(*c))
        .collect();
    within(text.trim().to_owned(), TEXT)
}

/// Whether a page may name a message so.
pub(crate) fn is_key(key: &str) -> bool {
    (1..=KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn within(text: String, chars: usize) -> Option<String> {
    (1..=chars).contains(&text.chars().count()).then_some(text)
}

fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_cannot_be_seen() {
        assert_eq!(name("  Ann \t Lee\n").as_deref(), Some("Ann Lee"));
        assert_eq!(name("A\u{202e}nn\u{7}").as_deref(), Some("Ann"));
        assert_eq!(name("<b>Ann</b>").as_deref(), Some("<b>Ann</b>"));
        assert_eq!(name("\u{202e} \u{0}"), None);
        assert_eq!(name(&"é".repeat(NAME)), Some("é".repeat(NAME)));
        assert_eq!(name(&"é".repeat(NAME + 1)), None);
    }

    #[test]
    fn rooms_are_words_in_lower_case() {
        assert_eq!(room("lobby").as_deref(), Some("lobby"));
        assert_eq!(room(" #Big  Room ").as_deref(), Some("big-room"));
        assert_eq!(room("Küche_2").as_deref(), Some("küche_2"));
        for raw in ["", "#", "a/b", "<b>", "a\u{202e}"] {
            assert_eq!(room(raw), None, "{raw}");
        }
        assert_eq!(room(&"a".repeat(ROOM + 1)), None);
    }

    #[test]
    fn messages_keep_their_lines_and_nothing_invisible() {
        assert_eq!(text(" one\r\ntwo \u{2067}\n").as_deref(), Some("one\ntwo"));
        assert_eq!(text("\n \n"), None);
        assert_eq!(text(&"a".repeat(TEXT + 1)), None);
    }

    #[test]
    fn keys_are_letters_and_digits() {
        assert!(is_key("a1") && is_key(&"a".repeat(KEY)));
        assert!(!is_key("") && !is_key("a b") && !is_key(&"a".repeat(KEY + 1)));
    }
}
