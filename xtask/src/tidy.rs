//! `cargo xtask tidy`: the house rules a compiler does not know.

use std::fs;

use yaml_rust2::YamlLoader;

use crate::circles;
use crate::code_lines;
use crate::error::Error;
use crate::workspace;

/// Code in one file, without its tests: more than that is more than one concept.
const LINES: usize = 400;

/// The only places in which `unsafe` may stand: three modules, and the program without a standard
/// library that links them.
const UNSAFE: [&str; 4] = [
    "crates/frames/src/mask/kernels",
    "crates/frames/src/utf8",
    "crates/frames/src/utf8_bytes",
    "crates/frames/tests/no-std-staticlib",
];

/// What marks unfinished work. Each is written in two parts, so that this file is clean itself.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
];

/// Checks every Rust file of the workspace, and the workflows.
pub(crate) fn run() -> Result<(), Error> {
    let root = workspace::root();
    let mut broken = Vec::new();
    let mut files = 0;
    for top in ["crates", "xtask"] {
        for path in workspace::sources(&root.join(top), "rs")? {
            let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
            let name = path.strip_prefix(&root).unwrap_or(&path);
            let name = name.to_string_lossy().replace('\\', "/");
            files += 1;
            broken.extend(check(&name, &text));
        }
    }
    for path in workspace::sources(&root.join(".github"), "yml")? {
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let name = path.strip_prefix(&root).unwrap_or(&path);
        files += 1;
        broken.extend(workflow(&name.to_string_lossy(), &text));
    }
    broken.extend(circles::check(&root)?);
    for rule in &broken {
        println!("{rule}");
    }
    println!("{files} files, {} broken house rules", broken.len());
    match broken.len() {
        0 => Ok(()),
        count => Err(Error::Untidy(count)),
    }
}

/// The rules that a file breaks, one line for each place.
fn check(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let all_tests = name.contains("/tests/") || name.ends_with("/tests.rs");
    match code_lines::count(text) {
        Ok(code) if code > LINES && !all_tests => {
            broken.push(format!("{name}: {code} lines of code, more than {LINES}"));
        }
        Ok(_) => {}
        Err(error) => broken.push(format!("{name}: {error}")),
    }
    for (number, line) in (1..).zip(text.lines()) {
        if is_code(line) && uses_unsafe(line) && !may_be_unsafe(name) {
            broken.push(format!("{name}:{number}: unsafe does not belong here"));
        }
        for word in UNFINISHED {
            if line.contains(word) {
                broken.push(format!("{name}:{number}: {word} marks unfinished work"));
            }
        }
    }
    broken
}

/// What keeps a workflow from running: a hosted CI says so only once it is there, by doing nothing.
fn workflow(name: &str, text: &str) -> Vec<String> {
    let documents = match YamlLoader::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let jobs = documents.first().and_then(|root| root["jobs"].as_hash());
    let Some(jobs) = jobs else {
        return vec![format!("{name}: it has no jobs")];
    };
    let mut broken = Vec::new();
    for (job, description) in jobs {
        let job = job.as_str().unwrap_or_default();
        for needed in description["needs"].as_vec().into_iter().flatten() {
            if !jobs.contains_key(needed) {
                let needed = needed.as_str().unwrap_or_default();
                broken.push(format!("{name}: {job} needs '{needed}', which is no job"));
            }
        }
    }
    broken
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

/// Whether the file is one of the allowed places, or lies in one.
fn may_be_unsafe(name: &str) -> bool {
    UNSAFE.iter().any(|place| {
        name.strip_prefix(place)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

/// Whether the line opens an unsafe block, function, impl, trait or extern.
fn uses_unsafe(line: &str) -> bool {
    let keyword = concat!("un", "safe ");
    line.match_indices(keyword).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let follows = line[start + keyword.len()..].trim_start();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            && ["{", "fn", "impl", "trait", "extern"]
                .iter()
                .any(|word| follows.starts_with(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_400_lines_of_code_is_long_enough() {
        let text = "let a = 1;\n// why\n\n".repeat(400);
        assert!(check("crates/a/src/lib.rs", &text).is_empty());
        let text = text + "let b = 2;\n";
        assert_eq!(
            check("crates/a/src/lib.rs", &text),
            ["crates/a/src/lib.rs: 401 lines of code, more than 400"]
        );
        assert!(check("crates/a/tests/long.rs", &text).is_empty());
    }

    #[test]
    fn tests_do_not_count() {
        let tests = "let b = 2;\n".repeat(500);
        let text = format!("let a = 1;\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
        assert!(check("crates/a/src/lib.rs", &text).is_empty());
    }

    #[test]
    fn unsafe_stands_in_its_modules_only() {
        let text = concat!("let a = un", "safe { b() };\n");
        assert!(check("crates/frames/src/mask/kernels.rs", text).is_empty());
        assert!(check("crates/frames/src/utf8/mod.rs", text).is_empty());
        for name in ["header", "utf8_more", "mask/mod"] {
            assert_eq!(
                check(&format!("crates/frames/src/{name}.rs"), text),
                [format!(
                    "crates/frames/src/{name}.rs:1: unsafe does not belong here"
                )]
            );
        }
    }

    #[test]
    fn forbidding_unsafe_code_is_no_use_of_it() {
        let text = concat!(
            "#![forbid(unsafe_code)]\n// un",
            "safe { }\nlet unsafe_fn = 1;\n"
        );
        assert!(check("crates/a/src/lib.rs", text).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        let text = concat!("// TO", "DO: later\n");
        assert_eq!(
            check("crates/a/src/lib.rs", text),
            [concat!(
                "crates/a/src/lib.rs:1: TO",
                "DO marks unfinished work"
            )]
        );
    }

    #[test]
    fn a_workflow_that_would_not_run_is_found() {
        let broken = |text| workflow("ci.yml", text).len();
        assert_eq!(
            broken("jobs:\n  a: { steps: [] }\n  b: { needs: [a] }\n"),
            0
        );
        assert_eq!(broken("jobs:\n  a: {}\n  b: { needs: [a, c] }\n"), 1);
        assert_eq!(
            broken("jobs:\n  a:\n    steps:\n      - run: echo \"a: b\" c: d\n"),
            1
        );
        assert_eq!(broken("on: push\n"), 1);
    }
}
