//! The others. Limits are raised where a message of 1 MiB needs it, nothing else is changed.

use crate::Job;
use crate::stream::{Memory, Sample, finish};

/// tokio-tungstenite's core without its adapter, which only costs.
pub(crate) mod tungstenite {
    use ::tokio_tungstenite::tungstenite::protocol::Role;
    use ::tokio_tungstenite::tungstenite::{Message, WebSocket};

    use super::{Job, Memory, Sample};

    pub(crate) fn receive(sample: &Sample) -> Job {
        let mut ws = WebSocket::from_raw_socket(sample.stream(), Role::Server, None);
        Box::new(move |count, expected| {
            for _ in 0..count {
                match ws.read().expect("a connection in order") {
                    Message::Binary(payload) => Sample::check(&payload, expected),
                    Message::Text(text) => Sample::check(text.as_bytes(), expected),
                    other => panic!("{other}"),
                }
            }
        })
    }

    pub(crate) fn send_server(sample: &Sample) -> Job {
        send(
            sample,
            WebSocket::from_raw_socket(sample.stream(), Role::Server, None),
        )
    }

    pub(crate) fn send_client(sample: &Sample) -> Job {
        send(
            sample,
            WebSocket::from_raw_socket(sample.stream(), Role::Client, None),
        )
    }

    fn send(sample: &Sample, mut ws: WebSocket<Memory>) -> Job {
        let payload = sample.payload.clone();
        Box::new(move |count, _| {
            for _ in 0..count {
                let message = Message::Binary(payload.clone());
                ws.write(message).expect("a connection in order");
            }
            ws.flush().expect("a connection in order");
        })
    }
}

/// It writes each frame at once: nothing to flush.
pub(crate) mod fastwebsockets {
    use ::fastwebsockets::{FragmentCollector, Frame, Payload, Role, WebSocket};

    use super::{Job, Sample, finish};

    pub(crate) fn receive(sample: &Sample) -> Job {
        let ws = WebSocket::after_handshake(sample.stream(), Role::Server);
        let mut ws = FragmentCollector::new(ws);
        Box::new(move |count, expected| {
            finish(async {
                for _ in 0..count {
                    let frame = ws.read_frame().await.expect("a connection in order");
                    Sample::check(&frame.payload, expected);
                }
            });
        })
    }

    pub(crate) fn send_server(sample: &Sample) -> Job {
        send(sample, Role::Server)
    }

    pub(crate) fn send_client(sample: &Sample) -> Job {
        send(sample, Role::Client)
    }

    fn send(sample: &Sample, role: Role) -> Job {
        let mut ws = WebSocket::after_handshake(sample.stream(), role);
        let payload = sample.payload.clone();
        Box::new(move |count, _| {
            finish(async {
                for _ in 0..count {
                    let frame = Frame::binary(Payload::Borrowed(&payload));
                    ws.write_frame(frame).await.expect("a connection in order");
                }
            });
        })
    }
}

pub(crate) mod tokio_websockets {
    use ::tokio_websockets::{ClientBuilder, Message, ServerBuilder, WebSocketStream};
    use futures_util::{SinkExt, StreamExt};

    use super::{Job, Memory, Sample, finish};

    pub(crate) fn receive(sample: &Sample) -> Job {
        let mut ws = ServerBuilder::new().serve(sample.stream());
        Box::new(move |count, expected| {
            finish(async {
                for _ in 0..count {
                    let message = ws.next().await.expect("a message");
                    let message = message.expect("a connection in order");
                    Sample::check(message.as_payload(), expected);
                }
            });
        })
    }

    pub(crate) fn send_server(sample: &Sample) -> Job {
        send(sample, ServerBuilder::new().serve(sample.stream()))
    }

    pub(crate) fn send_client(sample: &Sample) -> Job {
        send(sample, ClientBuilder::new().take_over(sample.stream()))
    }

    fn send(sample: &Sample, mut ws: WebSocketStream<Memory>) -> Job {
        let payload = sample.payload.clone();
        Box::new(move |count, _| {
            finish(async {
                for _ in 0..count {
                    let message = Message::binary(payload.clone());
                    ws.feed(message).await.expect("a connection in order");
                }
                ws.flush().await.expect("a connection in order");
            });
        })
    }
}

/// It validates UTF-8 only where it is asked to.
pub(crate) mod yawc {
    use ::yawc::{Frame, Options, Role, WebSocket};
    use futures_util::SinkExt;

    use super::{Job, Memory, Sample, finish};

    fn open(sample: &Sample, role: Role) -> WebSocket<Memory> {
        let options = Options::default()
            .with_utf8()
            .without_compression()
            .with_limits(16 << 20, 32 << 20);
        WebSocket::from_stream(sample.stream(), role, options).expect("options without extensions")
    }

    pub(crate) fn receive(sample: &Sample) -> Job {
        let mut ws = open(sample, Role::Server);
        Box::new(move |count, expected| {
            finish(async {
                for _ in 0..count {
                    let frame = ws.next_frame().await.expect("a connection in order");
                    Sample::check(frame.payload(), expected);
                }
            });
        })
    }

    pub(crate) fn send_server(sample: &Sample) -> Job {
        send(sample, Role::Server)
    }

    pub(crate) fn send_client(sample: &Sample) -> Job {
        send(sample, Role::Client)
    }

    fn send(sample: &Sample, role: Role) -> Job {
        let mut ws = open(sample, role);
        let payload = sample.payload.clone();
        Box::new(move |count, _| {
            finish(async {
                for _ in 0..count {
                    let frame = Frame::binary(payload.clone());
                    ws.feed(frame).await.expect("a connection in order");
                }
                ws.flush().await.expect("a connection in order");
            });
        })
    }
}

pub(crate) mod sockudo {
    use ::sockudo_ws::{Config, Message, Role, WebSocketStream};
    use futures_util::{SinkExt, StreamExt};

    use super::{Job, Memory, Sample, finish};

    fn open(sample: &Sample, role: Role) -> WebSocketStream<Memory> {
        let config = Config::builder()
            .max_message_size(16 << 20)
            .max_frame_size(16 << 20)
            .build();
        WebSocketStream::from_raw(sample.stream(), role, config)
    }

    pub(crate) fn receive(sample: &Sample) -> Job {
        let mut ws = open(sample, Role::Server);
        Box::new(move |count, expected| {
            finish(async {
                for _ in 0..count {
                    let message = ws.next().await.expect("a message");
                    let message = message.expect("a connection in order");
                    Sample::check(message.as_bytes(), expected);
                }
            });
        })
    }

    pub(crate) fn send_server(sample: &Sample) -> Job {
        send(sample, Role::Server)
    }

    pub(crate) fn send_client(sample: &Sample) -> Job {
        send(sample, Role::Client)
    }

    fn send(sample: &Sample, role: Role) -> Job {
        let mut ws = open(sample, role);
        let payload = sample.payload.clone();
        Box::new(move |count, _| {
            finish(async {
                for _ in 0..count {
                    let message = Message::Binary(payload.clone());
                    ws.feed(message).await.expect("a connection in order");
                }
                ws.flush().await.expect("a connection in order");
            });
        })
    }
}
