//! What a peer sends, run in every way there is to read it.

use socket_flow_protocol::{
    CloseCode, CloseFrame, Closing, Config, Event, Negotiated, ProtocolError, Role,
};

use super::{Endpoint, MODES, Mode, Sent, frame, header, parse};

/// What a peer sends, and what happens then.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    role: Role,
    config: Config,
    negotiated: Negotiated,
    echo: bool,
    closing: bool,
    bytes: Vec<u8>,
}

impl Script {
    /// The peer of an endpoint of this role speaks.
    pub(crate) fn to(role: Role) -> Self {
        Self {
            role,
            config: Config::new(),
            negotiated: Negotiated::default(),
            echo: false,
            closing: false,
            bytes: Vec::new(),
        }
    }

    /// The role of the endpoint.
    pub(crate) fn receiver(&self) -> Role {
        self.role
    }

    pub(crate) fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// What the opening handshake agreed on.
    pub(crate) fn negotiated(mut self, negotiated: Negotiated) -> Self {
        self.negotiated = negotiated;
        self
    }

    /// The endpoint sends every message back.
    pub(crate) fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// The endpoint has sent a Close 1000 before the script begins.
    pub(crate) fn closing(mut self) -> Self {
        self.closing = true;
        self
    }

    /// A frame, masked where the role asks for it.
    pub(crate) fn frame(self, first: u8, payload: &[u8]) -> Self {
        let bytes = frame(self.role, first, payload);
        self.raw(&bytes)
    }

    /// Only a header, declaring `len`.
    pub(crate) fn header(self, first: u8, len: u64) -> Self {
        let bytes = header(self.role, first, len);
        self.raw(&bytes)
    }

    /// Bytes as they are.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Runs it whole, byte by byte, and cut in two at every byte (of a long
    /// script: at both ends and fifty places between), in every mode, and
    /// asserts that nothing can be told apart.
    pub(crate) fn run(&self) -> Outcome {
        let outcome = self.run_twice();
        let len = self.bytes.len();
        let stride = if len <= 300 { 1 } else { len / 50 };
        let cuts = (1..len).filter(|cut| cut % stride == 0 || *cut <= 40 || len - cut <= 40);
        for cut in cuts {
            self.run_cut(&[cut], MODES[cut % 4]).assert_same(&outcome);
            if len <= 100 {
                for mode in MODES {
                    self.run_cut(&[cut], mode).assert_same(&outcome);
                }
            }
        }
        outcome
    }

    /// As [`Script::run`], but only whole and byte by byte.
    pub(crate) fn run_twice(&self) -> Outcome {
        let outcome = self.run_cut(&[], Mode::Lent);
        let everywhere: Vec<_> = (1..self.bytes.len()).collect();
        for mode in MODES {
            self.run_cut(&[], mode).assert_same(&outcome);
            // Moving 64 KiB at each of them would take its time.
            if mode != Mode::Moved || self.bytes.len() < 1000 {
                self.run_cut(&everywhere, mode).assert_same(&outcome);
            }
        }
        outcome
    }

    /// Runs it cut at `cuts`, which are in order.
    pub(crate) fn run_cut(&self, cuts: &[usize], mode: Mode) -> Outcome {
        let negotiated = self.negotiated.clone();
        let mut endpoint = Endpoint::negotiated(self.role, &self.config, negotiated);
        endpoint.mode = mode;
        endpoint.echo = self.echo;
        if self.closing {
            endpoint.close(CloseCode::NORMAL, "").unwrap();
        }
        let ends = cuts.iter().copied().chain([self.bytes.len()]);
        let mut start = 0;
        for end in ends {
            endpoint.feed(&self.bytes[start..end]);
            start = end;
        }
        endpoint.pump();
        Outcome {
            role: self.role,
            closing: endpoint.sending.closing(),
            close_frame: endpoint.receiving.incoming().close_frame().cloned(),
            clean_eof: endpoint.end(),
            events: endpoint.events,
            error: endpoint.error,
            output: endpoint.output,
        }
    }
}

/// What a script led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    role: Role,
    pub(crate) events: Vec<Event>,
    pub(crate) error: Option<ProtocolError>,
    pub(crate) output: Vec<u8>,
    pub(crate) closing: Closing,
    pub(crate) close_frame: Option<CloseFrame>,
    /// Whether it ends in order when the peer ends the transport now.
    pub(crate) clean_eof: bool,
}

impl Outcome {
    pub(crate) fn sent(&self) -> Vec<Sent> {
        parse(self.role, &self.output)
    }

    #[track_caller]
    pub(crate) fn assert_events(&self, events: &[Event]) -> &Self {
        assert_eq!(self.events, events);
        self
    }

    #[track_caller]
    pub(crate) fn assert_sent(&self, frames: &[(u8, &[u8])]) -> &Self {
        let sent = self.sent();
        let sent: Vec<_> = sent
            .iter()
            .map(|(first, data)| (*first, &data[..]))
            .collect();
        assert_eq!(sent, frames);
        self
    }

    /// Nothing went wrong, and no Close came or went.
    #[track_caller]
    pub(crate) fn assert_open(&self) -> &Self {
        assert_eq!((self.error, self.closing), (None, Closing::Open));
        assert!(!self.clean_eof);
        self
    }

    /// The connection failed: with this error, and a last frame that is a
    /// Close with this code and a reason.
    #[track_caller]
    pub(crate) fn assert_failed(&self, error: ProtocolError, code: u16) -> &Self {
        assert_eq!(self.error, Some(error));
        assert_eq!(error.close_code().as_u16(), code);
        assert_eq!(self.closing, Closing::Sent);
        assert_eq!(self.close_frame, None);
        assert!(!self.clean_eof);
        let sent = self.sent();
        let (first, payload) = sent.last().expect("a Close");
        assert_eq!((*first, &payload[..2]), (0x88, &code.to_be_bytes()[..]));
        self
    }

    #[track_caller]
    fn assert_same(&self, other: &Self) {
        assert_eq!(
            self, other,
            "the same bytes, cut elsewhere or read otherwise"
        );
    }
}
