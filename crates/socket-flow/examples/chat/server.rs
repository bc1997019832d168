//! The server: the page, and the connections of those who have it open.

use std::io;
use std::sync::Arc;

use http::Request;
use socket_flow::{Config, Deflate, Error, Server, ServerHandle, ServerStream, WebSocket};
use tokio::net::TcpListener;

use crate::chat::{Chat, Visitor};
use crate::page;

/// Where the page's WebSocket is.
pub(crate) const PATH: &str = "/socket";

/// How many may be connected at once; others get 503, and try again.
const CONNECTIONS: usize = 1000;

/// The largest message taken from a page, in bytes: several times what the rules allow.
const MESSAGE: usize = 16 * 1024;

/// How far a page may fall behind, in bytes: more than the last messages of a room, which it is
/// given when it joins.
const BEHIND: usize = 256 * 1024;

/// A chat line is short, and like the one before: worth compressing all the same.
const COMPRESSED_FROM: usize = 64;

/// Starts it. Pages of other origins are refused, as by default; on loopback so are those of sites
/// whose name leads there.
pub(crate) async fn start(addr: String) -> io::Result<ServerHandle> {
    let chat = Arc::new(Chat::new());
    let listener = TcpListener::bind(addr).await?;
    let is_local = listener.local_addr()?.ip().is_loopback();
    let mut server = Server::with_listener(listener);
    if is_local {
        server = server.hosts_local();
    }
    server
        .paths([PATH])
        .respond(page::respond)
        .deflate(Deflate::balanced().threshold(COMPRESSED_FROM))
        .config(Config::new().max_message(MESSAGE).high_water(BEHIND))
        .max_connections(CONNECTIONS)
        .serve_with(move |ws, _request: Request<()>| converse(Arc::clone(&chat), ws))
        .await
}

/// Serves one page until it is closed.
async fn converse(chat: Arc<Chat>, mut page: WebSocket<ServerStream>) -> Result<(), Error> {
    let mut visitor = chat.visitor(&mut page).await;
    let ended = talk(&mut visitor, &mut page).await;
    visitor.leave().await;
    ended
}

async fn talk(visitor: &mut Visitor, page: &mut WebSocket<ServerStream>) -> Result<(), Error> {
    while let Some(message) = page.recv().await? {
        if let Some(reply) = visitor.receive(page, message.as_text()).await {
            page.queue(reply.to_json())?;
        }
    }
    Ok(())
}
