use std::io;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::header::DATE;
use http::{HeaderValue, Method, Request, StatusCode};
use socket_flow_handshake::head::encode_response;
use socket_flow_handshake::server::{RejectReason, Rejection};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::coop::consume_budget;

use crate::deadline::Deadline;
use crate::head_io::{READ_STEP, read_more, write_head};
use crate::server::error::AcceptError;
use crate::server::paced::Paced;
use crate::server::request::Client;

/// A request that opens no connection, and waits for its answer.
pub(crate) struct Refused<S> {
    pub(crate) client: Client<S>,
    /// The request, where its head could be read.
    pub(crate) request: Option<Request<()>>,
    pub(crate) rejection: Rejection,
}

impl<S> Refused<S> {
    pub(crate) fn new(
        client: Client<S>,
        request: Option<Request<()>>,
        rejection: Rejection,
    ) -> Self {
        Self {
            client,
            request,
            rejection,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Refused<S> {
    /// Answers it, and gives the error for it.
    pub(crate) async fn answer(mut self) -> AcceptError {
        // Why it was refused says more than that the answer did not arrive.
        let _ = self.send().await;
        AcceptError::Rejected(self.rejection)
    }

    /// Writes the answer and ends the stream so that the client can read it.
    ///
    /// Closing a socket with unread bytes in it makes the kernel send a reset, which may overtake the
    /// answer. So the write side is shut down alone, and what the client still sends is read and
    /// thrown away until it closes, falls silent or has had its time. Its amount has no bound: that
    /// would bring back the reset.
    pub(crate) async fn send(&mut self) -> Result<(), AcceptError> {
        let rejection = &self.rejection;
        tracing::debug!(
            status = rejection.status().as_u16(),
            reason = %rejection.reason(),
            "opening handshake refused"
        );
        let mut response = rejection.response();
        if let (Some(date), Ok(entry)) = (
            date(SystemTime::now()),
            response.headers_mut().try_entry(DATE),
        ) {
            entry.or_insert(date);
        }
        let head = encode_response(&response);
        // RFC 9110 §9.3.2: to HEAD the head of what GET would get, and nothing after it.
        let body = match self.request.as_ref().map(Request::method) {
            Some(&Method::HEAD) => Bytes::new(),
            _ => response.into_body(),
        };
        let stream = &mut self.client.stream;
        let mut paced = Paced::new(stream, self.client.pace);
        write_answer(&mut paced, head, body).await?;
        // A short answer is through at once: 5 s in all, as for the end of a connection.
        let deadline = Deadline::since(paced.last(), LINGER);
        deadline
            .run(pin!(stream.shutdown()))
            .await
            .ok_or(AcceptError::Timeout)?
            .map_err(AcceptError::Io)?;
        self.client.buf = BytesMut::new();
        drain(stream, deadline).await;
        Ok(())
    }
}

/// Writes an answer a piece at a time. A stream may keep a piece, as TLS does, and not tell how much
/// of it was taken until all of it was: so each is flushed, and is no larger than what a client gets
/// through in the time it has for a byte.
async fn write_answer<S>(
    stream: &mut Paced<'_, S>,
    head: Bytes,
    mut body: Bytes,
) -> Result<(), AcceptError>
where
    S: AsyncWrite + Unpin,
{
    // A short answer is one write.
    let first = Bytes::from([head, body.split_to(body.len().min(PIECE))].concat());
    for mut part in [first, body] {
        while !part.is_empty() {
            let piece = part.split_to(part.len().min(PIECE));
            match write_head(stream, &piece).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(AcceptError::Timeout);
                }
                Err(error) => return Err(AcceptError::Io(error)),
            }
            consume_budget().await;
        }
    }
    Ok(())
}

/// Ends a stream that was given up, so that what was written last arrives.
pub(crate) async fn linger<S>(mut stream: S, deadline: Deadline)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // It may have been done already, or have failed: then draining ends at once.
    if deadline.run(pin!(stream.shutdown())).await.is_some() {
        drain(&mut stream, deadline).await;
    }
}

/// Reads and throws away until the client closes, falls silent, or the time is up.
async fn drain<S>(stream: &mut S, deadline: Deadline)
where
    S: AsyncRead + Unpin,
{
    let mut buf = BytesMut::with_capacity(READ_STEP);
    loop {
        let silence = deadline.or(Deadline::after(SILENCE));
        let read = silence.run(pin!(read_more(stream, &mut buf))).await;
        match read {
            Some(Ok(1..)) => buf.clear(),
            // Whatever ended it, what was to be said has been sent.
            Some(Ok(0) | Err(_)) | None => return,
        }
        // A flood that never runs dry must keep neither this task from its deadline, nor other
        // tasks from their turn: not every stream says to wait once in a while.
        if deadline.has_passed() {
            return;
        }
        consume_budget().await;
    }
}

/// RFC 9110 §6.6.1: when the answer was given. Nothing where the clock is not one: before 1970, or
/// beyond what a date of HTTP can say.
fn date(now: SystemTime) -> Option<HeaderValue> {
    let since = now.duration_since(UNIX_EPOCH).ok()?;
    (since < YEAR_10000).then_some(())?;
    HeaderValue::try_from(httpdate::fmt_http_date(now)).ok()
}

/// What a client gets for a mistake of the application's: it is not told more.
pub(crate) fn internal_error() -> Rejection {
    RejectReason::Application(StatusCode::INTERNAL_SERVER_ERROR).into()
}

/// The first second of the year 10,000, from 1970 on.
const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);

/// As much as a client may take in 5 s at the least rate, with a margin.
const PIECE: usize = 4 << 10;

/// How long a client may take to end the stream, once it has all of an answer.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

/// How long a client may send nothing before the stream is closed.
const SILENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §6.6.1.
    #[test]
    fn a_clock_that_is_wrong_gives_no_date() {
        let second = Duration::from_secs(1);
        for (now, expected) in [
            (Some(UNIX_EPOCH), Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (
                UNIX_EPOCH.checked_add(YEAR_10000 - second),
                Some("Fri, 31 Dec 9999 23:59:59 GMT"),
            ),
            (UNIX_EPOCH.checked_add(YEAR_10000), None),
            (UNIX_EPOCH.checked_sub(second), None),
        ] {
            // A clock that cannot say so is not wrong that way.
            let Some(now) = now else { continue };
            let got = date(now);
            assert_eq!(got.as_ref().and_then(|value| value.to_str().ok()), expected);
        }
    }
}
