//! Every committed input, and a few mutations of each, through its target.

use std::fs;
use std::path::{Path, PathBuf};

use socket_flow_fuzz::TARGETS;

/// Mutations of each input: enough that a target which no longer agrees with its oracle shows,
/// few enough for every run of the tests.
const MUTATIONS: u64 = 4;

#[test]
fn every_input_and_its_mutations_satisfy_their_oracle() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(inputs.len() >= 10, "{name}: {} inputs", inputs.len());
        for path in inputs {
            let input = fs::read(&path).unwrap();
            assert!(input.len() <= 4096, "{}: too large", path.display());
            for seed in 0..=MUTATIONS {
                let mutated = socket_flow_fuzz::mutated(&input, seed);
                let judged = std::panic::catch_unwind(|| target(&mutated));
                assert!(
                    judged.is_ok(),
                    "{}, mutation {seed}: {}",
                    path.display(),
                    mutated.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn every_directory_of_inputs_belongs_to_a_target() {
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(socket_flow_fuzz::target(&name).is_some(), "{name}");
    }
}

#[test]
fn every_target_is_fuzzed_at_night() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/workflows/fuzz.yml");
    let workflow = fs::read_to_string(path).unwrap();
    for (name, _) in TARGETS {
        let item = format!("- {name}");
        assert!(workflow.lines().any(|line| line.trim() == item), "{name}");
    }
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus().join(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
