//! The suite's JSON report: one index, and one file per case.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What the suite says about one case, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub(crate) enum Behaviour {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "INFORMATIONAL")]
    Informational,
    #[serde(rename = "NON-STRICT")]
    NonStrict,
    #[serde(rename = "UNIMPLEMENTED")]
    Unimplemented,
    /// Closing only: the suite had to drop the TCP connection that the server should have dropped.
    #[serde(rename = "FAILED BY CLIENT")]
    FailedByClient,
    /// Closing only: no clean close where one is required.
    #[serde(rename = "UNCLEAN")]
    Unclean,
    /// Closing only: a close code the case does not list.
    #[serde(rename = "WRONG CODE")]
    WrongCode,
    #[serde(rename = "FAILED")]
    Failed,
}

impl Behaviour {
    /// Every verdict, from best to worst.
    pub(crate) const ALL: [Self; 8] = [
        Self::Ok,
        Self::Informational,
        Self::NonStrict,
        Self::Unimplemented,
        Self::FailedByClient,
        Self::Unclean,
        Self::WrongCode,
        Self::Failed,
    ];
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Informational => "INFORMATIONAL",
            Self::NonStrict => "NON-STRICT",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::FailedByClient => "FAILED BY CLIENT",
            Self::Unclean => "UNCLEAN",
            Self::WrongCode => "WRONG CODE",
            Self::Failed => "FAILED",
        })
    }
}

/// The verdicts on the cases that ran, by id.
#[derive(Debug, Default)]
pub(crate) struct Report(pub(crate) BTreeMap<String, Outcome>);

/// The verdict on one case, and what it rests on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    #[serde(rename = "behavior")]
    pub(crate) behaviour: Behaviour,
    #[serde(rename = "behaviorClose")]
    pub(crate) behaviour_close: Behaviour,
    /// The code of the Close frame our side sent, if it sent one with a code.
    pub(crate) remote_close_code: Option<u16>,
    /// Whether both Close frames were seen before the TCP connection ended.
    pub(crate) was_clean: bool,
    /// Whether the suite ended the TCP connection itself.
    pub(crate) dropped_by_me: bool,
    pub(crate) was_server_connection_drop_timeout: bool,
    pub(crate) was_open_handshake_timeout: bool,
    pub(crate) was_close_handshake_timeout: bool,
    pub(crate) expected_close: ExpectedClose,
    /// How long the case took, in milliseconds.
    pub(crate) duration: u64,
}

/// How the suite wants the case to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExpectedClose {
    /// Whether the suite starts the closing handshake.
    pub(crate) closed_by_me: bool,
    pub(crate) close_code: Vec<u16>,
}

/// One case in the index.
#[derive(Deserialize)]
struct Entry {
    behavior: Behaviour,
    #[serde(rename = "behaviorClose")]
    behavior_close: Behaviour,
    reportfile: String,
}

impl Report {
    /// Reads the report that lies in `directory`, of exactly one agent: `agent`, where it is known.
    pub(crate) fn load(directory: &Path, agent: Option<&str>) -> Result<Self, Error> {
        let index = directory.join("index.json");
        let text = fs::read_to_string(&index).map_err(Error::file(&index))?;
        let entries = entries(&text, agent).map_err(|detail| Error::data(&index, detail))?;
        let mut outcomes = BTreeMap::new();
        for (id, entry) in entries {
            let path = directory.join(&entry.reportfile);
            let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
            let outcome: Outcome =
                serde_json::from_str(&text).map_err(|error| Error::data(&path, error))?;
            let verdict = (outcome.behaviour, outcome.behaviour_close);
            if verdict != (entry.behavior, entry.behavior_close) {
                return Err(Error::data(&path, "the index has another verdict"));
            }
            outcomes.insert(id, outcome);
        }
        Ok(Self(outcomes))
    }
}

fn entries(index: &str, agent: Option<&str>) -> Result<BTreeMap<String, Entry>, String> {
    let mut agents: BTreeMap<String, BTreeMap<String, Entry>> =
        serde_json::from_str(index).map_err(|error| error.to_string())?;
    let first = agents.keys().next().cloned();
    let agent = agent.or(first.as_deref()).ok_or("no results")?;
    // The suite writes `{}` and exits 0 when it reached nobody at all.
    let entries = agents.remove(agent).ok_or_else(|| {
        let found: Vec<String> = agents.keys().cloned().collect();
        format!("no results of '{agent}', only of [{}]", found.join(", "))
    })?;
    match agents.keys().next() {
        Some(other) => Err(format!("results of '{other}' beside those of '{agent}'")),
        None => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"socket-flow": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK",
        "duration": 2, "remoteCloseCode": 1000, "reportfile": "socket_flow_case_1_1_1.json"}}}"#;

    const CASE: &str = r#"{"agent": "socket-flow", "behavior": "OK", "behaviorClose": "OK",
        "case": 1, "closedByMe": true, "droppedByMe": false, "duration": 2,
        "expectedClose": {"closeCode": [1000], "closedByMe": true, "requireClean": true},
        "failedByMe": true, "id": "1.1.1", "remoteCloseCode": 1000, "wasClean": true,
        "wasCloseHandshakeTimeout": false, "wasOpenHandshakeTimeout": false,
        "wasServerConnectionDropTimeout": false}"#;

    fn directory(name: &str, index: &str, case: &str) -> std::path::PathBuf {
        let name = format!("xtask-report-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("index.json"), index).unwrap();
        fs::write(directory.join("socket_flow_case_1_1_1.json"), case).unwrap();
        directory
    }

    #[test]
    fn index_and_case_files_are_joined() {
        let directory = directory("joined", INDEX, CASE);
        let report = Report::load(&directory, Some("socket-flow")).unwrap();
        let outcome = &report.0["1.1.1"];
        assert_eq!(outcome.behaviour, Behaviour::Ok);
        assert_eq!(outcome.remote_close_code, Some(1000));
        assert!(outcome.was_clean && outcome.expected_close.closed_by_me);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_empty_report_is_an_error() {
        let error = entries("{}", Some("socket-flow")).map(|_| ()).unwrap_err();
        assert_eq!(error, "no results of 'socket-flow', only of []");
        let error = entries("{}", None).map(|_| ()).unwrap_err();
        assert_eq!(error, "no results");
    }

    #[test]
    fn results_of_a_second_agent_are_an_error() {
        let index = r#"{"socket-flow": {}, "other": {}}"#;
        let error = entries(index, Some("socket-flow")).map(|_| ()).unwrap_err();
        assert_eq!(error, "results of 'other' beside those of 'socket-flow'");
        let error = entries(index, None).map(|_| ()).unwrap_err();
        assert_eq!(error, "results of 'socket-flow' beside those of 'other'");
    }

    #[test]
    fn an_agent_that_is_not_known_before_is_the_only_one() {
        let index = INDEX.replace("socket-flow", "other");
        assert!(entries(&index, None).unwrap().contains_key("1.1.1"));
        assert!(entries(&index, Some("socket-flow")).is_err());
    }

    #[test]
    fn a_missing_case_file_is_an_error() {
        let directory = directory("missing", INDEX, CASE);
        fs::remove_file(directory.join("socket_flow_case_1_1_1.json")).unwrap();
        assert!(matches!(
            Report::load(&directory, Some("socket-flow")),
            Err(Error::File { .. })
        ));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_index_that_contradicts_its_case_file_is_an_error() {
        let case = CASE.replacen(r#""behavior": "OK""#, r#""behavior": "FAILED""#, 1);
        let directory = directory("contradiction", INDEX, &case);
        assert!(matches!(
            Report::load(&directory, Some("socket-flow")),
            Err(Error::Data { .. })
        ));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn verdicts_are_written_as_the_suite_writes_them() {
        for behaviour in Behaviour::ALL {
            let json = serde_json::to_string(&behaviour).unwrap();
            assert_eq!(json, format!("\"{behaviour}\""));
        }
    }
}
