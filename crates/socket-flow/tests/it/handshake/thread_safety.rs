//! What crosses threads is checked by the compiler.

use socket_flow::{
    AcceptError, Acceptor, ClientBuilder, ClientStream, Config, ConnectError, DialError, Error,
    Events, Hub, InvalidProxyUrl, Listener, Message, Pending, Proxy, ProxyError, ReconnectEvent,
    Reconnecting, RedirectError, Rejected, Sender, ServerBuilder, ServerEvent, ServerHandle,
    ServerStream, SlowPolicy, SocksReply, WebSocket,
};
use tokio::io::DuplexStream;

fn send_and_sync<T: Send + Sync + Unpin + 'static>() {}

fn future<T: Send + 'static>(_: impl FnOnce() -> T) {}

#[test]
fn public_types_are_send_and_sync() {
    send_and_sync::<AcceptError>();
    send_and_sync::<Acceptor>();
    send_and_sync::<ClientBuilder>();
    send_and_sync::<ClientStream>();
    send_and_sync::<Config>();
    send_and_sync::<ConnectError>();
    send_and_sync::<DialError>();
    send_and_sync::<Error>();
    send_and_sync::<Events>();
    send_and_sync::<Hub>();
    send_and_sync::<Listener>();
    send_and_sync::<Message>();
    send_and_sync::<InvalidProxyUrl>();
    send_and_sync::<Proxy>();
    send_and_sync::<ProxyError>();
    send_and_sync::<RedirectError>();
    send_and_sync::<SocksReply>();
    send_and_sync::<Pending<ServerStream>>();
    send_and_sync::<ReconnectEvent>();
    send_and_sync::<Reconnecting<DuplexStream>>();
    send_and_sync::<Reconnecting>();
    send_and_sync::<Rejected>();
    send_and_sync::<Sender>();
    send_and_sync::<ServerBuilder>();
    send_and_sync::<ServerEvent>();
    send_and_sync::<ServerHandle>();
    send_and_sync::<ServerStream>();
    send_and_sync::<WebSocket<ClientStream>>();
    send_and_sync::<WebSocket<ServerStream>>();
}

#[cfg(feature = "rustls")]
#[test]
fn public_types_of_tls_are_send_and_sync() {
    use socket_flow::tls::{ClientTls, Identity, PemError, ServerTls, TlsError, TlsInfo};

    send_and_sync::<ClientTls>();
    send_and_sync::<Identity>();
    send_and_sync::<PemError>();
    send_and_sync::<ServerTls>();
    send_and_sync::<TlsError>();
    send_and_sync::<TlsInfo>();
}

#[test]
fn futures_can_be_spawned() {
    future(|| socket_flow::connect("ws://a/"));
    future(|| async { Hub::new(SlowPolicy::Wait).publish("a", "b").await });
    future(|| socket_flow::Server::bind("a:1").serve());
    future(|| ClientBuilder::new("ws://a/").connect());
    future(|| {
        let stream: DuplexStream = tokio::io::duplex(1).0;
        ClientBuilder::new("ws://a/").connect_on(stream)
    });
    future(|| socket_flow::accept(tokio::io::duplex(1).0));
    future(|| async {
        let stream = tokio::io::duplex(1).0;
        let pending = Acceptor::new().read(stream).await?;
        if pending.request().uri().path() == "/" {
            return pending.accept().await.map(drop);
        }
        pending.reject(http::Response::new("no")).await
    });
    future(|| async {
        Listener::bind("127.0.0.1:0")
            .await?
            .accept()
            .await
            .0
            .peer_addr()
    });
}
