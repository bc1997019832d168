//! A flood beside a timer in one `select!`: the timer's branch has its turn too, whichever is
//! written first. The clock is paused and moves with each message.

use std::time::Duration;

use futures_util::FutureExt;
use socket_flow::{Config, WebSocket};
use tokio::io::DuplexStream;
use tokio::time::{Instant, advance, sleep_until};

use crate::bystander::{Books, Limits};
use crate::memory::open;
use crate::metered::Metered;
use crate::victim::{SIDES, Side};

/// Deals with messages and a timer, as [`WebSocket::recv`] says that it may be used.
///
/// The timer's time comes each second: how many messages were received between then and its branch,
/// at most, and how often that was run.
macro_rules! beside_a_timer {
    ($recv:expr, $($biased:tt)*) => {{
        let mut deadline = Instant::now() + Duration::from_secs(1);
        let (mut late, mut latest, mut fired) = (0, 0, 0);
        loop {
            tokio::select! {
                $($biased)*
                message = $recv => {
                    let message = message.unwrap().unwrap();
                    if message.as_bytes() == b"over" {
                        break (latest, fired);
                    }
                    // In the middle of a turn: nothing else runs meanwhile.
                    let _ = advance(Duration::from_millis(3)).now_or_never();
                    late += usize::from(Instant::now() >= deadline);
                }
                () = sleep_until(deadline) => {
                    latest = latest.max(late);
                    late = 0;
                    fired += 1;
                    deadline = Instant::now() + Duration::from_secs(1);
                }
            }
        }
    }};
}

type Flooded = WebSocket<Metered<DuplexStream>>;

/// Sends small messages without pause to a loop that says how late its timer was.
async fn fires_in_time<F>(side: Side, run: impl FnOnce(Flooded) -> F)
where
    F: Future<Output = (usize, usize)> + Send + 'static,
{
    let turns = Books::default().open(Limits::PLAIN);
    let (ws, mut wire) = open(side, false, Config::new(), turns).await;
    wire.send(side.whole(0x81, b"").repeat(20_000)).await;
    wire.send(side.whole(0x81, b"over")).await;
    let (latest, fired) = tokio::spawn(run(ws)).await.unwrap();
    // The rest of the turn in which the deadline comes, and at most one that begins before the
    // timer is looked at.
    assert!(latest <= 2 * 128, "{latest} messages too late");
    // A minute went by, and each time took a second and two turns at most.
    assert!(fired >= 33, "{fired}");
}

#[tokio::test(start_paused = true)]
async fn a_timer_beside_a_flood_has_its_turn() {
    for side in SIDES {
        fires_in_time(side, async |mut ws: Flooded| beside_a_timer!(ws.recv(),)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_behind_a_flood_has_its_turn() {
    for side in SIDES {
        fires_in_time(
            side,
            async |mut ws: Flooded| beside_a_timer!(ws.recv(), biased;),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_behind_a_flood_that_is_lent_has_its_turn() {
    for side in SIDES {
        fires_in_time(side, async |mut ws: Flooded| {
            let (reader, writer) = ws.halves();
            beside_a_timer!(reader.recv(writer), biased;)
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_behind_a_flood_to_an_owned_half_has_its_turn() {
    for side in SIDES {
        fires_in_time(side, async |ws: Flooded| {
            let (mut reader, _writer) = ws.into_split();
            beside_a_timer!(reader.recv(), biased;)
        })
        .await;
    }
}
