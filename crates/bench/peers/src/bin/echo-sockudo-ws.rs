//! Echo on sockudo-ws: its simple example, or the loop its documentation gives for batches, in
//! which reading on flushes.

use std::fmt::Display;
use std::process::ExitCode;

use bytes::BytesMut;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use socket_flow_bench::MAX_MESSAGE;
use socket_flow_bench::server::{self, Feature, Outcome, Takeover};
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{CompressedWebSocketStream, Config, DeflateConfig, Http1, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() -> ExitCode {
    server::run(&[Feature::Batch, Feature::Deflate], |options| {
        let (batched, deflate) = (options.batch, options.deflate);
        let config = Config::builder()
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .build();
        let server = WebSocketServer::<Http1>::new(config.clone());
        move |stream| {
            let (server, config) = (server.clone(), config.clone());
            async move {
                match deflate {
                    None => echo(server.accept_raw(stream).await?.0, batched).await,
                    Some(takeover) => {
                        echo(compressed(stream, config, takeover).await?, batched).await
                    }
                }
            }
        }
    })
}

/// The handshake its documentation shows for compression, which its server leaves out.
async fn compressed(
    mut stream: TcpStream,
    config: Config,
    takeover: Takeover,
) -> Result<CompressedWebSocketStream<TcpStream>, Box<dyn std::error::Error + Send + Sync>> {
    let policy = DeflateConfig {
        // The level every server of the benchmark compresses with.
        compression_level: 1,
        server_no_context_takeover: takeover == Takeover::None,
        client_no_context_takeover: takeover == Takeover::None,
        ..DeflateConfig::default()
    };
    let mut head = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err("no complete request arrived".into());
        }
        let Some((request, _)) = parse_request(&head)? else {
            continue;
        };
        let offers = request.extensions.unwrap_or_default();
        let agreed = negotiate_server_deflate(offers, &policy).ok_or("no offer of deflate")?;
        let key = generate_accept_key(request.key);
        let answer = build_response(&key, None, Some(&agreed.to_response_header()));
        stream.write_all(&answer).await?;
        return Ok(CompressedWebSocketStream::server(
            stream,
            config,
            agreed.config,
        ));
    }
}

async fn echo<S, E>(mut ws: S, batched: bool) -> Outcome
where
    S: Stream<Item = Result<Message, E>> + Sink<Message, Error = E> + Unpin,
    E: Display,
{
    while let Some(message) = ws.next().await {
        match message.map_err(|error| error.to_string())? {
            message @ (Message::Text(_) | Message::Binary(_)) => match batched {
                false => ws.send(message).await,
                true => ws.feed(message).await,
            }
            .map_err(|error| error.to_string())?,
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}
