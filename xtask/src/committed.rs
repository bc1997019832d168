//! Files that a command writes and the repository keeps.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::Error;

/// What `parse` makes of the file; where there is none, nothing is known yet.
pub(crate) fn load<T: Default, E: fmt::Display>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Error> {
    if !path.exists() {
        return Ok(T::default());
    }
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    parse(&text).map_err(|error| Error::data(path, error))
}
