//! The pages that tables stand on: what stands between two markers is replaced, all else stays.

/// Replaces the section `name` of a page, which `cargo xtask COMMAND` writes, or appends it where it is
/// missing.
pub(crate) fn replace(page: &str, command: &str, name: &str, content: &str) -> String {
    let (open, close) = markers(command, name);
    let content = content.trim_end();
    let section = format!("{open}\n\n{content}\n\n{close}");
    let found = page.find(&open).and_then(|start| {
        let end = start + page[start..].find(&close)? + close.len();
        Some((start, end))
    });
    match found {
        Some((start, end)) => format!("{}{section}{}", &page[..start], &page[end..]),
        None if page.is_empty() => format!("{section}\n"),
        None => format!("{}\n\n{section}\n", page.trim_end()),
    }
}

fn markers(command: &str, name: &str) -> (String, String) {
    (
        format!("<!-- {name}: written by cargo xtask {command} -->"),
        format!("<!-- end of {name} -->"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_around_a_section_stays() {
        let page = "# Performance\n\nProse.\n\n\
            <!-- cpu: written by cargo xtask bench -->\n\nold\nolder\n\n<!-- end of cpu -->\n\n\
            More prose.\n";
        let new = replace(page, "bench", "cpu", "new\n");
        assert_eq!(
            new,
            "# Performance\n\nProse.\n\n\
            <!-- cpu: written by cargo xtask bench -->\n\nnew\n\n<!-- end of cpu -->\n\n\
            More prose.\n"
        );
        assert_eq!(replace(&new, "bench", "cpu", "new"), new);
    }

    #[test]
    fn a_missing_section_is_appended() {
        let page = replace("Prose.\n", "bench", "cpu", "a");
        let page = replace(&page, "bench", "latency", "b");
        assert!(page.starts_with("Prose.\n\n<!-- cpu: "));
        assert!(page.ends_with("<!-- end of latency -->\n"));
        let page = replace(&page, "bench", "cpu", "c");
        assert!(page.contains("\n\nc\n\n<!-- end of cpu -->\n\n<!-- latency: "));
        assert!(!page.contains("\n\na\n\n"));
    }

    #[test]
    fn a_section_that_was_never_closed_is_not_taken_for_one() {
        let page = "<!-- cpu: written by cargo xtask bench -->\nhalf\n";
        assert!(replace(page, "bench", "cpu", "new").starts_with(page.trim_end()));
    }
}
