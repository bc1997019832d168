//! Broadcast on fastwebsockets: its halves, so that nothing is lost of a frame that is being read
//! while another is sent.

use std::convert::Infallible;
use std::pin::pin;
use std::process::ExitCode;

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload, upgrade};
use futures_util::future::{Either, select};
use socket_flow_bench::server::{self, Outcome};
use socket_flow_bench_peers::fan_out::Topic;
use socket_flow_bench_peers::upgrade::upgraded;
use tokio::sync::broadcast::Receiver;

fn main() -> ExitCode {
    server::run(&[], |_| {
        let topic = Topic::default();
        move |stream| {
            let topic = topic.clone();
            let published = topic.listen();
            async move {
                let future = upgraded(stream, |request| upgrade::upgrade(request)).await?;
                tokio::task::unconstrained(serve(future, topic, published)).await
            }
        }
    })
}

async fn serve(
    future: upgrade::UpgradeFut,
    topic: Topic<Bytes>,
    mut published: Receiver<Bytes>,
) -> Outcome {
    let (mut reader, mut writer) = future.await?.split(tokio::io::split);
    let write = async {
        loop {
            let message = published.recv().await?;
            let frame = Frame::binary(Payload::Borrowed(&message));
            writer.write_frame(frame).await?;
        }
    };
    let read = async {
        loop {
            // Nothing that is read here asks for an answer.
            let mut answer = |_| async { Ok::<(), Infallible>(()) };
            let frame = reader.read_frame::<_, Infallible>(&mut answer).await?;
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => {
                    topic.publish(Bytes::copy_from_slice(&frame.payload))?;
                }
                _ => {}
            }
        }
    };
    match select(pin!(write), pin!(read)).await {
        Either::Left((outcome, _)) | Either::Right((outcome, _)) => outcome,
    }
}
