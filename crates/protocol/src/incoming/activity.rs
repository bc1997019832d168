/// What arrived, one bit for each deadline that asks.
#[derive(Debug, Default)]
pub(crate) struct Activity(u8);

impl Activity {
    pub(crate) const PONG: u8 = 1;
    pub(crate) const READ: u8 = 2;
    pub(crate) const IDLE: u8 = 4;

    #[inline]
    pub(super) fn note_message(&mut self) {
        self.0 = Self::PONG | Self::READ | Self::IDLE;
    }

    pub(super) fn note_bytes(&mut self) {
        self.0 |= Self::PONG | Self::READ;
    }

    /// Whether something arrived since the deadline `bit` last asked.
    pub(crate) fn take(&mut self, bit: u8) -> bool {
        let set = self.0 & bit != 0;
        self.0 &= !bit;
        set
    }
}
