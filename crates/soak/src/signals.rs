//! What the programs are told from outside.

use std::io;

use tokio::sync::watch;

/// The phase a program is in: SIGUSR1 begins the next one, SIGTERM the last.
#[derive(Clone, Debug)]
pub struct Phase(watch::Receiver<u32>);

/// The last phase.
const END: u32 = u32::MAX;

impl Phase {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn watch() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(0);
        let mut signals = Signals::listen()?;
        tokio::spawn(async move {
            while !signals.next_is_last().await {
                sender.send_modify(|phase| *phase += 1);
            }
            sender.send_replace(END);
            // Whoever still waits for an earlier phase must see it.
            sender.closed().await;
        });
        Ok(Self(receiver))
    }

    /// Phases that a test begins.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (watch::Sender<u32>, Self) {
        let (sender, receiver) = watch::channel(0);
        (sender, Self(receiver))
    }

    /// Waits until this phase has begun, 1 behind the first signal, or a later one.
    pub async fn reached(&mut self, phase: u32) {
        // Without a sender the program is about to end.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }

    /// Waits for the end.
    pub async fn ended(&mut self) {
        self.reached(END).await;
    }

    /// Whether this phase has begun, or a later one.
    pub fn has_reached(&self, phase: u32) -> bool {
        *self.0.borrow() >= phase
    }

    /// Whether this is the end.
    pub fn is_over(&self) -> bool {
        *self.0.borrow() == END
    }
}

#[cfg(unix)]
struct Signals {
    next: tokio::signal::unix::Signal,
    end: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            next: signal(SignalKind::user_defined1())?,
            end: signal(SignalKind::terminate())?,
        })
    }

    async fn next_is_last(&mut self) -> bool {
        tokio::select! {
            _ = self.next.recv() => false,
            _ = self.end.recv() => true,
        }
    }
}

/// Where there are no such signals there is no soak: the programs only have to build.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next_is_last(&mut self) -> bool {
        let _ = tokio::signal::ctrl_c().await;
        true
    }
}
