//! The inputs of fuzz targets, as bytes for a wire.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::replay::frames;

/// Which end of a connection is given the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Server,
    Client,
}

/// At what point it is given them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// As the request, or as the answer to it.
    Opening,
    /// As frames on an open connection.
    Frames,
}

/// Bytes, and who gets them.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The file, from the directory of all targets.
    pub(crate) name: String,
    pub(crate) stage: Stage,
    pub(crate) side: Side,
    pub(crate) bytes: Vec<u8>,
    /// Of a client's opening: whether it offers subprotocols, and compression.
    pub(crate) offers_subprotocols: bool,
    pub(crate) offers_deflate: bool,
}

/// The targets whose inputs end with what is on the wire.
const TARGETS: [&str; 3] = ["frame_decode", "hs_client", "hs_server"];

/// Reads the inputs of these directories, each input once.
pub(crate) fn cases(directories: &[PathBuf], only: &str) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for target in TARGETS {
        // Inputs that differ in what is not replayed are one.
        let mut seen = BTreeMap::new();
        for directory in directories {
            for (name, input) in inputs(&directory.join(target))? {
                let name = format!("{target}/{name}");
                if name.contains(only) {
                    seen.entry(parsed(target, &input)).or_insert(name);
                }
            }
        }
        for ((options, bytes), name) in seen {
            cases.extend(made(target, &name, options, bytes));
        }
    }
    Ok(cases)
}

/// The files of a directory with their names, in order; none where there is no directory.
fn inputs(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut inputs = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        let path = entry.map_err(Error::file(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        inputs.push((
            name.into_owned(),
            fs::read(&path).map_err(Error::file(&path))?,
        ));
    }
    inputs.sort();
    Ok(inputs)
}

/// An input as these targets read it: a byte of choices, the number of places to cut at, two bytes
/// for each of them, and what is on the wire. Of the choices those are kept that matter here.
fn parsed(target: &str, input: &[u8]) -> (u8, Vec<u8>) {
    let choices = match target {
        "frame_decode" => 0b001,
        "hs_client" => 0b101,
        _ => 0b000,
    };
    let options = input.first().copied().unwrap_or(0) & choices;
    let cuts = usize::from(input.get(1).copied().unwrap_or(0) % 9);
    let bytes = input.get(2 + 2 * cuts..).unwrap_or_default();
    (options, bytes.to_vec())
}

/// What is replayed of an input. Frames are for one end; the other gets them with the mask that
/// it expects, so that it is given more than a first frame to refuse.
fn made(target: &str, name: &str, options: u8, bytes: Vec<u8>) -> Vec<Case> {
    let case = |stage, side, bytes| Case {
        name: name.to_owned(),
        stage,
        side,
        bytes,
        offers_subprotocols: target == "hs_client" && options & 1 != 0,
        offers_deflate: target == "hs_client" && options & 4 != 0,
    };
    match target {
        "hs_server" => vec![case(Stage::Opening, Side::Server, bytes)],
        "hs_client" => vec![case(Stage::Opening, Side::Client, bytes)],
        _ => {
            let (side, other) = match options & 1 {
                0 => (Side::Client, Side::Server),
                _ => (Side::Server, Side::Client),
            };
            let turned = frames::turned(&bytes);
            vec![
                case(Stage::Frames, side, bytes),
                case(Stage::Frames, other, turned),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn an_input_ends_with_what_is_on_the_wire() {
        assert_eq!(
            parsed("hs_client", b"\x07\x01\xff\xffHTTP/1.1"),
            (5, b"HTTP/1.1".to_vec())
        );
        assert_eq!(
            parsed("frame_decode", b"\x03\x09\x81\x00"),
            (1, vec![0x81, 0])
        );
        assert_eq!(parsed("hs_server", b"\x01\x02\x00"), (0, Vec::new()));
        assert_eq!(parsed("hs_server", b""), (0, Vec::new()));
    }

    #[test]
    fn frames_are_for_both_ends_and_an_opening_for_one() {
        let cases = made("frame_decode", "f", 1, vec![0x81, 0x81, 1, 1, 1, 1, b'x']);
        assert_eq!((cases.len(), cases[0].side), (2, Side::Server));
        assert_eq!(
            (cases[1].side, &cases[1].bytes[..]),
            (Side::Client, &[0x81, 1, b'y'][..])
        );
        assert_eq!(made("hs_server", "s", 0, Vec::new()).len(), 1);
    }

    #[test]
    fn the_committed_inputs_are_requests_answers_and_frames() {
        let corpus = workspace::root().join("crates/fuzz/corpus");
        let cases = cases(&[corpus.clone(), corpus], "").unwrap();
        let opened = |side, begins: &[u8]| {
            let mut openings = cases.iter().filter(|case| case.stage == Stage::Opening);
            openings.any(|case| case.side == side && case.bytes.starts_with(begins))
        };
        assert!(opened(Side::Server, b"GET / HTTP/1.1\r\nHost: "));
        assert!(opened(Side::Client, b"HTTP/1.1 101 "));
        assert!(cases.iter().any(|case| case.stage == Stage::Frames));
    }
}
