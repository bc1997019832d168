//! Whether a file is compiled at all: a test in a file that no `mod` names never runs.

/// Whether the file is the root of a target, or a `mod` in its parent names it, and so on up.
pub(super) fn is_compiled(link: &str, read: &mut impl FnMut(&str) -> Option<String>) -> bool {
    let Some((directory, file)) = link.rsplit_once('/') else {
        return false;
    };
    // Cargo finds these by itself.
    if directory.ends_with("/tests") || file == "lib.rs" || file == "main.rs" {
        return true;
    }
    let (directory, name) = match file {
        "mod.rs" => directory.rsplit_once('/').unwrap_or_default(),
        _ => (directory, file.strip_suffix(".rs").unwrap_or_default()),
    };
    let mut parents = ["/main.rs", "/lib.rs", "/mod.rs", ".rs"]
        .into_iter()
        .map(|end| format!("{directory}{end}"));
    parents.any(|parent| {
        read(&parent).is_some_and(|text| names(&text, name)) && is_compiled(&parent, read)
    })
}

/// Whether a line of the text is `mod name;`.
fn names(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        let declaration = line.split_once("mod ");
        declaration.is_some_and(|(before, rest)| {
            (before.is_empty() || before.starts_with("pub"))
                && rest.strip_suffix(';').is_some_and(|found| found == name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(link: &str) -> bool {
        is_compiled(link, &mut |path| {
            let text = match path {
                "../a/src/lib.rs" => "mod one;\npub(crate) mod two;\n// mod three;\n",
                "../a/src/two/mod.rs" => "#[cfg(test)]\nmod tests;\n",
                "../a/src/four.rs" => "mod five;\n",
                "../a/tests/group/main.rs" => "mod member;\n",
                _ => return None,
            };
            Some(text.into())
        })
    }

    #[test]
    fn roots_are_compiled_and_what_they_name() {
        for link in [
            "../a/src/lib.rs",
            "../a/src/one.rs",
            "../a/src/two/mod.rs",
            "../a/src/two/tests.rs",
            "../a/tests/whole.rs",
            "../a/tests/group/main.rs",
            "../a/tests/group/member.rs",
        ] {
            assert!(compiled(link), "{link}");
        }
    }

    #[test]
    fn what_no_module_names_is_not_compiled() {
        for link in [
            "../a/src/three.rs",
            "../a/src/on.rs",
            "../a/src/two/other.rs",
            // Its parent is not compiled itself.
            "../a/src/four/five.rs",
            "../a/tests/group/stranger.rs",
            "../a/tests/alone/member.rs",
            "member.rs",
        ] {
            assert!(!compiled(link), "{link}");
        }
    }
}
