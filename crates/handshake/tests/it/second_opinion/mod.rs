//! Second opinions: what the parsers here make of random inputs, beside parsers by others. Where two
//! do not agree, the difference has a reason that is checked here and listed in
//! `docs/conformance.md`; any other fails. The page has the command that tries 100,000 inputs.

mod head;
mod host;
mod lists;
mod origin;
mod url;

use proptest::prelude::*;

/// One of these texts; the first ones more often than the last.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    (0..texts.len(), 0..texts.len()).prop_map(|(a, b)| texts[a.min(b)].to_owned())
}

/// The text as it is, or with a character put in somewhere.
fn perhaps_spoilt(
    text: impl Strategy<Value = String>,
    characters: &'static str,
) -> impl Strategy<Value = String> {
    let characters: Vec<char> = characters.chars().collect();
    let spoil = prop_oneof![
        3 => Just(None),
        1 => (any::<prop::sample::Index>(), prop::sample::select(characters)).prop_map(Some),
    ];
    (text, spoil).prop_map(|(mut text, spoil)| {
        if let Some((at, character)) = spoil {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places.get(at.index(places.len() + 1)).copied();
            text.insert(at.unwrap_or(text.len()), character);
        }
        text
    })
}
