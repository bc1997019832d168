//! The tests of a Rust file, found by their lines: the files are formatted, so attributes, doc
//! comments and functions each begin one, also inside a macro such as `proptest!`, which a parser
//! of Rust would not look into.

use super::document::Section;

/// A function of a file, with what stands above it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Whether it is a test.
    pub(super) is_test: bool,
    /// Whether the test is left out of an ordinary run.
    pub(super) is_ignored: bool,
    /// The sections its doc comment cites.
    pub(super) cites: Vec<Section>,
}

/// All functions of this name, at any depth.
pub(super) fn functions(text: &str, name: &str) -> Vec<Function> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let declarations = lines.iter().enumerate();
    declarations
        .filter(|(_, line)| declares(line, name))
        .map(|(at, _)| described(&lines[..at]))
        .collect()
}

/// Whether the line begins the declaration of the function.
fn declares(line: &str, name: &str) -> bool {
    let mut rest = line;
    for word in ["pub ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// What the attributes and the doc comment at the end of these lines say.
fn described(lines: &[&str]) -> Function {
    let mut attributes = Vec::new();
    let mut doc = Vec::new();
    for line in lines.iter().rev() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text);
        } else if line.starts_with("#[") || line.starts_with("//") {
            attributes.push(*line);
        } else {
            break;
        }
    }
    doc.reverse();
    let has = |name: &str| {
        attributes.iter().any(|attribute| {
            let inner = attribute.strip_prefix("#[");
            let rest = inner.and_then(|inner| inner.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with([']', '(', ' ']))
        })
    };
    Function {
        is_test: has("test") || has("tokio::test"),
        is_ignored: has("ignore"),
        cites: citations(&doc.join("\n")),
    }
}

/// The sections a text cites: `RFC 6455 §5.1`, and `§5.2` for another of the RFC named last.
fn citations(text: &str) -> Vec<Section> {
    let mut found = Vec::new();
    let mut rfc = None;
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '§');
        if word == "RFC" {
            rfc = words.peek().map(|next| number(next)).or(rfc);
        } else if let (Some(section), Some(rfc)) = (word.strip_prefix('§'), rfc) {
            found.push(Section {
                rfc: rfc.into(),
                number: number(section).into(),
            });
        }
    }
    found
}

/// The digits and dots at the front, without a dot that ends a sentence.
fn number(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(doc: &str) -> Vec<String> {
        citations(doc).iter().map(Section::to_string).collect()
    }

    #[test]
    fn sections_are_cited_with_the_rfc_named_last() {
        assert_eq!(
            cited("A pong is due (RFC 6455 §5.5.2, §5.5.3). See RFC 7692 §6; §7.1."),
            [
                "RFC 6455 §5.5.2",
                "RFC 6455 §5.5.3",
                "RFC 7692 §6",
                "RFC 7692 §7.1"
            ]
        );
        assert_eq!(cited("RFC 6455\n§4.1's third step"), ["RFC 6455 §4.1"]);
        assert!(cited("§5.1 of nothing, and RFC 6455 as a whole").is_empty());
    }

    #[test]
    fn tests_of_every_kind_are_found_with_what_stands_above_them() {
        let text = "\
            /// RFC 6455 §5.1\n#[test]\nfn plain() {}\n\
            mod inner {\n\
                /// RFC 6455 §5.2\n    // Why.\n    #[tokio::test(start_paused = true)]\n\
                async fn asynchronous() {}\n\
            }\n\
            proptest! {\n\
                #[test]\n    /// RFC 6455 §5.3\n    fn property(x in any::<u8>()) {}\n\
            }\n\
            #[test]\nfn generic<T>() {}\n";
        for (name, cites) in [
            ("plain", &["RFC 6455 §5.1"][..]),
            ("asynchronous", &["RFC 6455 §5.2"]),
            ("property", &["RFC 6455 §5.3"]),
            ("generic", &[]),
        ] {
            let found = functions(text, name);
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].is_test && !found[0].is_ignored, "{name}");
            let got: Vec<_> = found[0].cites.iter().map(Section::to_string).collect();
            assert_eq!(got, cites, "{name}");
        }
    }

    #[test]
    fn helpers_and_ignored_tests_are_told_apart() {
        let text = "\
            /// RFC 6455 §5.1\nfn helper() {}\n\
            #[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n\
            #[tested]\nfn other() {}\n\
            // fn absent() {}\nlet absent = 1;\n";
        assert!(!functions(text, "helper")[0].is_test);
        assert!(functions(text, "ignored")[0].is_ignored);
        assert!(!functions(text, "other")[0].is_test);
        assert!(functions(text, "absent").is_empty());
        assert!(functions(text, "help").is_empty());
    }
}
