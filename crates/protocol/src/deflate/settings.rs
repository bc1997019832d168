use socket_flow_frames::DeflateParams;

/// How to compress, and what to ask of the peer: permessage-deflate
/// (RFC 7692).
///
/// Start from a preset and change what should differ:
///
/// | preset | level | memory level | window | context | threshold | an idle connection keeps |
/// |---|---|---|---|---|---|---|
/// | [`balanced`](Deflate::balanced) | 1 | 8 | 15 bits | kept | 256 B | 427,840 B |
/// | [`smallest_memory`](Deflate::smallest_memory) | 1 | 1 | 9 bits | not kept | 256 B | nothing |
/// | [`best_ratio`](Deflate::best_ratio) | 9 | 9 | 15 bits | kept | 64 B | 542,528 B |
///
/// What is kept is 47,680 bytes from the first compressed message that is received,
/// the rest from the first that is sent; with
/// [`server_no_context_takeover`](Deflate::server_no_context_takeover) and
/// [`client_no_context_takeover`](Deflate::client_no_context_takeover) it is nothing
/// for any of them. A server with many clients takes `smallest_memory`, or sets a
/// [`Budget`](crate::Budget): contexts may have half of it, and connections beyond
/// that keep none.
///
/// Compression is off unless it is asked for with this type. Do not compress
/// secrets together with text an attacker chooses: the length of the result
/// tells about them (RFC 7692 §8). [`Uncompressed`](crate::Uncompressed)
/// sends a single message as it is.
///
/// ```
/// use socket_flow_protocol::Deflate;
///
/// let deflate = Deflate::balanced().level(6).server_no_context_takeover(true);
/// assert_eq!(deflate.compression_level(), 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflate {
    level: u8,
    memory_level: u8,
    threshold: usize,
    params: DeflateParams,
}

impl Deflate {
    /// Quick, with a good ratio on repetitive messages: contexts are kept, 428 KB
    /// for each connection that has sent and received.
    #[must_use]
    pub fn balanced() -> Self {
        Self {
            level: 1,
            memory_level: 8,
            threshold: 256,
            params: DeflateParams::default(),
        }
    }

    /// Contexts are borrowed from the thread for the length of a message, and
    /// small: an idle connection holds none.
    #[must_use]
    pub fn smallest_memory() -> Self {
        Self {
            memory_level: 1,
            params: DeflateParams {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                server_max_window_bits: 9,
                client_max_window_bits: 9,
            },
            ..Self::balanced()
        }
    }

    /// The shortest messages, at the price of time and memory: 543 KB for each
    /// connection that has sent and received.
    #[must_use]
    pub fn best_ratio() -> Self {
        Self {
            level: 9,
            memory_level: 9,
            threshold: 64,
            ..Self::balanced()
        }
    }

    /// How hard to search: 1 is quickest, 9 finds most. What lies outside
    /// counts as the nearest.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// How much memory the compressor's tables take: 1 is least, 9 is
    /// fastest. What lies outside counts as the nearest.
    #[must_use]
    pub fn memory_level(mut self, level: u8) -> Self {
        self.memory_level = level.clamp(1, 9);
        self
    }

    /// Messages shorter than this are sent as they are, in bytes.
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Whether the server compresses each message on its own
    /// (RFC 7692 §7.1.1.1): less memory, a worse ratio.
    #[must_use]
    pub fn server_no_context_takeover(mut self, on: bool) -> Self {
        self.params.server_no_context_takeover = on;
        self
    }

    /// Whether the client compresses each message on its own
    /// (RFC 7692 §7.1.1.2).
    #[must_use]
    pub fn client_no_context_takeover(mut self, on: bool) -> Self {
        self.params.client_no_context_takeover = on;
        self
    }

    /// The largest window of the server, as the binary logarithm of its
    /// bytes: 8 to 15 (RFC 7692 §7.1.2.1). What lies outside counts as the
    /// nearest.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.params.server_max_window_bits = bits;
        self.with_valid_windows()
    }

    /// The largest window of the client, likewise (RFC 7692 §7.1.2.2).
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.params.client_max_window_bits = bits;
        self.with_valid_windows()
    }

    /// The level in force, 1 to 9.
    pub fn compression_level(&self) -> u8 {
        self.level
    }

    /// The memory level in force, 1 to 9.
    pub fn compression_memory_level(&self) -> u8 {
        self.memory_level
    }

    /// The threshold in force, in bytes.
    pub fn compression_threshold(&self) -> usize {
        self.threshold
    }

    /// What is asked of the peer: the parameters as they stand if it agrees
    /// to everything.
    pub fn params(&self) -> DeflateParams {
        self.params
    }

    fn with_valid_windows(mut self) -> Self {
        self.params = self.params.clamped();
        self
    }
}

impl Default for Deflate {
    /// The same as [`Deflate::balanced`].
    fn default() -> Self {
        Self::balanced()
    }
}
