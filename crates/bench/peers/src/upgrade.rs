//! The opening handshake through hyper, for libraries that document it so.

use std::error::Error;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Answers the first request with what `upgrade` makes of it, and returns the future that stands
/// beside the answer: that of the upgraded connection.
///
/// The task stays the same: nothing is spawned for what comes after the upgrade.
///
/// # Errors
/// The connection ends before it is upgraded, or its request is none for an upgrade.
pub async fn upgraded<F, E>(
    stream: TcpStream,
    upgrade: impl Fn(&mut Request<Incoming>) -> Result<(Response<Empty<Bytes>>, F), E>,
) -> Result<F, Box<dyn Error + Send + Sync>>
where
    E: Error + Send + Sync + 'static,
{
    let (found, mut result) = oneshot::channel();
    let found = Mutex::new(Some(found));
    let answer = |mut request: Request<Incoming>| {
        let outcome = upgrade(&mut request).map(|(response, future)| {
            if let Some(found) = found.lock().ok().and_then(|mut found| found.take()) {
                // The other end is a local variable below.
                let _ = found.send(future);
            }
            response
        });
        async { outcome }
    };
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .with_upgrades()
        .await?;
    Ok(result.try_recv()?)
}
