//! How long a walk is.

use std::fmt;

use serde::Deserialize;

/// What is counted of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    /// Calls of functions of the library, each time the operation is done.
    pub(crate) calls: u64,
    /// Functions of the library that are called at all.
    pub(crate) functions: u64,
    /// Files these are in.
    pub(crate) files: u64,
}

impl Size {
    /// The three numbers, for a table.
    pub(crate) fn cells(self) -> String {
        let Self {
            calls,
            functions,
            files,
        } = self;
        format!("{calls:>9}{functions:>6}{files:>5}")
    }

    pub(crate) fn numbers(self) -> [u64; 3] {
        [self.calls, self.functions, self.files]
    }
}

/// As committed figures have it.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            functions,
            files,
        } = self;
        write!(
            f,
            "{{ calls = {calls}, functions = {functions}, files = {files} }}"
        )
    }
}
