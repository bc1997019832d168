//! The file callgrind writes, as far as it tells who called whom, and how often.
//!
//! Its format is described in Valgrind's manual ("Callgrind Format Specification"). A name is written
//! once, as `fn=(7) name`, and is `fn=(7)` from then on; files likewise. Lines are told by their
//! numbers where callgrind was run with `--compress-pos=no`.

use std::collections::HashMap;

/// A function by its name and the file it begins in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Function {
    pub(crate) file: String,
    pub(crate) name: String,
}

/// What one function calls at one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) callee: Function,
    pub(crate) count: u64,
    /// Where in the caller.
    line: u32,
}

/// The calls of each function, in the order of its lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile(HashMap<Function, Vec<Call>>);

impl Profile {
    /// Reads what callgrind wrote; fails with the first line that means nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line).ok_or_else(|| line.to_owned())?;
        }
        for calls in reader.profile.0.values_mut() {
            calls.sort_by_key(|call| call.line);
        }
        Ok(reader.profile)
    }

    /// What a function calls.
    pub(crate) fn calls(&self, caller: &Function) -> &[Call] {
        self.0.get(caller).map_or(&[], Vec::as_slice)
    }

    /// The functions that call something.
    pub(crate) fn callers(&self) -> impl Iterator<Item = &Function> {
        self.0.keys()
    }
}

/// The names so far, and where in the file we are.
#[derive(Debug, Default)]
struct Reader {
    files: Names,
    functions: Names,
    /// The file of the lines that come, which code inlined from elsewhere changes.
    file: String,
    caller: Option<Function>,
    callee: String,
    /// The callee's file, where it is not the one of the lines around.
    callee_file: Option<String>,
    /// How often it is called, until the line says from where.
    count: Option<u64>,
    profile: Profile,
}

impl Reader {
    /// `None` where the line is not what the format allows.
    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(count) = self.count.take() {
            return self.call(count, line);
        }
        // What costs something, what describes the run, and empty lines.
        let Some((key, value)) = line.split_once('=') else {
            return Some(());
        };
        match key {
            "fl" | "fi" | "fe" => self.file = self.files.resolve(value)?,
            "fn" => {
                self.caller = Some(Function {
                    file: self.file.clone(),
                    name: without_level(self.functions.resolve(value)?),
                });
            }
            "cfi" | "cfl" => self.callee_file = Some(self.files.resolve(value)?),
            "cfn" => self.callee = without_level(self.functions.resolve(value)?),
            "calls" => {
                self.count = Some(value.split(' ').next()?.parse().ok()?);
            }
            _ => {}
        }
        Some(())
    }

    /// The line that follows a count: where the call is, and what it costs.
    fn call(&mut self, count: u64, line: &str) -> Option<()> {
        let line = line.split(' ').next()?.parse().ok()?;
        let file = self.callee_file.take();
        let callee = Function {
            file: file.unwrap_or_else(|| self.file.clone()),
            name: self.callee.clone(),
        };
        let caller = self.caller.clone()?;
        let calls = self.profile.0.entry(caller).or_default();
        calls.push(Call {
            callee,
            count,
            line,
        });
        Some(())
    }
}

/// Names that are written once.
#[derive(Debug, Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn resolve(&mut self, value: &str) -> Option<String> {
        let Some(rest) = value.strip_prefix('(') else {
            return Some(value.to_owned());
        };
        let (id, name) = rest.split_once(')')?;
        match name.strip_prefix(' ') {
            Some(name) => {
                self.0.insert(id.to_owned(), name.to_owned());
                Some(name.to_owned())
            }
            None => self.0.get(id).cloned(),
        }
    }
}

/// A name without the `'2` that callgrind gives a function it calls recursive.
fn without_level(name: String) -> String {
    match name.rsplit_once('\'') {
        Some((name, level)) if level.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# callgrind format
version: 1
creator: callgrind-3.19.0
cmd: program recv 1
positions: line
events: Ir

ob=(1) /program
fl=(1) a.rs
fn=(1) a::outer
4 10
cfi=(2) b.rs
cfn=(2) b::inner
calls=2 7
5 20
fi=(3) core.rs
6 1
cfn=(3) core::map
calls=1 9
6 4
fe=(1)
cfn=(4) a::again'2
calls=3 11
5 2

fl=(2)
fn=(2)
7 20
cob=(2) /libc.so
cfi=(4) ???
cfn=(5) memcpy
calls=1 0
7 3

totals: 60
";

    fn function(file: &str, name: &str) -> Function {
        let (file, name) = (file.into(), name.into());
        Function { file, name }
    }

    #[test]
    fn calls_are_read_in_order_with_the_file_of_each_callee() {
        let profile = Profile::parse(TEXT).unwrap();
        let calls = |file, name| -> Vec<_> {
            let calls = profile.calls(&function(file, name)).iter();
            calls
                .map(|call| (&*call.callee.file, &*call.callee.name, call.count))
                .collect()
        };
        assert_eq!(
            calls("a.rs", "a::outer"),
            [
                ("b.rs", "b::inner", 2),
                ("a.rs", "a::again", 3),
                // No file of its own is named: it is the one of the lines around.
                ("core.rs", "core::map", 1),
            ]
        );
        assert_eq!(calls("b.rs", "b::inner"), [("???", "memcpy", 1)]);
        assert_eq!(calls("b.rs", "memcpy"), []);
    }

    #[test]
    fn a_name_that_was_never_given_is_an_error() {
        let text = "fl=(1) a.rs\nfn=(1) a\ncfn=(2)\ncalls=1 1\n";
        assert_eq!(Profile::parse(text), Err("cfn=(2)".into()));
    }

    #[test]
    fn a_call_from_nowhere_is_an_error() {
        let text = "fl=(1) a.rs\ncfn=(2) b\ncalls=1 1\n7 3\n";
        assert_eq!(Profile::parse(text), Err("7 3".into()));
    }

    #[test]
    fn only_a_number_at_the_end_is_a_level() {
        assert_eq!(without_level("a::b'2".into()), "a::b");
        assert_eq!(
            without_level("<&'a str as T>::f".into()),
            "<&'a str as T>::f"
        );
    }
}
