mod answer;
mod attempt;
mod body;
mod builder;
mod dial;
mod error;
mod opening;
mod proxy;
mod reconnect;
mod redirect;
mod rejected;
#[cfg(feature = "rustls")]
mod secure;
mod stage;
mod transport;
mod user_agent;

use http::Response;
use socket_flow_connection::WebSocket;

use crate::stream::ClientStream;

pub use builder::ClientBuilder;
pub use dial::DialError;
pub use error::ConnectError;
pub use proxy::{InvalidProxyUrl, Proxy, ProxyError, SocksReply};
pub use reconnect::{Backoff, DisconnectCause, ReconnectEvent, Reconnecting, Retry};
pub use redirect::RedirectError;
pub use rejected::Rejected;
pub use stage::ConnectStage;

/// Connects to a `ws://` or `wss://` URL with default settings; for anything else there is [`ClientBuilder`].
///
/// Returns the open connection and the server's 101, whose headers may say more. A user and
/// password in the URL are sent as Basic authentication (RFC 7617). What a path or a query cannot
/// hold is percent-encoded.
///
/// `wss://` is encrypted by rustls, and the server must show a certificate that the platform
/// trusts. In a build without the feature `rustls` it is refused with
/// [`ConnectError::TlsUnavailable`] before anything is sent; it is never tried in plaintext.
///
/// # Errors
/// [`ConnectError`], one variant per cause. It takes 10 s at most.
///
/// # Cancel safety
/// Dropping the future closes the socket; nothing goes on in the background.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = socket_flow::Listener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}/chat", listener.local_addr()?);
/// # tokio::spawn(async move {
/// #     let (stream, _) = listener.accept().await;
/// #     let mut ws = socket_flow::accept(stream).await.unwrap();
/// #     while let Some(message) = ws.recv().await.unwrap() { ws.queue(message).unwrap(); }
/// # });
/// let (mut ws, _response) = socket_flow::connect(&url).await?;
/// ws.send("hello").await?;
/// let reply = ws.recv().await?.ok_or("closed before it replied")?;
/// assert_eq!(reply.as_text(), Some("hello"));
/// ws.close(socket_flow::CloseCode::NORMAL, "bye").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(
    url: impl AsRef<str>,
) -> Result<(WebSocket<ClientStream>, Response<()>), ConnectError> {
    ClientBuilder::new(url).connect().await
}
