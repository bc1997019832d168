//! How many lines of code a file has.

use std::collections::BTreeSet;
use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// The lines that hold code: without comments, documentation, empty lines and what only tests use.
pub(crate) fn count(text: &str) -> Result<usize, LexError> {
    let mut lines = BTreeSet::new();
    collect(text.parse()?, &mut lines);
    Ok(lines.len())
}

fn collect(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let is_mark =
        |token: &TokenTree, mark| matches!(token, TokenTree::Punct(it) if it.as_char() == mark);
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        // `#[..]`, or `#![..]` for the file or the block around it.
        if is_mark(&token, '#') {
            tokens.next_if(|token| is_mark(token, '!'));
            let attribute = match tokens.peek() {
                Some(TokenTree::Group(group)) => Attribute::of(group.stream()),
                _ => Attribute::Other,
            };
            match attribute {
                Attribute::Doc => _ = tokens.next(),
                Attribute::Test => {
                    tokens.next();
                    skip_item(&mut tokens);
                }
                Attribute::Other => note(token, lines),
            }
        } else {
            note(token, lines);
        }
    }
}

/// What makes an item of what follows an attribute, and not a field or a statement.
const ITEMS: [&str; 10] = [
    "const", "enum", "fn", "impl", "mod", "static", "struct", "trait", "type", "use",
];

/// Passes over an item, a field or a statement, its other attributes included.
fn skip_item(tokens: &mut Peekable<IntoIter>) {
    let mut is_item = false;
    for token in tokens.by_ref() {
        match token {
            TokenTree::Ident(word) => is_item |= ITEMS.iter().any(|item| word == item),
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            TokenTree::Punct(mark) if mark.as_char() == ',' && !is_item => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    // What ends a list of imports, or a value.
    tokens.next_if(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';'));
}

fn note(token: TokenTree, lines: &mut BTreeSet<usize>) {
    match token {
        TokenTree::Group(group) => {
            lines.insert(group.span_open().start().line);
            collect(group.stream(), lines);
            lines.insert(group.span_close().start().line);
        }
        other => {
            let span = other.span();
            lines.extend(span.start().line..=span.end().line);
        }
    }
}

enum Attribute {
    /// A comment for the documentation.
    Doc,
    /// What follows is compiled with the tests only.
    Test,
    Other,
}

impl Attribute {
    fn of(content: TokenStream) -> Self {
        let mut words = content.into_iter();
        let first = words.next().map(|token| token.to_string());
        match (first.as_deref(), words.next()) {
            (Some("doc"), _) => Self::Doc,
            (Some("cfg"), Some(TokenTree::Group(condition))) => {
                match needs_test(condition.stream()) {
                    true => Self::Test,
                    false => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }
}

/// Whether a condition holds for tests only: `test`, or `all(test, ..)`.
pub(crate) fn needs_test(condition: TokenStream) -> bool {
    let mut words = condition.into_iter();
    match (words.next(), words.next()) {
        (Some(TokenTree::Ident(word)), None) => word == "test",
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(all))) => {
            let mut all = all.stream().into_iter();
            word == "all" && all.any(|it| matches!(it, TokenTree::Ident(word) if word == "test"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> usize {
        count(text).unwrap()
    }

    #[test]
    fn comments_documentation_and_empty_lines_are_no_code() {
        let text =
            "//! What.\n\n// Why.\n/// Which.\nconst A: u8 = 1; // this\n\n/* and\n that */\n";
        assert_eq!(lines(text), 1);
    }

    #[test]
    fn each_line_of_a_block_and_of_a_text_counts() {
        assert_eq!(lines("fn f() {\n\n    g();\n}\n"), 3);
        assert_eq!(lines("const A: &str = \"one\n\nthree\";\n"), 3);
    }

    #[test]
    fn what_only_tests_use_does_not_count_and_what_follows_does() {
        let test = "#[cfg(test)]\n#[allow(x)]\n";
        let rest = "const B: u8 = 2;\n";
        for item in [
            "mod tests;\n",
            "mod tests {\n    fn f() {}\n}\n",
            "use a::{\n    b,\n    c,\n};\n",
            "fn f(a: [u8; 2]) -> u8 {\n    1\n}\n",
            "const A: B = B {\n    c: 1,\n};\n",
        ] {
            assert_eq!(lines(&format!("{test}{item}{rest}")), 1, "{item}");
            assert_eq!(
                lines(&format!("mod a {{\n{test}{item}{rest}}}\n")),
                3,
                "{item}"
            );
        }
    }

    #[test]
    fn other_attributes_and_conditions_are_code() {
        assert_eq!(lines("#[derive(Debug)]\nstruct A;\n"), 2);
        assert_eq!(lines("#![forbid(unsafe_code)]\nstruct A;\n"), 2);
        for condition in ["not(test)", "any(test, a)", "all(not(test), a)", "testing"] {
            assert_eq!(
                lines(&format!("#[cfg({condition})]\nstruct A;\n")),
                2,
                "{condition}"
            );
        }
    }

    #[test]
    fn a_condition_for_tests_may_have_others_beside_it() {
        assert_eq!(
            lines("#[cfg(all(test, not(shuttle)))]\nmod a {\n}\nmod b;\n"),
            1
        );
    }

    #[test]
    fn a_field_and_a_statement_of_tests_do_not_count() {
        let test = "#[cfg(test)]\n";
        assert_eq!(
            lines(&format!("struct A {{\n{test}b: B<u8>,\nc: u8,\n}}\n")),
            3
        );
        assert_eq!(
            lines(&format!("fn f() {{\n{test}{{\na += 1;\n}}\ng();\n}}\n")),
            3
        );
    }

    #[test]
    fn text_that_is_no_rust_is_an_error() {
        assert!(count("fn f() {").is_err());
    }
}
