//! The committed figures: `crates/walks/figures.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::committed;
use crate::environment::Environment;
use crate::error::Error;
use crate::walks::count::Walk;
use crate::walks::size::Size;

const HEAD: &str = "\
# Calls, functions and files of the library in one operation: written by `cargo xtask walks --update`.
# The base is what the commit named here has, by `cargo xtask walks --base`; an update leaves it.
";

/// What a number may differ by with another compiler, whose standard library calls us otherwise, in
/// per cent.
pub(crate) const ELSEWHERE: u64 = 5;

/// What counts are compared with.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// The commit whose counts are the bases.
    pub(crate) base: Option<String>,
    /// What they were counted with.
    pub(crate) environment: Environment,
    /// By name.
    #[serde(default)]
    walks: BTreeMap<String, Figure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    now: Size,
    base: Option<Size>,
}

/// How a walk relates to its figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// One of the numbers is greater.
    Longer,
    /// None is greater, and one is less.
    Shorter,
    /// There is no figure.
    Unknown,
}

impl Figures {
    /// Reads the file; where there is none, nothing is known yet.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        committed::load(path, |text| toml::from_str(text))
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.to_string()).map_err(Error::file(path))
    }

    /// A line of the table for a walk, and what it is worth; `is_elsewhere` where other tools made it.
    pub(crate) fn judge(&self, name: &str, now: Size, is_elsewhere: bool) -> (String, Verdict) {
        let figure = self.walks.get(name);
        let cells = |size: Option<Size>| size.map(Size::cells).unwrap_or_default();
        let base = cells(figure.and_then(|figure| figure.base));
        let committed = figure.map(|figure| figure.now);
        let verdict = committed.map_or(Verdict::Unknown, |committed| {
            compare(committed, now, is_elsewhere)
        });
        let word = match verdict {
            Verdict::Same => "",
            Verdict::Longer => "  LONGER",
            Verdict::Shorter => "  SHORTER",
            Verdict::Unknown => "  NEW",
        };
        let (committed, now) = (cells(committed), now.cells());
        (
            format!("{name:<12}{base:>28}{committed:>28}{now:>28}{word}"),
            verdict,
        )
    }

    /// The walks that have a figure and were not counted.
    pub(crate) fn missing_from(&self, walks: &[Walk]) -> Vec<&str> {
        let names = self.walks.keys().map(String::as_str);
        names
            .filter(|name| walks.iter().all(|walk| walk.name != *name))
            .collect()
    }

    /// The figures with what was counted in place of what was; where `all` walks were, only those are
    /// left.
    pub(crate) fn updated(mut self, environment: Environment, walks: &[Walk], all: bool) -> Self {
        if all {
            self.walks
                .retain(|name, _| walks.iter().any(|walk| walk.name == *name));
            self.environment = environment;
        }
        for Walk { name, size, .. } in walks {
            self.walks
                .entry(name.clone())
                .and_modify(|figure| figure.now = *size)
                .or_insert(Figure {
                    now: *size,
                    base: None,
                });
        }
        self
    }
}

fn compare(committed: Size, now: Size, is_elsewhere: bool) -> Verdict {
    let pairs = || committed.numbers().into_iter().zip(now.numbers());
    let allowed = |committed: u64| match is_elsewhere {
        true => (committed * ELSEWHERE).div_ceil(100),
        false => 0,
    };
    if pairs().any(|(committed, now)| now > committed + allowed(committed)) {
        Verdict::Longer
    } else if pairs().any(|(committed, now)| now + allowed(committed) < committed) {
        Verdict::Shorter
    } else {
        Verdict::Same
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        if let Some(base) = &self.base {
            writeln!(f, "base = {base:?}\n")?;
        }
        write!(f, "{}", self.environment.table())?;
        for (name, Figure { now, base }) in &self.walks {
            writeln!(f, "\n[walks.{name:?}]\nnow = {now}")?;
            if let Some(base) = base {
                writeln!(f, "base = {base}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(calls: u64, functions: u64, files: u64) -> Size {
        Size {
            calls,
            functions,
            files,
        }
    }

    fn walk(name: &str, size: Size) -> Walk {
        Walk {
            name: name.into(),
            size,
            steps: Vec::new(),
        }
    }

    fn figures() -> Figures {
        let walks = [
            walk("recv", size(100, 80, 20)),
            walk("bad frame", size(9, 8, 7)),
        ];
        let mut figures =
            Figures::default().updated(Environment::new("1.95.0", "2.36"), &walks, true);
        figures.base = Some("08defa0".into());
        if let Some(figure) = figures.walks.get_mut("recv") {
            figure.base = Some(size(75, 78, 25));
        }
        figures
    }

    #[test]
    fn what_is_written_is_read_again() {
        let figures = figures();
        assert_eq!(toml::from_str::<Figures>(&figures.to_string()), Ok(figures));
    }

    #[test]
    fn a_walk_is_longer_where_one_of_its_numbers_grew() {
        let figures = figures();
        let judge = |now| figures.judge("recv", now, false).1;
        assert_eq!(judge(size(100, 80, 20)), Verdict::Same);
        assert_eq!(judge(size(101, 80, 20)), Verdict::Longer);
        assert_eq!(judge(size(10, 81, 20)), Verdict::Longer);
        assert_eq!(judge(size(10, 80, 21)), Verdict::Longer);
        assert_eq!(judge(size(100, 80, 19)), Verdict::Shorter);
        assert_eq!(
            figures.judge("accept", size(1, 1, 1), false).1,
            Verdict::Unknown
        );
    }

    #[test]
    fn with_other_tools_the_numbers_may_differ_a_little() {
        let figures = figures();
        let judge = |now| figures.judge("recv", now, true).1;
        assert_eq!(judge(size(105, 84, 21)), Verdict::Same);
        assert_eq!(judge(size(106, 84, 21)), Verdict::Longer);
        assert_eq!(judge(size(95, 76, 19)), Verdict::Same);
        assert_eq!(judge(size(95, 75, 19)), Verdict::Shorter);
    }

    #[test]
    fn an_update_leaves_the_base_and_drops_what_is_gone() {
        let here = || Environment::new("1.96.0", "2.36");
        let walks = [walk("recv", size(1, 2, 3))];
        let some = figures().updated(here(), &walks, false);
        assert_eq!(some.walks["recv"].now, size(1, 2, 3));
        assert_eq!(some.walks["recv"].base, Some(size(75, 78, 25)));
        assert_eq!(some.environment, figures().environment);
        assert_eq!(some.missing_from(&walks), ["bad frame"]);
        let all = figures().updated(here(), &walks, true);
        assert_eq!(all.environment, here());
        assert_eq!(all.missing_from(&walks), [""; 0]);
        assert_eq!(all.walks.len(), 1);
    }
}
