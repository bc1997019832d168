//! Both halves of the core, joined, without a driver.

use bytes::Buf;
use socket_flow_protocol::{CloseCode, Closing, Config, Event, Input, Negotiated, Role};

use crate::support::{closed, frame, noise, protocol, text};

#[test]
fn the_joined_halves_do_what_each_of_them_does() {
    let mut client = protocol(Role::Client, &Config::new(), Negotiated::default());
    let mut server = protocol(Role::Server, &Config::new(), Negotiated::default());
    client.queue_part("one, ").unwrap();
    client.queue_last_part("two").unwrap();
    client.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(client.closing(), Closing::Sent);

    let mut input = Input::from(client.output().chunk());
    assert_eq!(server.receive(&mut input), Ok(Some(text("one, two"))));
    assert_eq!(server.receive(&mut input), Ok(Some(closed(1000, "bye"))));
    assert_eq!(server.receive(&mut input), Ok(None));
    assert_eq!(server.close_frame().unwrap().reason, "bye");
    assert_eq!(server.outgoing().closing(), Closing::Done);
    assert_eq!(server.receive_eof(), Ok(()));

    // Not masked.
    let mut server = protocol(Role::Server, &Config::new(), Negotiated::default());
    assert!(server.receive(&mut Input::from(&b"\x81\x00"[..])).is_err());
    assert_eq!(server.output().chunk()[..2], *b"\x88\x16");
}

#[test]
fn a_message_is_put_together_in_the_memory_of_the_one_lent_before() {
    let mut server = protocol(Role::Server, &Config::new(), Negotiated::default());
    let (first, second) = (noise(20_000), noise(30_000));
    let mut input = Input::new();
    for message in [&first, &second] {
        let (begin, end) = message.split_at(message.len() / 2);
        input.extend_from_slice(&frame(Role::Server, 0x02, begin));
        input.extend_from_slice(&frame(Role::Server, 0x80, end));
    }
    for message in [&first, &second] {
        let found = server.step(&mut input).unwrap().unwrap();
        let lent = server.lend_message(found, &input).unwrap();
        assert_eq!(lent.as_bytes(), &message[..]);
    }
    assert!(matches!(server.receive(&mut input), Ok(None::<Event>)));
}
