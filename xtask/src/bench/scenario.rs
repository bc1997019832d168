//! The exchanges that are measured. What they send is the load generator's business, which knows
//! them by the same numbers.

/// One exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) number: u32,
    /// Size and kind of its messages, connections × depth.
    pub(crate) title: &'static str,
    /// How many connections it opens.
    pub(crate) connections: usize,
    /// The messages of a short and a long run, between which instructions are counted.
    pub(crate) counted: Option<(u64, u64)>,
    /// How messages are compressed, by the word for it on the programs' command lines.
    pub(crate) deflate: Option<&'static str>,
}

impl Scenario {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::new(1, "32 B, 1×1", 1, Some((1_000, 9_000))),
        Self::new(2, "32 B, 64×1", 64, None),
        Self::new(3, "32 B, 8×64", 8, Some((10_240, 92_160))),
        Self::new(4, "1 KiB text, 64×16", 64, Some((10_240, 51_200))),
        Self::new(5, "16 KiB, 16×8", 16, None),
        Self::new(6, "1 MiB, 4×2", 4, None),
        Self::new(7, "1 MiB multi-byte text, 4×2", 4, None),
        Self::new(8, "16 MiB, 1×1", 1, None),
        Self::compressed("2 KiB JSON, 16×4, context kept", "takeover"),
        Self::compressed("2 KiB JSON, 16×4, not kept", "none"),
    ];

    pub(crate) const fn new(
        number: u32,
        title: &'static str,
        connections: usize,
        counted: Option<(u64, u64)>,
    ) -> Self {
        Self {
            number,
            title,
            connections,
            counted,
            deflate: None,
        }
    }

    const fn compressed(title: &'static str, deflate: &'static str) -> Self {
        Self {
            deflate: Some(deflate),
            ..Self::new(9, title, 16, None)
        }
    }

    /// The scenario of this number.
    pub(crate) fn numbered(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.number == number)
    }
}
