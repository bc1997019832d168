//! `cargo xtask tidy`.

use crate::error::Error;

pub(crate) fn run() -> Result<(), Error> {
    Ok(())
}
