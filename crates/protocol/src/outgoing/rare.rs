/// What is seldom looked at and every connection has, in one byte: a flag, and how many pings without
/// data the application and the keepalive have sent whose pongs may come, which look alike. What
/// cannot be counted any more is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rare(u8);

impl Rare {
    /// The counter of the application's pings, as its bits.
    pub(super) const APPLICATION: u8 = 0b0000_1111;
    /// The counter of the keepalive's.
    pub(super) const KEEPALIVE: u8 = 0b0111_0000;
    const UNFLUSHED: u8 = 0b1000_0000;

    #[inline]
    pub(super) fn is_unflushed(self) -> bool {
        self.0 & Self::UNFLUSHED != 0
    }

    #[inline]
    pub(super) fn set_unflushed(&mut self, is_unflushed: bool) {
        match is_unflushed {
            true => self.0 |= Self::UNFLUSHED,
            false => self.0 &= !Self::UNFLUSHED,
        }
    }

    /// Counts one more.
    pub(super) fn add(&mut self, counter: u8) {
        if self.0 & counter != counter {
            self.0 += one(counter);
        }
    }

    /// Counts one less; whether there was one.
    pub(super) fn take(&mut self, counter: u8) -> bool {
        let is_some = self.0 & counter != 0;
        if is_some {
            self.0 -= one(counter);
        }
        is_some
    }
}

/// The lowest bit of a counter.
const fn one(counter: u8) -> u8 {
    1 << counter.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_and_counters_do_not_touch_each_other() {
        for (counter, most) in [(Rare::APPLICATION, 15), (Rare::KEEPALIVE, 7)] {
            for is_unflushed in [false, true] {
                let mut rare = Rare::default();
                rare.set_unflushed(is_unflushed);
                let before = rare;
                assert!(!rare.take(counter));
                for _ in 0..100 {
                    rare.add(counter);
                }
                assert_eq!(rare.is_unflushed(), is_unflushed);
                let taken = (0..100).filter(|_| rare.take(counter)).count();
                assert_eq!((taken, rare), (most, before));
            }
        }
    }
}
