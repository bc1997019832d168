//! Happy Eyeballs (RFC 8305): who answers first wins, and a dead address costs 250 ms.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::dial::DialError;

/// Opens the addresses, alternating between the families. The next is tried when the one before
/// failed, or has been silent for [`DELAY`]; the first that opens wins, and the others are
/// dropped.
pub(crate) async fn race<T, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    open: impl Fn(SocketAddr) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = interleave(addresses).into_iter();
    let mut running: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut attempts = Vec::new();
    let mut next = pin!(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut index = 0;
            while let Some((address, attempt)) = running.get_mut(index) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(opened)) => return Poll::Ready(Ok(opened)),
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%address, %error, "connecting failed");
                        attempts.push((*address, error));
                        running.remove(index);
                        // Nothing is waited for behind a failure.
                        next.as_mut().reset(Instant::now());
                    }
                    Poll::Pending => index += 1,
                }
            }
            if waiting.len() == 0 {
                if running.is_empty() {
                    return Poll::Ready(Err(DialError::new(std::mem::take(&mut attempts))));
                }
                return Poll::Pending;
            }
            if next.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(address) = waiting.next() {
                running.push((address, Box::pin(open(address))));
                next.as_mut().reset(Instant::now() + DELAY);
            }
        }
    })
    .await
}

/// RFC 8305 §4: the resolver's order, which is that of RFC 6724, with the families alternating
/// from the first on.
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let first_is_ipv6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

/// The Connection Attempt Delay that RFC 8305 §5 recommends.
const DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        format!("{text}:80").parse().unwrap()
    }

    /// Races addresses whose last digit says what they do: 1 refuses at once, 2 is silent, 3
    /// opens at once, 4 opens after 300 ms. The winner, who was tried, and the milliseconds.
    async fn race_them(
        addresses: &[&str],
    ) -> (Result<SocketAddr, DialError>, Vec<SocketAddr>, u128) {
        let (start, tried) = (Instant::now(), RefCell::new(Vec::new()));
        let open = async |address: SocketAddr| {
            tried.borrow_mut().push(address);
            match address.ip().to_string().chars().last() {
                Some('1') => return Err(io::ErrorKind::ConnectionRefused.into()),
                Some('2') => pending().await,
                Some('4') => sleep(Duration::from_millis(300)).await,
                _ => {}
            }
            Ok(address)
        };
        let won = race(addresses.iter().map(|text| address(text)), open).await;
        (won, tried.into_inner(), start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_a_quarter_of_a_second_and_a_refusing_one_nothing() {
        for (addresses, winner, tried, millis) in [
            (&["192.0.2.3", "192.0.2.1"][..], "192.0.2.3", 1, 0),
            (&["192.0.2.1", "192.0.2.3"], "192.0.2.3", 2, 0),
            (&["[::2]", "192.0.2.3"], "192.0.2.3", 2, 250),
            (&["[::2]", "[::1]", "192.0.2.3"], "192.0.2.3", 2, 250),
            (&["[::2]", "[::3]", "192.0.2.1"], "[::3]", 3, 250),
            (
                &["192.0.2.2", "192.0.2.12", "192.0.2.3"],
                "192.0.2.3",
                3,
                500,
            ),
            // A slow one that was given its chance still wins.
            (&["[::4]", "192.0.2.2"], "[::4]", 2, 300),
            (&["[::2]", "192.0.2.4", "[::3]"], "[::3]", 3, 500),
            (&["[::4]", "192.0.2.3"], "192.0.2.3", 2, 250),
        ] {
            let (won, all, elapsed) = race_them(addresses).await;
            assert_eq!(won.unwrap(), address(winner), "{addresses:?}");
            assert_eq!((all.len(), elapsed), (tried, millis), "{addresses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn families_alternate_from_the_resolvers_first() {
        let addresses = ["[::1]", "[::11]", "[::21]", "192.0.2.1", "192.0.2.11"];
        let (_, tried, elapsed) = race_them(&addresses).await;
        let order = ["[::1]", "192.0.2.1", "[::11]", "192.0.2.11", "[::21]"];
        assert_eq!((tried, elapsed), (order.map(address).to_vec(), 0));
        let (_, tried, _) = race_them(&["192.0.2.1", "192.0.2.11", "[::1]"]).await;
        let order = ["192.0.2.1", "[::1]", "192.0.2.11"];
        assert_eq!(tried, order.map(address));
    }

    #[tokio::test(start_paused = true)]
    async fn all_failures_are_reported() {
        let (failed, _, _) = race_them(&["[::1]", "192.0.2.1"]).await;
        let error = failed.unwrap_err();
        let attempts: Vec<_> = error
            .attempts()
            .iter()
            .map(|(address, error)| (*address, error.kind()))
            .collect();
        let refused = io::ErrorKind::ConnectionRefused;
        let expected = [(address("[::1]"), refused), (address("192.0.2.1"), refused)];
        assert_eq!(attempts, expected);
        let text = "[::1]:80: connection refused, 192.0.2.1:80: connection refused";
        assert_eq!(error.to_string(), text);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error_of_its_own() {
        let error = race_them(&[]).await.0.unwrap_err();
        assert!(error.attempts().is_empty());
        assert_eq!(error.to_string(), "host has no address");
    }
}
