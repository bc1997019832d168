//! The limits of README's "Limits and defaults", each with nothing set, under a `Server` whose
//! client takes its time. Time is tokio's, moved by half seconds.
//!
//! Most are modules here; the others name their test, or their module in `src`. `cargo xtask rfc`
//! sees to it that each row has its tests.
//!
//! ## The tests of each row
//!
//! | row | tests |
//! |---|---|
//! | opening handshake, from the first byte to the 101 | `opening::a_request_that_trickles_has_ten_seconds`, `opening::a_tls_handshake_that_trickles_has_ten_seconds`, `opening::a_decision_about_a_request_has_what_is_left_of_the_ten_seconds`, `answers::an_answer_that_trickles_has_ten_seconds` |
//! | head of a request | `opening::a_head_has_16_kib_and_100_lines_of_8_kib` |
//! | head of an answer | `answers::a_head_has_64_kib_and_256_lines_of_16_kib` |
//! | a refusal or a page, no byte taken | `opening::a_client_that_takes_no_byte_of_a_page_has_five_seconds`, `opening::a_refused_client_that_trickles_has_five_seconds`, `handshake::slow::an_answer_goes_on_where_the_stream_takes_much_at_once_and_then_nothing_for_long` |
//! | a refusal or a page, less than 1 KiB/s | `handshake::slow::an_answer_ends_for_a_client_that_is_too_slow_and_not_for_its_length` |
//! | body kept of a refused handshake | `handshake::answer::an_answer_in_plain_http_is_handed_over` |
//! | `Origin` of a browser | `opening::a_browser_connects_from_the_servers_own_origin_alone` |
//! | a message received, after reassembly and inflation | `sizes::a_message_of_16_mib_is_received_and_a_byte_more_is_1009`, `sizes::fragments_that_come_slowly_are_counted_together` |
//! | compression | `sizes::compression_is_off_until_asked_for_and_then_begins_at_256_bytes` |
//! | write queue: takes no more messages above | `sizes::the_write_queue_takes_no_more_messages_above_64_kib` |
//! | pongs waiting to be written | `resources::pings::a_server_holds_little_for_a_ping_flood_and_answers_the_newest` |
//! | closing handshake | `closing::a_client_that_trickles_after_its_close_has_five_seconds`, `closing::a_client_that_trickles_after_its_violation_has_five_seconds`, `closing::a_client_that_is_silent_after_its_close_or_violation_has_one_second` |
//! | keepalive | `waiting::a_silent_client_is_pinged_after_20_seconds_and_has_20_more` |
//! | a frame or a blocked write without a single byte | `waiting::a_frame_without_another_byte_has_30_seconds`, `waiting::a_write_without_another_byte_has_30_seconds_whatever_the_client_sends` |
//! | a connection without messages | `waiting::a_client_that_answers_pings_at_the_last_moment_is_never_closed_for_saying_nothing` |
//! | an address that does not answer | `client::dial::happy_eyeballs::a_dead_address_costs_a_quarter_of_a_second_and_a_refusing_one_nothing` |
//! | queue of a connection's senders | `sizes::the_queue_of_senders_takes_64_kib_with_64_for_each_message`, `sizes::a_send_into_a_full_queue_has_30_seconds_though_the_client_takes_single_bytes` |
//! | a hub's member whose queue is full | `hub::a_member_whose_handler_sleeps_has_100_ms_for_its_turn_once` |
//! | a slow member, by `SlowPolicy::Close` | `hub::a_member_that_takes_single_bytes_is_closed_once_it_has_1_mib_more_than_fits`, `hub::a_member_that_takes_single_bytes_is_closed_once_it_has_more_than_fits_for_5_s` |
//! | a wait for room, by `SlowPolicy::Wait` | `hub::a_member_that_takes_single_bytes_has_5_s_to_make_room_where_that_is_waited_for` |
//! | clients of a `Server` | `sizes::clients_of_a_server_have_no_limit` |
//! | events of a `Server` that wait to be read | `sizes::events_that_wait_to_be_read_are_256`, `sizes::messages_that_wait_as_events_have_16_mib_in_all` |
//! | another attempt of a reconnecting client | `reconnect::delays::each_failure_in_a_row_doubles_the_delay_and_it_is_waited`, `reconnect::delays::the_first_delay_and_those_after_it_are_random_unless_told_otherwise` |
//! | redirects | `hostile::redirects::no_redirect_is_followed_by_default` |
//! | `TCP_NODELAY` | `client::dial::opened_sockets_send_small_messages_at_once`, `stream::server::accepted_sockets_send_small_messages_at_once` |

mod answers;
mod closing;
mod hub;
mod opening;
mod sizes;
mod slow;
mod waiting;

use http::Request;
use slow::{Client, Clock};
use socket_flow::{Error, ServerHandle, ServerStream, WebSocket};

pub(crate) type Ws = WebSocket<ServerStream>;

/// A Close with 1000, masked with zeros.
pub(crate) const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

/// A binary frame of 125 bytes, without any of them.
pub(crate) const HALF_A_FRAME: &[u8] = b"\x82\xfd\0\0\0\0";

/// More than the kernel takes for a client that does not read.
pub(crate) fn flood() -> Vec<u8> {
    vec![7; 64 << 20]
}

/// The server of README.
pub(crate) async fn echo(mut ws: Ws, _request: Request<()>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}

/// What a server answers to a request.
pub(crate) async fn answer(server: &ServerHandle, request: &str, clock: &Clock) -> String {
    let mut client = Client::connect(server, clock).await;
    client.send(request);
    clock.settle().await;
    String::from_utf8(client.received()).unwrap()
}
