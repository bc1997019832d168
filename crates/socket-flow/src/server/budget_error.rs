use std::error::Error;
use std::fmt;
use std::io;

use socket_flow_protocol::{Budget, Config};

/// A [`Budget`] that no server can keep to: what
/// [`serve`](crate::ServerBuilder::serve) fails with is an [`io::Error`] of kind
/// [`InvalidInput`](io::ErrorKind::InvalidInput) around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetError {
    /// It is smaller than one message may be. Sizes are in bytes.
    BelowMessage {
        /// The budget.
        budget: usize,
        /// [`Config::max_message`].
        message: usize,
    },
    /// It is smaller than the share of each connection there may be. Sizes are in
    /// bytes.
    BelowConnections {
        /// The budget.
        budget: usize,
        /// [`max_connections`](crate::ServerBuilder::max_connections).
        connections: usize,
        /// [`Budget::SHARE`], and `tls::BUDGET_SHARE` beside it where they speak TLS.
        share: usize,
    },
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowMessage { budget, message } => write!(
                f,
                "a budget of {budget} bytes is less than one message of {message} bytes"
            ),
            Self::BelowConnections {
                budget,
                connections,
                share,
            } => write!(
                f,
                "a budget of {budget} bytes is less than {share} bytes for each of {connections} connections"
            ),
        }
    }
}

impl Error for BudgetError {}

impl From<BudgetError> for io::Error {
    fn from(error: BudgetError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Whether a server of so many connections, with so much for each, can keep to its budget.
pub(crate) fn check_budget(
    config: &Config,
    connections: usize,
    share: usize,
) -> Result<(), BudgetError> {
    let Some(budget) = config.memory().map(Budget::limit) else {
        return Ok(());
    };
    let message = config.limits().message;
    if budget < message {
        return Err(BudgetError::BelowMessage { budget, message });
    }
    // Without a limit, it is the budget that limits the connections.
    if connections < usize::MAX && connections.saturating_mul(share) > budget {
        return Err(BudgetError::BelowConnections {
            budget,
            connections,
            share,
        });
    }
    Ok(())
}
