//! What can go wrong in a command.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is not one `--help` describes.
    Usage(String),
    /// A file or directory could not be read, written or removed.
    File { path: PathBuf, source: io::Error },
    /// A program could not be started, or its end not be awaited.
    Spawn { program: String, source: io::Error },
    /// A program ended with a failure; `detail` holds its last words.
    Program { program: String, detail: String },
    /// A program said or did nothing for as long as it may.
    Stalled { program: String, limit: Duration },
    /// A file of the project or a report does not hold what it should.
    Data { path: PathBuf, detail: String },
    /// There is nothing here that runs the Autobahn suite.
    NoEngine(String),
    /// There is no such program here.
    Missing(&'static str),
    /// A signal asked the command to end.
    Interrupted,
    /// The runs ended, and this many deviations were found.
    Deviations(usize),
    /// This many exchanges with other implementations differ from what they must be.
    Differences(usize),
    /// This many inputs were refused by the oracle of their fuzz target.
    Findings(usize),
    /// This many instruction counts are not the committed ones, or more than their base allows.
    Instructions(usize),
    /// This many walks through the library are not as committed.
    Walks(usize),
    /// This many statements of the conformance table are not borne out.
    Unproven(usize),
    /// This many outcomes differ from other implementations' for no known reason, or none does for a
    /// known one.
    Unexplained(usize),
    /// This many places are uncovered without an exception, or are excused in vain.
    Uncovered(usize),
    /// This many scenarios of a soak failed.
    Soak(usize),
    /// The source tree breaks this many house rules.
    Untidy(usize),
}

impl Error {
    /// Joins an I/O failure with the path it happened at.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Says what is wrong with the contents of a file.
    pub(crate) fn data(path: &Path, detail: impl fmt::Display) -> Self {
        Self::Data {
            path: path.to_owned(),
            detail: detail.to_string(),
        }
    }

    /// What happened, and on lines of their own what caused it.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  because: {error}"));
            cause = error.source();
        }
        text
    }

    /// The exit status that stands for this error: 2 for a wrong command line, 130 for a signal.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what} (see cargo xtask --help)"),
            Self::File { path, .. } => write!(f, "cannot use {}", path.display()),
            Self::Spawn { program, .. } => write!(f, "cannot run {program}"),
            Self::Program { program, detail } => write!(f, "{program} failed: {detail}"),
            Self::Stalled { program, limit } => {
                write!(f, "{program} made no progress for {} s", limit.as_secs())
            }
            Self::Data { path, detail } => write!(f, "{}: {detail}", path.display()),
            Self::NoEngine(what) => f.write_str(what),
            Self::Missing(what) => write!(f, "there is no {what}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Deviations(1) => f.write_str("1 deviation"),
            Self::Deviations(count) => write!(f, "{count} deviations"),
            Self::Differences(1) => f.write_str("1 exchange differs"),
            Self::Differences(count) => write!(f, "{count} exchanges differ"),
            Self::Findings(1) => f.write_str("1 finding"),
            Self::Findings(count) => write!(f, "{count} findings"),
            Self::Instructions(1) => f.write_str("1 instruction count is not accepted"),
            Self::Instructions(count) => {
                write!(f, "{count} instruction counts are not accepted")
            }
            Self::Walks(1) => f.write_str("1 walk is not as committed"),
            Self::Walks(count) => write!(f, "{count} walks are not as committed"),
            Self::Unproven(1) => f.write_str("1 statement of the table does not hold"),
            Self::Unproven(count) => write!(f, "{count} statements of the table do not hold"),
            Self::Unexplained(1) => f.write_str("1 difference is not as known"),
            Self::Unexplained(count) => write!(f, "{count} differences are not as known"),
            Self::Uncovered(1) => f.write_str("1 place is not what its exceptions say"),
            Self::Uncovered(count) => write!(f, "{count} places are not what their exceptions say"),
            Self::Soak(1) => f.write_str("1 scenario failed"),
            Self::Soak(count) => write!(f, "{count} scenarios failed"),
            Self::Untidy(1) => f.write_str("1 broken house rule"),
            Self::Untidy(count) => write!(f, "{count} broken house rules"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::File { source, .. } | Self::Spawn { source, .. } => Some(source),
            _ => None,
        }
    }
}
