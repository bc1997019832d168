use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Room {
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
}

impl Room {
    async fn enter(url: &str) -> Result<Self, Error> {
        let (socket, _response) = connect_async(url).await?;
        let (sink, stream) = socket.split();
        Ok(Self { sink, stream })
    }

    async fn say(&mut self, lines: &[&str]) -> Result<(), Error> {
        for line in lines {
            self.sink.feed(Message::text(*line)).await?;
        }
        self.sink.flush().await
    }

    async fn hear(&mut self) -> Result<Option<String>, Error> {
        while let Some(message) = self.stream.next().await {
            match message? {
                Message::Text(text) => return Ok(Some(text.to_string())),
                Message::Close(_) => break,
                _ => {}
            }
        }
        Ok(None)
    }

    async fn leave(mut self) -> Result<(), Error> {
        self.sink.send(Message::Close(None)).await?;
        while self.hear().await?.is_some() {}
        Ok(())
    }
}
