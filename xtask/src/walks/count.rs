//! Counting: the program, built without optimisation, run under callgrind.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::callgrind::{self, Function, Profile};
use crate::error::Error;
use crate::library;
use crate::process;
use crate::walks::size::Size;
use crate::workspace::Workspace;

/// The program's package.
pub(crate) const PACKAGE: &str = "socket-flow-walks";

/// The function of the program in which calls are counted.
const WALKED: &str = "socket_flow_walks::walked";

/// Without its passes LLVM inlines nothing, not even what `#[inline(always)]` asks it to.
const FLAGS: [&str; 1] = ["-Cno-prepopulate-passes"];

/// Rounds of a long run but for the first, which is also the short run.
const ROUNDS: u64 = 10;

/// A closure that one operation calls so often is the body of a loop over bytes: how often tells how
/// long the input is, not how long the walk is. The shortest such loop is over a host of 18 bytes, and
/// what is called next most often is called 14 times.
const LOOP: u64 = 16;

/// The program lists its walks at once.
const LIMIT: Duration = Duration::from_secs(120);

/// What the names of the library's functions begin with, or hold where they are made for its types.
const CRATES: [&str; 5] = [
    "socket_flow::",
    "socket_flow_connection::",
    "socket_flow_frames::",
    "socket_flow_handshake::",
    "socket_flow_protocol::",
];

/// One operation, counted.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) name: String,
    pub(crate) size: Size,
    /// The functions, in the order in which the text calls them.
    pub(crate) steps: Vec<Step>,
}

/// A function of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// From the root of the source tree; `None` for what the compiler makes, as what drops a type.
    pub(crate) file: Option<String>,
    pub(crate) name: String,
    /// How often it is called each time the operation is done.
    pub(crate) calls: u64,
}

/// The program in a source tree.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    workspace: &'a Workspace,
    root: &'a Path,
    path: PathBuf,
    /// What tells its files from another tree's.
    builds: &'a str,
}

impl<'a> Program<'a> {
    /// Builds it in the source tree `root`; what comes of that is kept under the name `builds`.
    pub(crate) fn build(
        workspace: &'a Workspace,
        root: &'a Path,
        builds: &'a str,
    ) -> Result<Self, Error> {
        let target = workspace.directory.join("builds").join(builds);
        let path = workspace.build_program_with(root, PACKAGE, &FLAGS, &target)?;
        Ok(Self {
            workspace,
            root,
            path,
            builds,
        })
    }

    /// What it can do.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let log = self.workspace.log("names");
        process::run("walks", &mut Command::new(&self.path), &log, LIMIT)?;
        let text = fs::read_to_string(&log).map_err(Error::file(&log))?;
        Ok(text.lines().map(String::from).collect())
    }

    /// Counts one operation: a short and a long run, so that what only the first round does counts
    /// among the functions, and not among the calls.
    pub(crate) fn walk(&self, name: &str) -> Result<Walk, Error> {
        let short = Reached::of(&self.run(name, 1)?);
        let long = Reached::of(&self.run(name, 1 + ROUNDS)?);
        let functions = long.order.iter();
        let steps: Vec<_> = functions
            .filter_map(|function| {
                let file = self.file_of(function)?;
                let calls = long.calls(function).saturating_sub(short.calls(function));
                Some(Step {
                    file,
                    name: function.name.clone(),
                    calls: (calls + ROUNDS / 2) / ROUNDS,
                })
            })
            .collect();
        Ok(Walk {
            name: name.to_owned(),
            size: size(&steps),
            steps,
        })
    }

    fn run(&self, name: &str, rounds: u64) -> Result<Profile, Error> {
        let file = format!("{}-{}-{rounds}", self.builds, name.replace(' ', "-"));
        let log = self.workspace.log(&file);
        let out = self.workspace.directory.join(format!("{file}.out"));
        let toggle = format!("--toggle-collect={WALKED}");
        let options = [&*toggle, "--compress-pos=no"];
        callgrind::run(
            &self.path,
            &[name, &rounds.to_string()],
            &options,
            &out,
            &log,
        )?;
        let bytes = fs::read(&out).map_err(Error::file(&out))?;
        Profile::parse(&String::from_utf8_lossy(&bytes)).map_err(|line| Error::data(&out, line))
    }

    /// The file of a function of the library; `None` for another's, `Some(None)` where it has none.
    fn file_of(&self, function: &Function) -> Option<Option<String>> {
        let file = library::name(self.root, Path::new(&function.file));
        let in_library = library::CRATES
            .iter()
            .any(|name| file.starts_with(&format!("crates/{name}/src/")));
        let in_program = file.starts_with("crates/");
        match in_library {
            true => Some(Some(file)),
            false if in_program => None,
            false => CRATES
                .iter()
                .any(|name| function.name.contains(name))
                .then_some(None),
        }
    }
}

impl Walk {
    /// The functions by file, both in the order in which the text calls them first.
    pub(crate) fn by_file(&self) -> Vec<(&str, Vec<&Step>)> {
        let mut files: Vec<(&str, Vec<&Step>)> = Vec::new();
        for step in &self.steps {
            let file = step.file.as_deref().unwrap_or("(made by the compiler)");
            match files.iter_mut().find(|(name, _)| *name == file) {
                Some((_, steps)) => steps.push(step),
                None => files.push((file, vec![step])),
            }
        }
        files
    }
}

fn size(steps: &[Step]) -> Size {
    let files: HashSet<_> = steps.iter().filter_map(|step| step.file.as_ref()).collect();
    let calls = steps.iter().filter(|step| !is_loop(step));
    Size {
        calls: calls.map(|step| step.calls).sum(),
        functions: steps.len() as u64,
        files: files.len() as u64,
    }
}

/// Whether it is the body of a loop over bytes.
fn is_loop(step: &Step) -> bool {
    step.name.ends_with("{{closure}}") && step.calls >= LOOP
}

/// What is called in the walked function, directly or not.
#[derive(Debug, Default)]
struct Reached {
    calls: HashMap<Function, u64>,
    /// In the order of the lines that call them.
    order: Vec<Function>,
}

impl Reached {
    fn of(profile: &Profile) -> Self {
        let mut reached = Self::default();
        let walked = profile.callers().filter(|caller| caller.name == WALKED);
        for walked in walked {
            reached.follow(profile, walked);
        }
        reached
    }

    fn follow(&mut self, profile: &Profile, caller: &Function) {
        for call in profile.calls(caller) {
            let callee = &call.callee;
            let is_new = !self.calls.contains_key(callee);
            *self.calls.entry(callee.clone()).or_default() += call.count;
            if is_new {
                self.order.push(callee.clone());
                self.follow(profile, callee);
            }
        }
    }

    fn calls(&self, function: &Function) -> u64 {
        self.calls.get(function).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
fl=(1) /tree/crates/walks/src/main.rs
fn=(1) socket_flow_walks::walked
1 1
cfi=(2) /tree/crates/frames/src/a.rs
cfn=(2) socket_flow_frames::a::outer
calls=2 1
1 9
cfi=(3) /rustc/core/ptr.rs
cfn=(3) core::ptr::drop_in_place<socket_flow::B>
calls=2 1
1 2

fl=(2)
fn=(2)
1 1
cfi=(3)
cfn=(4) core::iter::all
calls=2 1
1 8
cfi=(2)
cfn=(6) socket_flow_frames::a::inner
calls=4 1
1 1

fl=(3)
fn=(4)
1 1
cfi=(2)
cfn=(5) socket_flow_frames::a::outer::{{closure}}
calls=64 1
1 7
cfi=(1)
cfn=(7) <socket_flow_walks::wire::Wire as socket_flow::Stream>::f
calls=2 1
1 1

fl=(1)
fn=(8) socket_flow_walks::main
1 1
cfi=(2)
cfn=(9) socket_flow_frames::a::unseen
calls=1 1
1 1
";

    fn step(file: Option<&str>, name: &str, calls: u64) -> Step {
        Step {
            file: file.map(String::from),
            name: name.into(),
            calls,
        }
    }

    fn function(file: &str, name: &str) -> Function {
        let (file, name) = (file.into(), name.into());
        Function { file, name }
    }

    #[test]
    fn what_the_walked_function_calls_is_reached_in_order() {
        let reached = Reached::of(&Profile::parse(PROFILE).unwrap());
        let names: Vec<_> = reached.order.iter().map(|it| &*it.name).collect();
        assert_eq!(
            names,
            [
                "socket_flow_frames::a::outer",
                "core::iter::all",
                "socket_flow_frames::a::outer::{{closure}}",
                "<socket_flow_walks::wire::Wire as socket_flow::Stream>::f",
                "socket_flow_frames::a::inner",
                "core::ptr::drop_in_place<socket_flow::B>",
            ]
        );
        let inner = function(
            "/tree/crates/frames/src/a.rs",
            "socket_flow_frames::a::inner",
        );
        assert_eq!(reached.calls(&inner), 4);
    }

    #[test]
    fn the_librarys_functions_are_told_by_file_or_by_name() {
        let workspace = Workspace {
            root: "/tree".into(),
            directory: "/tree/target".into(),
        };
        let program = Program {
            workspace: &workspace,
            root: Path::new("/tree"),
            path: "/program".into(),
            builds: "here",
        };
        let file_of = |file, name| program.file_of(&function(file, name));
        let ours = "crates/socket-flow/src/hub.rs";
        assert_eq!(
            file_of("/tree/crates/socket-flow/src/hub.rs", "<T as U>::f"),
            Some(Some(ours.into()))
        );
        assert_eq!(
            file_of(
                "/rustc/core/ptr.rs",
                "core::ptr::drop_in_place<socket_flow::B>"
            ),
            Some(None)
        );
        assert_eq!(
            file_of("/rustc/core/ptr.rs", "core::ptr::drop_in_place<u8>"),
            None
        );
        assert_eq!(
            file_of(
                "/tree/crates/walks/src/wire.rs",
                "<Wire as socket_flow::Stream>::f"
            ),
            None
        );
        assert_eq!(file_of("/other/crates/frames/src/a.rs", "other::f"), None);
    }

    #[test]
    fn a_loop_over_bytes_is_a_function_whose_calls_do_not_count() {
        let steps = [
            step(Some("a.rs"), "a::f", 40),
            step(Some("a.rs"), "a::f::{{closure}}", 16),
            step(Some("b.rs"), "b::f::{{closure}}", 15),
            step(None, "drop", 2),
        ];
        let size = size(&steps);
        assert_eq!((size.calls, size.functions, size.files), (57, 4, 2));
    }

    #[test]
    fn functions_are_listed_by_file_in_the_order_of_their_calls() {
        let walk = Walk {
            name: "recv".into(),
            size: Size::default(),
            steps: vec![
                step(Some("b.rs"), "b::f", 1),
                step(Some("a.rs"), "a::f", 1),
                step(None, "drop", 1),
                step(Some("b.rs"), "b::g", 1),
            ],
        };
        let names: Vec<_> = walk
            .by_file()
            .into_iter()
            .map(|(file, steps)| (file, steps.len()))
            .collect();
        assert_eq!(
            names,
            [("b.rs", 2), ("a.rs", 1), ("(made by the compiler)", 1)]
        );
    }
}
