//! What is exchanged with each peer, in each direction, and what must come of it.

use crate::interop::deflate_matrix;
use crate::interop::feature::Feature;
use crate::interop::payload::Payload;
use crate::interop::peer::Peer;
use crate::interop::script::{Client, Kind, Parameters, Server, Step, Window};

/// Who is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Their client talks to our `echo_server`.
    TheirClient,
    /// Our `interop_client` talks to their server.
    OurClient,
}

impl Direction {
    /// Both of them.
    pub(crate) const ALL: [Self; 2] = [Self::TheirClient, Self::OurClient];
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) feature: Feature,
    /// Unique among all of a peer and direction; also the path of the URL.
    pub(crate) id: String,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) expected: Expected,
}

/// What must come of a connection, beside that every echo is what was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// The connection is refused with this status.
    pub(crate) refused: Option<u16>,
    pub(crate) subprotocol: Option<&'static str>,
    /// permessage-deflate is agreed on.
    pub(crate) deflate: bool,
    /// What the client's pings bring back.
    pub(crate) client_pongs: Vec<String>,
    pub(crate) server_pongs: Vec<String>,
    /// The Close that reaches the client; nothing is asked of it where this is `None`.
    pub(crate) client_close: Option<ExpectedClose>,
    pub(crate) server_close: Option<ExpectedClose>,
    /// The server fails the connection, so that it may report an error.
    pub(crate) server_fails: bool,
}

/// A Close that must arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedClose {
    pub(crate) code: u16,
    /// `None` in an answer: who answers may leave the reason out.
    pub(crate) reason: Option<String>,
}

/// Every exchange with a peer in a direction.
pub(crate) fn cases(peer: Peer, direction: Direction) -> Vec<Case> {
    let mut cases = Vec::new();
    for compressed in [false, true] {
        data(&mut cases, direction, compressed);
    }
    pings(&mut cases, direction);
    closes(&mut cases, peer, direction);
    subprotocols(&mut cases, peer, direction);
    failures(&mut cases, direction);
    deflate_matrix::add(&mut cases, peer, direction);
    cases
}

/// What a client offers that wants compression and nothing else: as browsers do.
pub(crate) const OFFER: Parameters = Parameters {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: Some(Window::Any),
};

/// What a server demands that wants compression and nothing else.
pub(crate) const CHOICE: Parameters = Parameters {
    client_max_window_bits: None,
    ..OFFER
};

impl Case {
    /// An exchange of these messages that the client ends with 1000.
    pub(crate) fn echo(feature: Feature, id: String, mut steps: Vec<Step>) -> Self {
        steps.push(close(Some(1000), ""));
        Self {
            feature,
            id,
            server: Server::default(),
            client: Client {
                subprotocols: Vec::new(),
                deflate: None,
                steps,
            },
            expected: Expected {
                client_close: Some(answered(1000)),
                server_close: Some(sent(1000, "")),
                ..Expected::default()
            },
        }
    }

    /// Lets both ends compress.
    pub(crate) fn compressed(mut self, offer: Parameters, choice: Parameters) -> Self {
        self.client.deflate = Some(offer);
        self.server.deflate = Some(choice);
        self.expected.deflate = true;
        self
    }

    fn compressed_if(self, compressed: bool) -> Self {
        match compressed {
            true => self.compressed(OFFER, CHOICE),
            false => self,
        }
    }
}

/// A step that sends one message and compares its echo.
pub(crate) fn echo(kind: Kind, payload: Payload) -> Step {
    Step::Echo {
        kind,
        payload,
        lines: false,
        fragment: 0,
    }
}

/// A step that sends each line of a payload as a message.
pub(crate) fn echo_lines(payload: Payload) -> Step {
    Step::Echo {
        kind: Kind::Text,
        payload,
        lines: true,
        fragment: 0,
    }
}

fn data(cases: &mut Vec<Case>, direction: Direction, compressed: bool) {
    use Payload::{Documents, Empty, Letters, Lines, Noise, Unicode, Window};

    let suffix = if compressed { "-compressed" } else { "" };
    let pick = |plain: Feature, compressed_too: Feature| match compressed {
        true => compressed_too,
        false => plain,
    };
    let mut add = |feature, id: &str, steps| {
        let case = Case::echo(feature, format!("{id}{suffix}"), steps);
        cases.push(case.compressed_if(compressed));
    };

    // The lengths at which the header grows (RFC 6455 §5.2), in both kinds.
    let messages = pick(Feature::Messages, Feature::MessagesCompressed);
    for kind in [Kind::Text, Kind::Binary] {
        let payloads = [
            Empty,
            Letters(1),
            Letters(125),
            Letters(126),
            Letters(65_535),
            Letters(65_536),
            Unicode,
            Window,
            Empty,
        ];
        let steps = payloads.map(|payload| echo(kind, payload)).to_vec();
        add(messages, &format!("messages-{}", kind.name()), steps);
    }

    let fragments = pick(Feature::ClientFragments, Feature::ClientFragmentsCompressed);
    // Seven bytes cut code points.
    for (payload, size) in [(Unicode, 7), (Window, 1000), (Empty, 10)] {
        for kind in [Kind::Text, Kind::Binary] {
            let step = Step::Echo {
                kind,
                payload,
                lines: false,
                fragment: size,
            };
            let id = format!("client-fragments-{size}-{}", kind.name());
            add(fragments, &id, vec![step.clone(), step]);
        }
    }

    let large = pick(Feature::Large, Feature::LargeCompressed);
    add(large, "large-text", vec![echo(Kind::Text, Documents)]);
    add(large, "large-binary", vec![echo(Kind::Binary, Noise)]);
    let small = pick(Feature::Small, Feature::SmallContext);
    add(small, "small", vec![echo_lines(Lines)]);

    if compressed {
        let parameters = Parameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..OFFER
        };
        let steps = vec![echo_lines(Lines)];
        let case = Case::echo(Feature::SmallNoContext, "small-no-context".into(), steps);
        cases.push(case.compressed(parameters, CHOICE));
    }
    if direction == Direction::OurClient {
        let feature = pick(Feature::ServerFragments, Feature::ServerFragmentsCompressed);
        for (payload, size) in [(Unicode, 7), (Window, 1000), (Empty, 10)] {
            let steps = vec![echo(Kind::Text, payload), echo(Kind::Binary, payload)];
            let id = format!("server-fragments-{size}{suffix}");
            let mut case = Case::echo(feature, id, steps).compressed_if(compressed);
            case.server.fragment = size;
            cases.push(case);
        }
    }
}

fn pings(cases: &mut Vec<Case>, direction: Direction) {
    for (name, data) in [
        ("empty", String::new()),
        ("short", "ping".into()),
        ("longest", "p".repeat(125)),
    ] {
        let steps = vec![
            Step::Ping { data: data.clone() },
            echo(Kind::Text, Payload::Unicode),
            Step::Ping { data: data.clone() },
        ];
        let mut case = Case::echo(Feature::Ping, format!("client-pings-{name}"), steps);
        case.expected.client_pongs = vec![data.clone(), data.clone()];
        cases.push(case);
        if direction == Direction::OurClient {
            let steps = vec![echo(Kind::Text, Payload::Unicode)];
            let mut case = Case::echo(Feature::Ping, format!("server-pings-{name}"), steps);
            case.server.opening = Some(Step::Ping { data: data.clone() });
            case.expected.server_pongs = vec![data];
            cases.push(case);
        }
    }
}

fn closes(cases: &mut Vec<Case>, peer: Peer, direction: Direction) {
    // Every code that may stand in a frame (RFC 6455 §7.4), and the ends of the open ranges.
    let codes = (1000..=1003)
        .chain(1007..=1014)
        .chain([3000, 3999, 4000, 4999]);
    let longest = "r".repeat(123);
    let mut closes: Vec<(Option<u16>, &str)> = codes.map(|code| (Some(code), "")).collect();
    closes.extend([(Some(1000), "grüße 🦀"), (Some(4000), &longest)]);
    for (number, (code, reason)) in closes.iter().copied().enumerate() {
        let name = format!("{}-{number}", code.unwrap_or(0));
        cases.push(client_closes(&name, code, reason));
        if direction == Direction::OurClient {
            cases.push(server_closes(&name, code, reason));
        }
    }
    // Only `ws` sends a Close without a code; our client always says one.
    match (peer, direction) {
        (Peer::Ws, Direction::TheirClient) => cases.push(client_closes("none", None, "")),
        (Peer::Ws, Direction::OurClient) => cases.push(server_closes("none", None, "")),
        (Peer::Websockets, _) => {}
    }
}

fn client_closes(name: &str, code: Option<u16>, reason: &str) -> Case {
    let id = format!("client-closes-{name}");
    let mut case = Case::echo(Feature::ClientCloses, id, Vec::new());
    case.client.steps = vec![close(code, reason)];
    // RFC 6455 §7.1.5: 1005 stands for no code.
    let code = code.unwrap_or(1005);
    case.expected.client_close = Some(answered(code));
    case.expected.server_close = Some(sent(code, reason));
    case
}

fn server_closes(name: &str, code: Option<u16>, reason: &str) -> Case {
    let id = format!("server-closes-{name}");
    let mut case = Case::echo(Feature::ServerCloses, id, Vec::new());
    case.server.opening = Some(close(code, reason));
    case.client.steps = vec![Step::AwaitClose];
    let code = code.unwrap_or(1005);
    case.expected.client_close = Some(sent(code, reason));
    case.expected.server_close = Some(answered(code));
    case
}

fn subprotocols(cases: &mut Vec<Case>, peer: Peer, direction: Direction) {
    let pairs: [(&[&str], &[&str], Option<&str>); 5] = [
        (&["a", "b"], &["b"], Some("b")),
        (&["a", "b"], &["a", "b"], Some("a")),
        (&["a"], &[], None),
        (&[], &["b"], None),
        (&["a"], &["b"], None),
    ];
    for (number, (offered, supported, agreed)) in pairs.into_iter().enumerate() {
        let ours_chooses_none = agreed.is_none() && direction == Direction::TheirClient;
        // RFC 6455 §4.1 lets a server choose none; `ws` does not take that.
        if ours_chooses_none && peer == Peer::Ws && !offered.is_empty() {
            continue;
        }
        let steps = vec![echo(Kind::Text, Payload::Unicode)];
        let mut case = Case::echo(
            Feature::Subprotocols,
            format!("subprotocols-{number}"),
            steps,
        );
        case.client.subprotocols = offered.to_vec();
        case.server.subprotocols = supported.to_vec();
        case.expected.subprotocol = agreed;
        // `websockets` insists on one as soon as it has any.
        let insists = peer == Peer::Websockets && direction == Direction::OurClient;
        if insists && agreed.is_none() && !supported.is_empty() {
            case.expected.refused = Some(400);
        }
        cases.push(case);
    }
}

/// What makes a server fail the connection.
fn failures(cases: &mut Vec<Case>, direction: Direction) {
    let mut add = |feature, id: &str, payload, code, compressed| {
        let mut case = Case::echo(feature, id.into(), Vec::new()).compressed_if(compressed);
        case.client.steps = vec![
            Step::Send {
                kind: Kind::Text,
                payload,
            },
            Step::AwaitClose,
        ];
        if feature == Feature::TooBig {
            case.server.max_message = Some(1000);
        }
        case.expected.client_close = Some(answered(code));
        // Who fails a connection need not wait for the answer to its Close.
        case.expected.server_close = None;
        case.expected.server_fails = true;
        cases.push(case);
    };
    add(
        Feature::TooBig,
        "too-big",
        Payload::Letters(1001),
        1009,
        false,
    );
    // A few bytes on the wire, too big only when inflated.
    add(Feature::TooBig, "bomb", Payload::Zeros, 1009, true);
    // Our client cannot send it.
    if direction == Direction::TheirClient {
        add(Feature::NotUtf8, "not-utf8", Payload::NotUtf8, 1007, false);
        add(
            Feature::NotUtf8,
            "not-utf8-compressed",
            Payload::NotUtf8,
            1007,
            true,
        );
    }
}

fn close(code: Option<u16>, reason: &str) -> Step {
    Step::Close {
        code,
        reason: reason.into(),
    }
}

fn sent(code: u16, reason: &str) -> ExpectedClose {
    ExpectedClose {
        code,
        reason: Some(reason.into()),
    }
}

fn answered(code: u16) -> ExpectedClose {
    ExpectedClose { code, reason: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::ours;

    fn everything() -> impl Iterator<Item = (Peer, Direction, Vec<Case>)> {
        Peer::ALL.into_iter().flat_map(|peer| {
            Direction::ALL
                .into_iter()
                .map(move |direction| (peer, direction, cases(peer, direction)))
        })
    }

    #[test]
    fn every_exchange_has_an_id_of_its_own_that_can_stand_in_a_url() {
        for (_, _, cases) in everything() {
            let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
            assert!(ids.iter().all(|id| {
                id.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }));
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), cases.len());
        }
    }

    #[test]
    fn every_feature_is_tried_with_every_peer() {
        for peer in Peer::ALL {
            let both: Vec<Case> = Direction::ALL
                .into_iter()
                .flat_map(|direction| cases(peer, direction))
                .collect();
            for feature in Feature::ALL {
                assert!(
                    both.iter().any(|case| case.feature == feature),
                    "{feature:?}"
                );
            }
        }
    }

    #[test]
    fn every_sendable_close_code_is_sent_by_either_end() {
        for peer in Peer::ALL {
            let cases = cases(peer, Direction::OurClient);
            for code in [1000, 1003, 1007, 1011, 1014, 3000, 4999] {
                let closing = Some(close(Some(code), ""));
                assert!(cases.iter().any(|case| case.server.opening == closing));
                assert!(
                    cases
                        .iter()
                        .any(|case| case.client.steps.first() == closing.as_ref())
                );
            }
        }
    }

    #[test]
    fn our_server_can_be_told_everything_it_is_to_be() {
        for (_, direction, cases) in everything() {
            if direction == Direction::TheirClient {
                for case in cases {
                    assert!(ours::flags(&case.server).is_some(), "{}", case.id);
                }
            }
        }
    }
}
