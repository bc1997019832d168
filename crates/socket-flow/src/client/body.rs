//! The body of an answer that is not 101, within bounds of size and time.

use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use http::Response;
use socket_flow_handshake::body::BodyDecoder;
use tokio::io::AsyncRead;

use crate::client::rejected::Rejected;
use crate::deadline::Deadline;
use crate::head_io::{READ_STEP, read_more};

/// Reads what comes of the body until its end, its limit, or the deadline. It does not fail: the
/// status is what matters, and half a page of explanation is better than none.
pub(crate) async fn read_body<S>(
    io: &mut S,
    response: Response<()>,
    mut unread: BytesMut,
    deadline: Deadline,
) -> Rejected
where
    S: AsyncRead + Unpin,
{
    let mut body = BodyDecoder::new(&response, MAX_BODY);
    while !body.decode(&unread) {
        unread.clear();
        unread.reserve(READ_STEP);
        let by = match body.is_until_end() {
            true => deadline.or(Deadline::after(SILENCE)),
            false => deadline,
        };
        match by.run(pin!(read_more(io, &mut unread))).await {
            Some(Ok(1..)) => {}
            Some(Ok(0)) => {
                body.end();
                break;
            }
            Some(Err(_)) | None => break,
        }
    }
    let truncated = !body.is_complete();
    Rejected::new(response.map(|()| body.into_body()), truncated)
}

/// What is kept of a body.
const MAX_BODY: usize = 64 * 1024;

/// A server that neither announces the length of its body nor closes the connection after it is
/// not waited for longer than this after each of its bytes.
const SILENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod second_opinion;
