use std::time::Duration;

use crate::random::Random;

/// What an application does, and when, in order.
pub(super) type Script = Vec<(Duration, Action)>;

/// One thing an application does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Sends the next message.
    Send(Way),
    /// Sends a part of the next message.
    Part,
    /// Sends the rest of the message that was begun.
    LastPart,
    Ping,
    /// Receives nothing for so long.
    Pause(Duration),
    Close(u16),
    /// Closes long after everything else, which must have arrived.
    LateClose(u16),
    /// Drops the connection as it is.
    Leave,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Plain,
    Compressed,
    Uncompressed,
    Prepared,
}

/// A script that ends with a Close, or hardly ever without one, about `length` after `start`.
pub(super) fn script(
    random: &mut Random,
    start: Duration,
    is_calm: bool,
    is_patient: bool,
) -> Script {
    let mut script = Script::new();
    let mut now = start;
    let spread = random.pick(&[0, 1_000, 100_000, if is_calm { 50_000 } else { 5_000_000 }]);
    for _ in 0..random.below(13) {
        now += Duration::from_micros(random.below(spread + 1) as u64);
        match random.below(8) {
            0 => script.push((now, Action::Ping)),
            1 => {
                let longest = if is_calm { 100_000 } else { 40_000_000 };
                let pause = Duration::from_micros(random.below(longest) as u64);
                script.push((now, Action::Pause(pause)));
            }
            2 => {
                for _ in 0..random.between(1, 3) {
                    script.push((now, Action::Part));
                    if random.one_in(3) {
                        script.push((now, Action::Ping));
                    }
                }
                // Some never end what they began.
                if is_patient || !random.one_in(10) {
                    script.push((now, Action::LastPart));
                } else {
                    break;
                }
            }
            _ => {
                let way = random.pick(&[
                    Way::Plain,
                    Way::Plain,
                    Way::Compressed,
                    Way::Uncompressed,
                    Way::Prepared,
                ]);
                script.push((now, Action::Send(way)));
            }
        }
    }
    let patience = if is_calm { 1_000_000 } else { 100_000_000 };
    now += Duration::from_micros(random.pick(&[0, random.clone().below(patience)]) as u64);
    let code = random.pick(&[1000, 1001, 1011, 3000, 4999]);
    let end = match random.one_in(20) && !is_calm {
        true => Action::Leave,
        false if is_patient => Action::LateClose(code),
        false => Action::Close(code),
    };
    if is_patient {
        now += Duration::from_secs(3_600);
    }
    script.push((now, end));
    script
}

/// When others send, in order.
pub(super) fn moments(random: &mut Random, start: Duration) -> Vec<Duration> {
    let spread = random.pick(&[0, 1_000, 100_000]);
    let mut at = start;
    let mut moments = Vec::new();
    for _ in 0..random.below(7) {
        at += Duration::from_micros(random.below(spread + 1) as u64);
        moments.push(at);
    }
    moments
}
