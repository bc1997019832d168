//! Echo on web-socket. It leaves the handshake, the fragments and UTF-8 to the application.

use std::io;
use std::process::ExitCode;

use socket_flow_bench::{MAX_MESSAGE, handshake, server};
use tokio::io::BufReader;
use web_socket::{DataType, Event, Frame, MessageType, WebSocket};

fn main() -> ExitCode {
    server::run(&[], |_| {
        |mut stream| async move {
            handshake::accept(&mut stream).await?;
            let mut ws = WebSocket::server(BufReader::new(stream));
            ws.max_payload_len = MAX_MESSAGE;
            loop {
                match ws.recv_event().await? {
                    Event::Data { ty, data } => {
                        let DataType::Complete(ty) = ty else {
                            return Err("the load generator sends no fragments".into());
                        };
                        if ty == MessageType::Text {
                            std::str::from_utf8(&data).map_err(io::Error::other)?;
                        }
                        ws.send(Frame {
                            fin: true,
                            opcode: ty as u8,
                            data: &data,
                        })
                        .await?;
                    }
                    Event::Ping(data) => ws.send_pong(data).await?,
                    Event::Pong(_) => {}
                    Event::Error(error) => return Err(error.into()),
                    Event::Close { .. } => return Ok(ws.close(()).await?),
                }
            }
        }
    })
}
