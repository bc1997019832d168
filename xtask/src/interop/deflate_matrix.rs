//! Every combination of permessage-deflate's parameters that both ends support.

use crate::interop::feature::{Feature, Takeover};
use crate::interop::matrix::{CHOICE, Case, Direction, OFFER, echo};
use crate::interop::payload::Payload;
use crate::interop::peer::Peer;
use crate::interop::script::{Kind, Parameters, Step, Window};

/// Adds them.
pub(crate) fn add(cases: &mut Vec<Case>, peer: Peer, direction: Direction) {
    one_sided(cases);
    for takeover in Takeover::ALL {
        for offer in asked(peer, direction, takeover) {
            let id = format!("asked-{}", name(&offer));
            let case = Case::echo(Feature::Asked(takeover), id, steps());
            let mut case = case.compressed(offer, CHOICE);
            // Its zlib has no window of 8 bits for what is sent, so the server declines.
            let unable = peer == Peer::Websockets && direction == Direction::OurClient;
            if unable && offer.server_max_window_bits == Some(8) {
                case.expected.deflate = false;
            }
            cases.push(case);
        }
        for choice in demanded(peer, direction, takeover) {
            let id = format!("demanded-{}", name(&choice));
            let case = Case::echo(Feature::Demanded(takeover), id, steps());
            cases.push(case.compressed(OFFER, choice));
        }
    }
}

fn one_sided(cases: &mut Vec<Case>) {
    for (id, offer, choice) in [
        ("offered-only", Some(OFFER), None),
        ("willing-only", None, Some(CHOICE)),
    ] {
        let mut case = Case::echo(Feature::OneSided, id.into(), steps());
        case.client.deflate = offer;
        case.server.deflate = choice;
        cases.push(case);
    }
}

/// Twice the same, so that a context makes a difference, with other messages in between.
fn steps() -> Vec<Step> {
    vec![
        echo(Kind::Text, Payload::Window),
        echo(Kind::Text, Payload::Empty),
        echo(Kind::Binary, Payload::Letters(126)),
        echo(Kind::Text, Payload::Window),
    ]
}

/// What clients ask for.
fn asked(peer: Peer, direction: Direction, takeover: Takeover) -> Vec<Parameters> {
    let (servers, clients) = match direction {
        // Ours always offers `client_max_window_bits`, and a window of 15 bits without a value.
        Direction::OurClient => (
            optional(8..=14),
            windows(8..=14)
                .into_iter()
                .chain([Some(Window::Any)])
                .collect(),
        ),
        Direction::TheirClient => {
            let least = match peer {
                // Its zlib has no window of 8 bits for what is sent.
                Peer::Websockets => 9,
                Peer::Ws => 8,
            };
            let mut clients = windows(least..=15);
            clients.extend([None, Some(Window::Any)]);
            (optional(8..=15), clients)
        }
    };
    combine(takeover, &servers, &clients)
}

/// What servers demand.
fn demanded(peer: Peer, direction: Direction, takeover: Takeover) -> Vec<Parameters> {
    match (direction, peer) {
        // Our example has one flag for both contexts and one for both windows.
        (Direction::TheirClient, _) => {
            // Its client fails where 8 bits are demanded of it.
            let least = if peer == Peer::Websockets { 9 } else { 8 };
            match takeover {
                Takeover::Client | Takeover::Server => Vec::new(),
                Takeover::Both | Takeover::None => (least..=15)
                    .flat_map(|bits| combine(takeover, &[Some(bits)], &[Some(Window::Bits(bits))]))
                    .collect(),
            }
        }
        (Direction::OurClient, Peer::Websockets) => {
            let mut clients = windows(8..=15);
            clients.push(None);
            combine(takeover, &optional(9..=15), &clients)
        }
        (Direction::OurClient, Peer::Ws) => {
            let mut clients = windows(8..=15);
            clients.push(None);
            combine(takeover, &optional(8..=15), &clients)
        }
    }
}

fn combine(
    takeover: Takeover,
    servers: &[Option<u8>],
    clients: &[Option<Window>],
) -> Vec<Parameters> {
    let mut combinations = Vec::new();
    for server_max_window_bits in servers.iter().copied() {
        for client_max_window_bits in clients.iter().copied() {
            combinations.push(Parameters {
                server_no_context_takeover: matches!(takeover, Takeover::Client | Takeover::None),
                client_no_context_takeover: matches!(takeover, Takeover::Server | Takeover::None),
                server_max_window_bits,
                client_max_window_bits,
            });
        }
    }
    combinations
}

fn optional(bits: impl Iterator<Item = u8>) -> Vec<Option<u8>> {
    bits.map(Some).chain([None]).collect()
}

fn windows(bits: impl Iterator<Item = u8>) -> Vec<Option<Window>> {
    bits.map(|bits| Some(Window::Bits(bits))).collect()
}

/// The combination in short: contexts, the server's window, the client's window.
fn name(parameters: &Parameters) -> String {
    let server = match parameters.server_max_window_bits {
        None => "none".into(),
        Some(bits) => bits.to_string(),
    };
    let client = match parameters.client_max_window_bits {
        None => "none".into(),
        Some(Window::Any) => "any".into(),
        Some(Window::Bits(bits)) => bits.to_string(),
    };
    format!(
        "s{}c{}-{server}-{client}",
        u8::from(parameters.server_no_context_takeover),
        u8::from(parameters.client_no_context_takeover),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_meets_every_other() {
        let ws = asked(Peer::Ws, Direction::TheirClient, Takeover::Both);
        assert_eq!(ws.len(), 9 * 10);
        let ours = asked(Peer::Ws, Direction::OurClient, Takeover::None);
        assert_eq!(ours.len(), 8 * 8);
        assert!(ours.iter().all(|it| it.server_no_context_takeover));
        assert!(ours.iter().all(|it| it.client_no_context_takeover));
    }

    #[test]
    fn what_a_peer_cannot_do_is_not_asked_of_it() {
        let theirs = asked(Peer::Websockets, Direction::TheirClient, Takeover::Both);
        let eight = Some(Window::Bits(8));
        assert!(theirs.iter().all(|it| it.client_max_window_bits != eight));
        assert!(theirs.iter().any(|it| it.server_max_window_bits == Some(8)));
        let theirs = demanded(Peer::Websockets, Direction::OurClient, Takeover::Both);
        assert!(theirs.iter().all(|it| it.server_max_window_bits != Some(8)));
        assert!(theirs.iter().any(|it| it.client_max_window_bits == eight));
    }

    #[test]
    fn a_server_that_cannot_declines() {
        let mut cases = Vec::new();
        add(&mut cases, Peer::Websockets, Direction::OurClient);
        for case in cases.iter().filter(|case| case.id.starts_with("asked-")) {
            let asked = case.client.deflate.unwrap_or_default();
            let eight = asked.server_max_window_bits == Some(8);
            assert_eq!(case.expected.deflate, !eight, "{}", case.id);
        }
    }
}
