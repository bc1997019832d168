//! TLS by rustls, for `wss://` on both sides (feature `rustls`, on by default).
//!
//! A client needs nothing of this: [`connect`](crate::connect) encrypts `wss://` and trusts whom
//! the platform trusts. A server shows a certificate:
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use socket_flow::Listener;
//! use socket_flow::tls::{Identity, ServerTls};
//!
//! let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
//! let listener = Listener::bind("[::]:443")
//!     .await?
//!     .tls(ServerTls::new(identity).build()?);
//! loop {
//!     let (stream, _peer) = listener.accept().await;
//!     tokio::spawn(async move {
//!         let ws = socket_flow::accept(stream).await?; // both handshakes, under one deadline
//!         println!("{:?}", ws.get_ref().tls());
//!         Ok::<_, socket_flow::AcceptError>(())
//!     });
//! }
//! # }
//! ```
//!
//! A private authority, which the client is told to trust:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use socket_flow::tls::{self, ClientTls, Identity, ServerTls};
//! use socket_flow::{ClientBuilder, Listener};
//!
//! # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
//! # let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
//! let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
//! let listener = Listener::bind("127.0.0.1:0")
//!     .await?
//!     .tls(ServerTls::new(identity).build()?);
//! let url = format!("wss://localhost:{}/", listener.local_addr()?.port());
//! # let server = tokio::spawn(async move {
//! #     let (stream, _) = listener.accept().await;
//! #     let mut ws = socket_flow::accept(stream).await.unwrap();
//! #     assert_eq!(ws.get_ref().tls().unwrap().server_name(), Some("localhost"));
//! #     while ws.recv().await.unwrap().is_some() {}
//! # });
//!
//! let trusted = tls::certificates(certificate.as_bytes())?;
//! let (mut ws, _response) = ClientBuilder::new(url)
//!     .tls(ClientTls::new().roots(trusted).build()?)
//!     .connect()
//!     .await?;
//! let agreed = ws.get_ref().tls().ok_or("not encrypted")?;
//! assert_eq!(agreed.alpn(), Some(&b"http/1.1"[..]));
//! # ws.close(socket_flow::CloseCode::NORMAL, "").await?;
//! # server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! Settings beyond these are rustls's own: [`ClientConfig`](rustls::ClientConfig) and
//! [`ServerConfig`](rustls::ServerConfig) of any make are welcome, and so are streams of other
//! libraries in [`ClientBuilder::connect_on`](crate::ClientBuilder::connect_on) and
//! [`accept`](crate::accept).
//!
//! # Ending
//!
//! A `close_notify` is sent before the stream is shut down (RFC 8446 §6.1). One that is missing
//! is no error of its own: whether the peer had said everything is what its Close tells, and an
//! end without that is [`Error::Closed`](crate::Error::Closed).

pub(crate) mod alpn;
mod client;
mod error;
mod info;
mod pem;
mod provider;
mod server;

pub use tokio_rustls::rustls;

pub use client::ClientTls;
pub use error::TlsError;
pub use info::TlsInfo;
pub use pem::{Identity, PemError, certificates, certificates_from_file};
pub use provider::provider;
pub use server::{BUDGET_SHARE, ServerTls};

pub(crate) use client::default_config;
