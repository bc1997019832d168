use std::error::Error;
use std::fmt;
use std::io;

use socket_flow_protocol::{Budget, Config, SetAside};

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
    /// The shares of its connections do not fit beside those that others have set
    /// aside, such as another server with the same budget: all together may set half
    /// of it aside. Sizes are in bytes.
    BesideOthers {
        /// The budget.
        budget: usize,
        /// What others have set aside of it.
        set_aside: usize,
        /// [`max_connections`](crate::ServerBuilder::max_connections), or without that
        /// limit how many connections would be set aside for.
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
            Self::BesideOthers {
                budget,
                set_aside,
                connections,
                share,
            } => write!(
                f,
                "half of a budget of {budget} bytes, of which others have set {set_aside} bytes aside, \
                 leaves less than {share} bytes for each of {connections} connections"
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

/// Sets the shares of a server's connections aside, `share` bytes for each, if it can
/// keep to its budget; without a limit, it is the budget that limits the connections.
/// They may be more than half of the budget only where nobody else has set any aside.
pub(crate) fn share_out(
    config: &Config,
    connections: &mut usize,
    share: usize,
) -> Result<Option<SetAside>, BudgetError> {
    let Some(budget) = config.memory() else {
        return Ok(None);
    };
    let limit = budget.limit();
    let message = config.limits().message;
    if limit < message {
        return Err(BudgetError::BelowMessage {
            budget: limit,
            message,
        });
    }
    if limit == usize::MAX {
        // It only counts.
        return Ok(None);
    }
    let most = limit / share;
    if most == 0 {
        return Err(BudgetError::BelowConnections {
            budget: limit,
            connections: 1,
            share,
        });
    }
    let expected = match *connections {
        usize::MAX => most / 4,
        limited if limited > most => {
            return Err(BudgetError::BelowConnections {
                budget: limit,
                connections: limited,
                share,
            });
        }
        limited => limited,
    };
    *connections = most.min(*connections);
    let shares = expected.saturating_mul(share.div_ceil(Budget::SHARE));
    let aside = budget.set_aside(shares);
    let others = (limit / 2).saturating_sub(aside.bytes());
    if aside.bytes() < shares.saturating_mul(Budget::SHARE) && others > 0 {
        return Err(BudgetError::BesideOthers {
            budget: limit,
            set_aside: others,
            connections: expected,
            share,
        });
    }
    Ok(Some(aside))
}
