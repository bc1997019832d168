use socket_flow::Listener;

async fn serve(listener: Listener) {
    loop {
        let (stream, _peer) = listener.accept().await;
        tokio::spawn(async move {
            let mut ws = socket_flow::accept(stream).await?;
            while let Some(message) = ws.recv().await? {
                ws.queue(message)?; // see below
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    serve(Listener::bind("127.0.0.1:9001").await?).await;
    Ok(())
}
