//! The guide as text: its list of names, and its programs.

const GUIDE: &str = include_str!("../../../../../docs/from-tokio-tungstenite.md");

/// The rows of the guide's list of names, in order: what to find and what to put there.
pub(crate) fn names() -> Vec<(&'static str, &'static str)> {
    let (_, section) = GUIDE.split_once("\n## Names to replace\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let names: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('`').collect();
            let [_, find, _, put, _] = cells[..] else {
                panic!("not two names: {row}");
            };
            (find, put)
        })
        .collect();
    assert!(names.len() > 5, "{names:?}");
    names
}

/// A program with the guide's names, each replaced where it stands as whole words.
pub(crate) fn renamed(program: &str) -> String {
    names()
        .iter()
        .fold(program.to_owned(), |text, (find, put)| {
            let mut result = String::new();
            let mut rest = &*text;
            while let Some(at) = rest.find(find) {
                let (before, found) = rest.split_at(at);
                let after = &found[find.len()..];
                result.push_str(before);
                let cuts = |left: Option<char>, right: Option<char>| {
                    left.is_some_and(is_word) && right.is_some_and(is_word)
                };
                let is_part = cuts(result.chars().last(), find.chars().next())
                    || cuts(find.chars().last(), after.chars().next());
                result.push_str(if is_part { find } else { put });
                rest = after;
            }
            result + rest
        })
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn names_are_replaced_as_whole_words_only() {
    assert_eq!(
        renamed("accept_async(a); accept_async_with_config(a); my_connect_async"),
        "accept(a); accept_async_with_config(a); my_connect_async"
    );
}

#[test]
fn the_guide_shows_the_programs_that_run_here() {
    for program in [
        include_str!("../../../programs/tungstenite/room.rs"),
        include_str!("../../../programs/room.rs"),
        include_str!("../../../programs/tungstenite/own_socket.rs"),
        include_str!("../../../programs/own_socket.rs"),
        include_str!("../../../programs/tungstenite/request.rs"),
        include_str!("../../../programs/request.rs"),
        include_str!("../../../programs/tungstenite/behind_hyper.rs"),
        include_str!("../../../programs/behind_hyper.rs"),
        include_str!("../../../programs/tungstenite/streams.rs"),
        include_str!("../../../programs/streams.rs"),
        include_str!("../../../programs/tungstenite/ends.rs"),
        include_str!("../../../programs/ends.rs"),
        include_str!("../../../programs/tungstenite/settings.rs"),
        include_str!("../../../programs/settings.rs"),
    ] {
        assert!(
            GUIDE.contains(&format!("\n{program}```\n")),
            "not shown:\n{program}"
        );
    }
}
