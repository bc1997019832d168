mod acceptor;
mod budget_error;
mod builder;
mod contexts;
mod control;
mod ended;
mod error;
mod event;
mod event_memory;
mod event_session;
mod event_stream;
mod handle;
mod head_memory;
mod listener;
mod listening;
mod opening;
mod paced;
mod peer_addr;
mod pending;
mod refuse;
mod reply_room;
mod request;
mod serving;
mod session;
mod upgrade;

use std::sync::LazyLock;

use socket_flow_connection::WebSocket;
use tokio::io::{AsyncRead, AsyncWrite};

pub use acceptor::Acceptor;
pub use budget_error::BudgetError;
pub use builder::{Server, ServerBuilder};
pub use error::AcceptError;
pub use event::{ConnectionId, ServerEvent};
pub use event_stream::Events;
pub use handle::{ServerHandle, ShutdownOutcome};
pub use listener::Listener;
pub use peer_addr::PeerAddr;
pub use pending::Pending;
pub use session::HandlerResult;
pub use upgrade::Upgrade;

/// Accepts a WebSocket on an open stream with default settings; for anything else there is
/// [`Acceptor`].
///
/// The stream may be a [`ServerStream`](crate::ServerStream) from a [`Listener`], a tokio
/// `TcpStream`, a TLS stream or anything else that reads and writes. Any path is accepted, no
/// subprotocol is picked, and a browser may connect from the server's own origin only.
///
/// The connection's `tracing` span cannot know the peer of any stream; tell it with
/// `ws.span().record("peer", ..)`.
///
/// # Errors
/// [`AcceptError`], one variant per cause. An invalid request has been answered with its status
/// by then, see [`Acceptor::read`]. It takes 10 s at most; a refusal is written as fast as the client takes it, and takes 5 s
/// more where that takes nothing.
///
/// # Cancel safety
/// Dropping the future drops the stream with it, which closes it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}", listener.local_addr()?);
/// # let client = tokio::spawn(async move {
/// #     let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
/// #     ws.close(socket_flow::CloseCode::NORMAL, "").await.unwrap();
/// # });
/// let (stream, _peer) = listener.accept().await?;
/// let mut ws = socket_flow::accept(stream).await?;
/// while let Some(message) = ws.recv().await? {
///     ws.queue(message)?;
/// }
/// # client.await?;
/// # Ok(())
/// # }
/// ```
pub async fn accept<S>(stream: S) -> Result<WebSocket<S>, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    static DEFAULT: LazyLock<Acceptor> = LazyLock::new(Acceptor::new);
    DEFAULT.accept(stream).await
}
