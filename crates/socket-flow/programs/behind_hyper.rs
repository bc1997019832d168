use std::convert::Infallible;

use bytes::BytesMut;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket_flow::{Acceptor, Deflate, Error, WebSocket};

async fn respond(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // One acceptor for all requests does as well.
    let acceptor = Acceptor::new().deflate(Deflate::balanced());
    let (response, upgrade) = match acceptor.upgrade(&request) {
        Ok(accepted) => accepted,
        Err(rejection) => return Ok(rejection.response().map(Full::new)),
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(&mut request).await {
            // What hyper read behind the request is in the stream already.
            let ws = upgrade.open(TokioIo::new(upgraded), BytesMut::new());
            if let Err(error) = echo(ws).await {
                log::warn!("{error}");
            }
        }
    });
    Ok(response.map(|()| Full::default()))
}

async fn echo(mut ws: WebSocket<TokioIo<Upgraded>>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}
