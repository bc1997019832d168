//! What compression may keep of a budget.

use socket_flow_handshake::server::Acceptance;
use socket_flow_protocol::{Config, Lease};
#[cfg(feature = "deflate")]
use socket_flow_protocol::{DeflateParams, Purpose, Role};

/// Agrees to as much compression as the budget has room for: with contexts that are kept, else
/// without, else to none. The contexts that are kept are charged as long as the lease lives, which
/// is to be until their connection is open and charged for them.
#[cfg(feature = "deflate")]
pub(crate) fn within_budget(
    acceptance: Acceptance,
    config: &Config,
) -> (Acceptance, Option<Lease>) {
    let agreed = acceptance.negotiated().deflate();
    let Some((budget, agreed)) = config.memory().zip(agreed) else {
        return (acceptance, None);
    };
    let kept = |params| {
        let settings = config.deflate_settings();
        settings.kept_memory(params, Role::Server)
    };
    let keeps = kept(agreed);
    if keeps > 0 {
        let mut lease = budget.lease(Purpose::Contexts);
        // Half of the budget is for what is given back: contexts stay as long as their connection.
        if budget.has_room(keeps.saturating_add(budget.limit() / 2)) && lease.try_set(keeps) {
            return (acceptance, Some(lease));
        }
    }
    let one_direction = |server_no_context_takeover| {
        kept(DeflateParams {
            server_no_context_takeover,
            client_no_context_takeover: !server_no_context_takeover,
            ..agreed
        })
    };
    let for_a_message = one_direction(true).max(one_direction(false));
    let acceptance = match (budget.has_room(for_a_message), keeps) {
        (true, 0) => return (acceptance, None),
        (true, _) => acceptance.without_context_takeover(),
        (false, _) => acceptance.without_deflate(),
    };
    budget.count_reduced();
    (acceptance, None)
}

#[cfg(not(feature = "deflate"))]
pub(crate) fn within_budget(acceptance: Acceptance, _: &Config) -> (Acceptance, Option<Lease>) {
    (acceptance, None)
}
