//! Both sides come to the same values, whatever is offered and chosen; and whatever a peer
//! writes, no value leaves its bounds.

use proptest::prelude::*;
use socket_flow_handshake::DeflateParams;
use socket_flow_handshake::client::{Offer, verify};
use socket_flow_handshake::deflate::{ClientWindow, DeflateOffer};
use socket_flow_handshake::server::{Choices, accept};

use super::support::{NAME, answered, ask, choose, key};

/// A demand or announcement of a client, as plain values.
#[derive(Clone, Copy, Debug)]
struct Wish {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: ClientWindow,
}

impl Wish {
    fn offer(self) -> DeflateOffer {
        let offer = DeflateOffer::default()
            .server_no_context_takeover(self.server_no_context_takeover)
            .client_no_context_takeover(self.client_no_context_takeover)
            .client_max_window_bits(self.client_max_window_bits)
            .unwrap();
        match self.server_max_window_bits {
            None => offer,
            Some(bits) => offer.server_max_window_bits(bits).unwrap(),
        }
    }

    /// What holds of every agreement with this client, whoever the server is.
    fn is_met_by(self, agreed: DeflateParams) -> bool {
        let client_bits = match self.client_max_window_bits {
            ClientWindow::Absent => 15..=15,
            ClientWindow::Any => 8..=15,
            ClientWindow::Bits(bits) => 8..=bits,
        };
        (agreed.server_no_context_takeover || !self.server_no_context_takeover)
            && (agreed.client_no_context_takeover || !self.client_no_context_takeover)
            && (8..=self.server_max_window_bits.unwrap_or(15))
                .contains(&agreed.server_max_window_bits)
            && client_bits.contains(&agreed.client_max_window_bits)
    }
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let window = prop_oneof![
        Just(ClientWindow::Absent),
        Just(ClientWindow::Any),
        (8..=15u8).prop_map(ClientWindow::Bits),
    ];
    (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(8..=15u8),
        window,
    )
        .prop_map(|(server, client, bits, window)| Wish {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: bits,
            client_max_window_bits: window,
        })
}

/// What a server would like.
fn any_will() -> impl Strategy<Value = DeflateParams> {
    let will = (any::<bool>(), any::<bool>(), 8..=15u8, 8..=15u8);
    will.prop_map(|(server, client, server_bits, client_bits)| DeflateParams {
        server_no_context_takeover: server,
        client_no_context_takeover: client,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    })
}

/// Parameters that are nearly right, good ones among them.
fn hostile_params() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("server_no_context_takeover"),
        Just("client_no_context_takeover"),
        Just("server_max_window_bits"),
        Just("client_max_window_bits"),
        Just("x"),
    ];
    let value = prop_oneof![
        3 => Just(String::new()),
        4 => (0..=18u8).prop_map(|bits| format!("={bits}")),
        1 => (0..=18u8).prop_map(|bits| format!("=\"{bits}\"")),
        1 => "=[0-9a-z\"]{0,4}",
    ];
    let param = (name, value).prop_map(|(name, value)| format!("; {name}{value}"));
    proptest::collection::vec(param, 0..4).prop_map(|params| params.concat())
}

proptest! {
    /// RFC 6455 §9; RFC 7692 §5.
    #[test]
    fn both_sides_agree_on_the_same(wish in any_wish(), will in any_will()) {
        let offer = Offer::default().deflate(wish.offer());
        let choices = Choices::default().deflate(will);
        let (response, at_server) = accept(&ask(&offer), &choices).unwrap();
        let (at_client, _) = verify(&response, &offer, &key()).unwrap();
        prop_assert_eq!(&at_client, &at_server);

        let agreed = at_client.deflate().unwrap();
        prop_assert!(wish.is_met_by(agreed));
        prop_assert!(agreed.server_no_context_takeover || !will.server_no_context_takeover);
        prop_assert!(agreed.client_no_context_takeover || !will.client_no_context_takeover);
        prop_assert!(agreed.server_max_window_bits <= will.server_max_window_bits);
        let limited = wish.client_max_window_bits != ClientWindow::Absent;
        prop_assert!(agreed.client_max_window_bits <= will.client_max_window_bits || !limited);
    }

    #[test]
    fn no_answer_takes_a_client_beyond_what_it_offered(
        wish in any_wish(),
        params in hostile_params(),
    ) {
        let offer = Offer::default().deflate(wish.offer());
        if let Ok(negotiated) = answered(&offer, &[&format!("{NAME}{params}")]) {
            prop_assert!(wish.is_met_by(negotiated.deflate().unwrap()));
        }
    }

    /// RFC 6455 §4.2.2; RFC 7692 §7.1.2.2.
    #[test]
    fn no_offer_gets_an_answer_it_does_not_allow(
        offers in proptest::collection::vec(hostile_params(), 1..4),
        will in any_will(),
    ) {
        let headers: Vec<_> = offers.iter().map(|params| format!("{NAME}{params}")).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let joined = headers.join(", ");
        let chosen = choose(&headers, will);
        // Only the error may differ: a quote that is not closed ends with its header.
        let together = choose(&[&joined], will);
        prop_assert_eq!(chosen.as_ref().ok(), together.as_ref().ok());
        let Ok(chosen) = chosen else {
            return Ok(());
        };
        let alone = |header: &&str| choose(&[header], will).unwrap();
        let first = headers.iter().find_map(|header| Some(*header).zip(alone(header)));
        prop_assert_eq!(&chosen, &first.clone().map(|(_, chosen)| chosen));
        if let Some((offer, (answer, agreed))) = first {
            prop_assert!((8..=15).contains(&agreed.server_max_window_bits));
            prop_assert!((8..=15).contains(&agreed.client_max_window_bits));
            let name = "client_max_window_bits";
            prop_assert!(offer.contains(name) || !answer.contains(name));
            for demand in ["server_no_context_takeover", "server_max_window_bits"] {
                prop_assert!(answer.contains(demand) || !offer.contains(demand));
            }
        }
    }
}
