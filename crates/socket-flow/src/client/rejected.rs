use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use socket_flow_handshake::header::HeaderNames;

/// A server's answer in plain HTTP instead of a 101: a redirect, a 401, a 503 with `Retry-After`.
///
/// `Debug` shows the status, the names of the headers and the length of the body: values may be
/// credentials.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use socket_flow::ConnectError;
///
/// # let server = socket_flow::Server::bind("127.0.0.1:0").paths(["/chat"]).serve().await?;
/// # let url = format!("ws://{}/talk", server.0.local_addr()?);
/// match socket_flow::connect(&url).await {
///     Ok((ws, _response)) => drop(ws),
///     Err(ConnectError::Rejected(rejected)) => {
///         println!("{}: {:?}", rejected.status(), rejected.body());
///         # assert_eq!(rejected.status(), 404);
///     }
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Rejected {
    response: Response<Bytes>,
    truncated: bool,
}

impl Rejected {
    pub(crate) fn new(response: Response<Bytes>, truncated: bool) -> Self {
        Self {
            response,
            truncated,
        }
    }

    /// The status, never 101.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The body without its transfer coding, or the start of it; at most 64 KiB.
    pub fn body(&self) -> &Bytes {
        self.response.body()
    }

    /// Whether the body goes on behind what is here: it was over 64 KiB, or the server stopped
    /// in the middle of it.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The whole answer.
    pub fn into_response(self) -> Response<Bytes> {
        self.response
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("status", &self.status())
            .field("headers", &HeaderNames::new(self.headers()))
            .field("body_len", &self.body().len())
            .field("truncated", &self.truncated)
            .finish()
    }
}
