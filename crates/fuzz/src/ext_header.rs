//! F6: `Sec-WebSocket-Extensions`, and what is agreed on with it.

use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};
use http::{Request, Response};
use socket_flow_handshake::DeflateParams;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::deflate::{ClientWindow, DeflateOffer};
use socket_flow_handshake::extension;
use socket_flow_handshake::key::Key;
use socket_flow_handshake::server::{self, Choices};

use crate::checker::{self, Extension};
use crate::source::Source;

/// The header is read as another reader reads it, and what was read is printed so that it reads
/// the same again. As an offer it gets an answer that RFC 7692 allows, and as an answer to ours it
/// is taken if RFC 7692 allows it; both ends then hold the same parameters.
pub(crate) fn ext_header(data: &[u8]) {
    let mut source = Source::new(data);
    let flags = source.byte();
    let (server_bits, client_bits) = (8 + source.byte() % 8, 8 + source.byte() % 8);
    let rest = source.rest();
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in rest.split(|byte| *byte == b'\n').take(20) {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            continue;
        };
        values.push(line);
        headers.append(SEC_WEBSOCKET_EXTENSIONS, value);
    }

    let list = extension::parse(&headers);
    let reference = checker::extensions(&values);
    assert_eq!(list.is_ok(), reference.is_some(), "{list:?}");
    let (Ok(list), Some(reference)) = (list, reference) else {
        return;
    };
    let plain = |extension: &extension::Extension| Extension {
        name: extension.name().into(),
        params: extension
            .params()
            .iter()
            .map(|param| (param.name().into(), param.value().map(Into::into)))
            .collect(),
    };
    assert_eq!(list.iter().map(plain).collect::<Vec<_>>(), reference);
    let mut again = HeaderMap::new();
    if let Some(value) = extension::encode(&list) {
        again.insert(SEC_WEBSOCKET_EXTENSIONS, value);
    }
    assert_eq!(extension::parse(&again), Ok(list.clone()));

    let wished = DeflateParams {
        server_no_context_takeover: flags & 1 != 0,
        client_no_context_takeover: flags & 2 != 0,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    };
    answered(&headers, wished, &reference);

    let window = match flags >> 4 & 3 {
        0 => ClientWindow::Absent,
        1 => ClientWindow::Any,
        _ => ClientWindow::Bits(client_bits),
    };
    let mut offer = DeflateOffer::default()
        .server_no_context_takeover(flags & 1 != 0)
        .client_no_context_takeover(flags & 2 != 0)
        .client_max_window_bits(window)
        .expect("bits from 8 to 15");
    if flags & 4 != 0 {
        offer = offer.server_max_window_bits(server_bits).expect("likewise");
    }
    let ours = Parameters {
        server_alone: flags & 1 != 0,
        client_alone: flags & 2 != 0,
        server_bits: (flags & 4 != 0).then_some(server_bits),
        client_bits: match window {
            ClientWindow::Absent => None,
            ClientWindow::Any => Some(None),
            ClientWindow::Bits(bits) => Some(Some(bits)),
        },
    };
    let expected = match &reference[..] {
        [] => Some(None),
        [one] if one.name == NAME => Parameters::read(one)
            .filter(|answer| answer.answers(&ours))
            .map(|answer| Some(answer.agreed(&ours))),
        _ => None,
    };
    assert_eq!(verified(&headers, offer), expected);
}

/// The header as an offer: the server's answer and what it holds are what the RFC allows.
fn answered(headers: &HeaderMap, wished: DeflateParams, reference: &[Extension]) {
    let mut request = Request::get("/")
        .header("host", "a")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13")
        .body(())
        .expect("a request");
    request.headers_mut().extend(headers.clone());
    let choices = Choices::default().deflate(wished);
    let (response, negotiated) = server::accept(&request, &choices).expect("a well-formed list");
    let offers = reference.iter().filter(|extension| extension.name == NAME);
    let offer = offers.filter_map(Parameters::read).next();
    let answer = response.headers().get(SEC_WEBSOCKET_EXTENSIONS);
    assert_eq!(negotiated.deflate().is_some(), offer.is_some());
    assert_eq!(answer.is_some(), offer.is_some());
    let (Some(answer), Some(offer)) = (answer, offer) else {
        return;
    };
    let answer = checker::extensions(&[answer.as_bytes()]).expect("a list");
    let [answer] = &answer[..] else {
        panic!("one extension is answered with one");
    };
    let answer = Parameters::read(answer).expect("valid parameters");
    assert!(answer.answers(&offer));
    assert_eq!(negotiated.deflate(), Some(answer.agreed(&offer)));
}

/// The header as an answer: what is agreed on, if it is taken.
fn verified(headers: &HeaderMap, offer: DeflateOffer) -> Option<Option<DeflateParams>> {
    let key = Key::new([7; 16]);
    let mut response = Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-accept", key.accept().as_str())
        .body(())
        .expect("a response");
    response.headers_mut().extend(headers.clone());
    let offer = Offer::default().deflate(offer);
    let (negotiated, _) = client::verify(&response, &offer, &key).ok()?;
    Some(negotiated.deflate())
}

/// RFC 7692 §7.1, written once more.
#[derive(Debug)]
struct Parameters {
    server_alone: bool,
    client_alone: bool,
    server_bits: Option<u8>,
    /// Whether it stands there, and its value.
    client_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None` for what must be declined: unknown, repeated or invalid parameters.
    fn read(extension: &Extension) -> Option<Self> {
        let mut names: Vec<_> = extension.params.iter().map(|param| &param.0).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return None;
        }
        let mut parameters = Self {
            server_alone: false,
            client_alone: false,
            server_bits: None,
            client_bits: None,
        };
        for (name, value) in &extension.params {
            let bits = || {
                let all = ["8", "9", "10", "11", "12", "13", "14", "15"];
                let at = all
                    .iter()
                    .position(|text| Some(*text) == value.as_deref())?;
                Some(8 + at as u8)
            };
            match (&name[..], value) {
                ("server_no_context_takeover", None) => parameters.server_alone = true,
                ("client_no_context_takeover", None) => parameters.client_alone = true,
                ("server_max_window_bits", Some(_)) => parameters.server_bits = Some(bits()?),
                ("client_max_window_bits", None) => parameters.client_bits = Some(None),
                ("client_max_window_bits", Some(_)) => parameters.client_bits = Some(Some(bits()?)),
                _ => return None,
            }
        }
        Some(parameters)
    }

    fn answers(&self, offer: &Self) -> bool {
        let alone = self.server_alone || !offer.server_alone;
        let server = match (offer.server_bits, self.server_bits) {
            (Some(offered), bits) => bits.is_some_and(|bits| bits <= offered),
            (None, _) => true,
        };
        let client = match (offer.client_bits, self.client_bits) {
            (_, None) => true,
            (None, Some(_)) | (_, Some(None)) => false,
            (Some(offered), Some(Some(bits))) => bits <= offered.unwrap_or(15),
        };
        alone && server && client
    }

    /// What both ends hold of an offer and this answer to it.
    fn agreed(&self, offer: &Self) -> DeflateParams {
        let client_bits = self.client_bits.flatten().or(offer.client_bits.flatten());
        DeflateParams {
            server_no_context_takeover: self.server_alone,
            client_no_context_takeover: self.client_alone || offer.client_alone,
            server_max_window_bits: self.server_bits.unwrap_or(15),
            client_max_window_bits: client_bits.unwrap_or(15),
        }
    }
}

const NAME: &str = "permessage-deflate";
