use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use socket_flow::{ClientStream, ConnectError, Error, Message, WebSocket, connect};

type Socket = WebSocket<ClientStream>;

struct Room {
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
}

impl Room {
    async fn enter(url: &str) -> Result<Self, ConnectError> {
        let (socket, _response) = connect(url).await?;
        let (sink, stream) = socket.split();
        Ok(Self { sink, stream })
    }

    async fn say(&mut self, lines: &[&str]) -> Result<(), Error> {
        for line in lines {
            self.sink.feed(Message::from(*line)).await?;
        }
        self.sink.flush().await
    }

    async fn hear(&mut self) -> Result<Option<String>, Error> {
        while let Some(message) = self.stream.next().await {
            match message? {
                Message::Text(text) => return Ok(Some(text.to_string())),
                Message::Binary(_) => {}
            }
        }
        Ok(None)
    }

    async fn leave(mut self) -> Result<(), Error> {
        self.sink.close().await?;
        while self.hear().await?.is_some() {}
        Ok(())
    }
}
