//! What came of a connection against what must come of it.

use std::collections::HashMap;

use sha1::{Digest, Sha1};

use crate::interop::matrix::{Case, ExpectedClose};
use crate::interop::negotiation::{self, Agreed};
use crate::interop::payload::Payload;
use crate::interop::report::{ClientReport, Close, Opened, ServerReport};
use crate::interop::script::{Kind, Parameters, Step};

/// Finds the differences, and remembers what the payloads come to.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    known: HashMap<Vec<(Kind, Payload, bool)>, Sent>,
}

/// All messages of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    messages: usize,
    bytes: usize,
    sha1: String,
}

impl Judge {
    /// Every difference of an exchange, one a line. `server` is `None` where the server is ours,
    /// which reports nothing; `Some(None)` where theirs reported nothing.
    pub(crate) fn differences(
        &mut self,
        case: &Case,
        client: Option<&ClientReport>,
        server: Option<Option<&ServerReport>>,
    ) -> Vec<String> {
        let Some(client) = client else {
            return vec!["the client reported nothing".into()];
        };
        let mut found = Findings(Vec::new());
        let expected = &case.expected;
        found.compare("status of the refusal", &client.refused, &expected.refused);
        if let Some(error) = &client.error {
            found.add(format!("client: {error}"));
        }
        if expected.refused.is_some() {
            return found.0;
        }
        let Some(opened) = &client.opened else {
            found.add("the connection was not opened".into());
            return found.0;
        };
        let sent = self.sent(&case.client.steps);
        let subprotocol = expected.subprotocol.map(str::to_owned);
        found.compare("client's subprotocol", &opened.subprotocol, &subprotocol);
        found.compare("echoes", &client.messages, &sent.messages);
        found.compare("client's pongs", &client.pongs, &expected.client_pongs);
        found.close(
            "client",
            client.close.as_ref(),
            expected.client_close.as_ref(),
        );
        found.deflate(case, opened, server.flatten());
        let wire_bytes = server
            .flatten()
            .map_or(client.wire_bytes, |it| it.wire_bytes);
        found.compression(case, &sent, wire_bytes);
        match server {
            None => {}
            Some(None) => found.add("the server reported nothing".into()),
            Some(Some(server)) => {
                found.compare("server's subprotocol", &server.subprotocol, &subprotocol);
                found.compare("server's pongs", &server.pongs, &expected.server_pongs);
                found.compare("messages at the server", &server.messages, &sent.messages);
                found.compare(
                    "SHA-1 of the messages at the server",
                    &server.sha1,
                    &sent.sha1,
                );
                found.close(
                    "server",
                    server.close.as_ref(),
                    expected.server_close.as_ref(),
                );
                if let (Some(error), false) = (&server.error, expected.server_fails) {
                    found.add(format!("server: {error}"));
                }
            }
        }
        found.0
    }

    fn sent(&mut self, steps: &[Step]) -> Sent {
        let echoes: Vec<_> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Echo {
                    kind,
                    payload,
                    lines,
                    ..
                } => Some((*kind, *payload, *lines)),
                _ => None,
            })
            .collect();
        match self.known.get(&echoes) {
            Some(sent) => sent.clone(),
            None => {
                let sent = digest(&echoes);
                self.known.insert(echoes, sent.clone());
                sent
            }
        }
    }
}

struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, what: String) {
        self.0.push(what);
    }

    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, must: &T) {
        if is != must {
            self.add(format!("{what}: {is:?}, not {must:?}"));
        }
    }

    fn close(&mut self, end: &str, is: Option<&Close>, must: Option<&ExpectedClose>) {
        let Some(must) = must else {
            return;
        };
        let right = is.is_some_and(|is| {
            let reason = must.reason.as_ref().is_none_or(|must| is.reason == *must);
            is.code == must.code && reason
        });
        if !right {
            self.add(format!("Close at the {end}: {is:?}, not {must:?}"));
        }
    }

    /// Judges whether our end compressed what it sent: what was negotiated says that it may, not
    /// that it does.
    fn compression(&mut self, case: &Case, sent: &Sent, wire_bytes: Option<usize>) {
        let bytes = sent.bytes;
        let wire_bytes = match wire_bytes {
            _ if bytes == 0 => return,
            Some(wire_bytes) => wire_bytes,
            None => return self.add("nobody counted what came through the socket".into()),
        };
        let payloads = || case.client.steps.iter().filter_map(Step::payload);
        if !case.expected.deflate && wire_bytes < bytes {
            self.add(format!(
                "{wire_bytes} bytes carried {bytes} uncompressed ones"
            ));
        }
        // The worst case, small messages without context of which most lie below the threshold,
        // came to 86 % when this was written.
        let compressible = payloads().any(Payload::is_compressible);
        let noise = payloads().any(|payload| payload == Payload::Noise);
        if case.expected.deflate && compressible && !noise && wire_bytes / 95 >= bytes / 100 {
            self.add(format!("{bytes} bytes took {wire_bytes} compressed ones"));
        }
    }

    /// Judges the negotiation, and that both ends take it for the same.
    fn deflate(&mut self, case: &Case, opened: &Opened, server: Option<&ServerReport>) {
        let offer = case.client.deflate.as_ref();
        if let Some(server) = server {
            self.compare("answer at the client", &opened.answer, &server.answer);
            if !negotiation::offers(&server.offer, offer) {
                self.add(format!("offer '{}' for {offer:?}", server.offer));
            }
        }
        let must = agreement(case);
        match (&must, offer) {
            (Some(must), Some(offer)) => {
                self.0
                    .extend(negotiation::judge_answer(offer, &opened.answer, must));
            }
            _ => self.compare("answer", &opened.answer, &String::new()),
        }
        self.compare("what the client holds for agreed", &opened.deflate, &must);
        if let Some(server) = server {
            self.compare("what the server holds for agreed", &server.deflate, &must);
        }
    }
}

/// What both ends must agree on; nothing where compression is not to be agreed.
fn agreement(case: &Case) -> Option<Agreed> {
    let offer: &Parameters = case.client.deflate.as_ref()?;
    let choice = case.server.deflate.as_ref()?;
    case.expected
        .deflate
        .then(|| negotiation::agreement(offer, choice))
}

fn digest(echoes: &[(Kind, Payload, bool)]) -> Sent {
    let mut sha1 = Sha1::new();
    let (mut messages, mut bytes) = (0, 0);
    let mut add = |kind: Kind, message: &[u8]| {
        sha1.update(format!("{} {}\n", kind.name(), message.len()));
        sha1.update(message);
        messages += 1;
        bytes += message.len();
    };
    for (kind, payload, lines) in echoes {
        let data = payload.bytes();
        match lines {
            true => data
                .split(|byte| *byte == b'\n')
                .for_each(|line| add(*kind, line)),
            false => add(*kind, &data),
        }
    }
    let sha1 = sha1.finalize();
    Sent {
        messages,
        bytes,
        sha1: sha1.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::feature::Feature;
    use crate::interop::matrix::{CHOICE, OFFER, echo, echo_lines};
    use crate::interop::payload::LINES;

    fn case() -> Case {
        let steps = vec![echo(Kind::Text, Payload::Letters(1))];
        Case::echo(Feature::Messages, "a".into(), steps).compressed(OFFER, CHOICE)
    }

    const AGREED: Agreed = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };

    fn close() -> Option<Close> {
        Some(Close {
            code: 1000,
            reason: String::new(),
        })
    }

    fn client() -> ClientReport {
        ClientReport {
            id: "a".into(),
            opened: Some(Opened {
                answer: "permessage-deflate".into(),
                deflate: Some(AGREED),
                subprotocol: None,
            }),
            refused: None,
            messages: 1,
            pongs: Vec::new(),
            close: close(),
            wire_bytes: Some(200),
            error: None,
        }
    }

    fn server() -> ServerReport {
        ServerReport {
            case: "a".into(),
            offer: "permessage-deflate; client_max_window_bits".into(),
            answer: "permessage-deflate".into(),
            deflate: Some(AGREED),
            subprotocol: None,
            messages: 1,
            // Of "text 1\na".
            sha1: "48ede8d3bfc8fca88438661fda2dcfc183448c85".into(),
            pongs: Vec::new(),
            close: close(),
            wire_bytes: Some(200),
            error: None,
        }
    }

    fn differences(client: &ClientReport, server: &ServerReport) -> String {
        let mut judge = Judge::default();
        judge
            .differences(&case(), Some(client), Some(Some(server)))
            .join("\n")
    }

    #[test]
    fn an_exchange_as_it_must_be_has_no_difference() {
        assert_eq!(differences(&client(), &server()), "");
        let mut judge = Judge::default();
        let ours = judge.differences(&case(), Some(&client()), None);
        assert_eq!(ours, [""; 0]);
    }

    #[test]
    fn every_difference_at_the_client_is_found() {
        type Change = fn(&mut ClientReport);
        let changes: [(Change, &str); 8] = [
            (|it| it.error = Some("broken".into()), "client: broken"),
            (
                |it| it.refused = Some(400),
                "status of the refusal: Some(400)",
            ),
            (|it| it.opened = None, "was not opened"),
            (|it| it.messages = 0, "echoes: 0, not 1"),
            (|it| it.pongs = vec!["x".into()], "client's pongs"),
            (|it| it.close = None, "Close at the client: None"),
            (
                |it| it.opened.as_mut().unwrap().subprotocol = Some("x".into()),
                "client's subprotocol",
            ),
            (
                |it| it.opened.as_mut().unwrap().deflate = None,
                "what the client holds for agreed: None",
            ),
        ];
        for (change, what) in changes {
            let mut client = client();
            change(&mut client);
            let found = differences(&client, &server());
            assert!(found.contains(what), "{what}: {found}");
        }
    }

    #[test]
    fn every_difference_at_the_server_is_found() {
        type Change = fn(&mut ServerReport);
        let changes: [(Change, &str); 9] = [
            (|it| it.wire_bytes = None, "nobody counted"),
            (|it| it.error = Some("broken".into()), "server: broken"),
            (|it| it.offer.clear(), "offer ''"),
            (|it| it.answer.clear(), "answer at the client"),
            (|it| it.messages = 2, "messages at the server: 2, not 1"),
            (|it| it.sha1.clear(), "SHA-1"),
            (|it| it.pongs = vec!["x".into()], "server's pongs"),
            (
                |it| it.close.as_mut().unwrap().reason = "x".into(),
                "Close at the server",
            ),
            (
                |it| it.deflate.as_mut().unwrap().client_max_window_bits = 9,
                "what the server holds for agreed",
            ),
        ];
        for (change, what) in changes {
            let mut server = server();
            change(&mut server);
            let found = differences(&client(), &server);
            assert!(found.contains(what), "{what}: {found}");
        }
    }

    #[test]
    fn what_is_not_compressed_where_it_should_be_or_the_other_way_round_is_found() {
        let found = |case: &Case, wire_bytes: usize| {
            let (mut findings, mut judge) = (Findings(Vec::new()), Judge::default());
            let sent = judge.sent(&case.client.steps);
            findings.compression(case, &sent, Some(wire_bytes));
            findings.0.join("\n")
        };
        let steps = vec![echo(Kind::Text, Payload::Window)];
        let plain = Case::echo(Feature::Messages, "a".into(), steps);
        let compressed = plain.clone().compressed(OFFER, CHOICE);
        let bytes = Payload::Window.bytes().len();
        assert_eq!(found(&plain, bytes + 200), "");
        assert!(found(&plain, bytes - 1).contains("uncompressed"));
        assert_eq!(found(&compressed, bytes / 2), "");
        assert!(found(&compressed, bytes).contains("compressed ones"));
    }

    #[test]
    fn silence_is_a_difference() {
        let mut judge = Judge::default();
        let found = judge.differences(&case(), None, None).join("\n");
        assert!(found.contains("client reported nothing"), "{found}");
        let found = judge.differences(&case(), Some(&client()), Some(None));
        assert_eq!(found, ["the server reported nothing"]);
    }

    #[test]
    fn lines_are_messages_of_their_own() {
        let mut judge = Judge::default();
        let sent = judge.sent(&[echo_lines(Payload::Lines), Step::AwaitClose]);
        assert_eq!(sent.messages, LINES);
    }
}
