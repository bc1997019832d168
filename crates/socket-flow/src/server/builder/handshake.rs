//! The settings that a server hands to its [`Acceptor`].

use std::sync::Arc;
use std::time::Duration;

use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::host::HostError;
use socket_flow_handshake::origin::OriginPolicy;
#[cfg(feature = "deflate")]
use socket_flow_protocol::Deflate;
use socket_flow_protocol::{Budget, Config};

use crate::server::acceptor::Acceptor;
use crate::server::builder::ServerBuilder;

impl ServerBuilder {
    /// Sets how much memory the connections may hold together: messages that are
    /// put together, what waits to be written or read, contexts of compression.
    /// Where it is used up, messages wait for it, and in the end the largest that
    /// waits is closed with 1013; small ones go on. See [`Budget`], whose
    /// [`usage`](Budget::usage) says at any time what is used and by what.
    ///
    /// It is a part of the [`config`](Self::config), and set there by whoever calls
    /// that later. Starting the server fails where the budget is smaller than one
    /// message of [`Config::max_message`], or than the share
    /// ([`Budget::SHARE`]) of each of [`max_connections`](Self::max_connections).
    /// With TLS each connection is charged 8 KiB more (`tls::BUDGET_SHARE`).
    /// While the server runs it [sets aside](Budget::set_aside) these shares, at most
    /// half of the budget. Where others have set some of that aside, such as another
    /// server, starting this one fails unless all of its own fit beside them. A server
    /// whose connections are not limited sets a quarter aside, and has as many as the
    /// budget has shares: beyond that a newcomer is answered as by one that is full.
    /// Default: no budget.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use socket_flow::{Budget, Server};
    ///
    /// let budget = Budget::new(256 << 20);
    /// let (handle, events) = Server::bind("127.0.0.1:0")
    ///     .budget(budget.clone())
    ///     .max_connections(10_000)
    ///     .serve()
    ///     .await?;
    /// println!("{:?}", budget.usage());
    /// # drop((handle, events));
    /// # Ok(())
    /// # }
    /// ```
    pub fn budget(self, budget: Budget) -> Self {
        self.accepting(|acceptor| acceptor.budget(budget))
    }

    /// Sets the subprotocols spoken; see [`Acceptor::subprotocols`].
    pub fn subprotocols<I>(self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.accepting(|acceptor| acceptor.subprotocols(subprotocols))
    }

    /// Sets whether a subprotocol is required; see
    /// [`Acceptor::require_subprotocol`].
    pub fn require_subprotocol(self, require: bool) -> Self {
        self.accepting(|acceptor| acceptor.require_subprotocol(require))
    }

    /// Sets the origins a browser may connect from; see [`Acceptor::origin`].
    pub fn origin(self, policy: OriginPolicy) -> Self {
        self.accepting(|acceptor| acceptor.origin(policy))
    }

    /// Lets pages of every origin connect; see [`Acceptor::allow_any_origin`].
    pub fn allow_any_origin(self) -> Self {
        self.accepting(Acceptor::allow_any_origin)
    }

    /// Sets the hosts the server answers for; see [`Acceptor::hosts`]. Requests for other hosts
    /// do not reach [`respond`](Self::respond).
    ///
    /// # Errors
    /// [`HostError`] if one of them could match no request.
    ///
    /// ```
    /// use socket_flow::Server;
    ///
    /// let builder = Server::bind("0.0.0.0:9001").hosts(["chat.example.com", "10.0.0.7"])?;
    /// # let _ = builder;
    /// # Ok::<_, socket_flow::handshake::host::HostError>(())
    /// ```
    pub fn hosts<'a>(
        mut self,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, HostError> {
        self.opening.acceptor = self.opening.acceptor.hosts(hosts)?;
        Ok(self)
    }

    /// Answers only requests for `localhost` and for IP addresses; see
    /// [`Acceptor::hosts_local`]. A server on loopback that serves a page, or anything else worth
    /// reading, should say so, unless a proxy in front of it passes on other names.
    pub fn hosts_local(self) -> Self {
        self.accepting(Acceptor::hosts_local)
    }

    /// Sets limits and timeouts of the connections; see [`Acceptor::config`].
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        self.accepting(|acceptor| acceptor.config(config))
    }

    /// Agrees to permessage-deflate; see [`Acceptor::deflate`].
    #[cfg(feature = "deflate")]
    pub fn deflate(self, deflate: Deflate) -> Self {
        self.accepting(|acceptor| acceptor.deflate(deflate))
    }

    /// Sets how large the head of a request may be; see
    /// [`Acceptor::head_limits`].
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        self.accepting(|acceptor| acceptor.head_limits(limits))
    }

    /// Sets how long the handshake may take, from the moment a client is
    /// connected until the 101 is written, TLS and
    /// [`admit`](Self::admit) included. Default: 10 s.
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.accepting(|acceptor| acceptor.handshake_timeout(timeout))
    }

    /// Sets how long a client may take nothing of an answer in plain HTTP;
    /// see [`Acceptor::answer_stall`]. Default: 5 s.
    pub fn answer_stall(self, timeout: Duration) -> Self {
        self.accepting(|acceptor| acceptor.answer_stall(timeout))
    }

    /// Sets the least a client must take of an answer in plain HTTP, in bytes a
    /// second over any 30 s; see [`Acceptor::answer_rate`]. Default: 1,024.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use socket_flow::Server;
    ///
    /// let builder = Server::bind("127.0.0.1:0")
    ///     .answer_stall(Duration::from_secs(20))
    ///     .answer_rate(10_000);
    /// # let _ = builder;
    /// ```
    pub fn answer_rate(self, bytes_per_second: u32) -> Self {
        self.accepting(|acceptor| acceptor.answer_rate(bytes_per_second))
    }

    fn accepting(mut self, set: impl FnOnce(Acceptor) -> Acceptor) -> Self {
        self.opening.acceptor = set(self.opening.acceptor);
        self
    }
}
