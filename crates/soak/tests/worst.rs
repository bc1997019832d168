//! The table of memory in `docs/reliability.md`: no connection asks the allocator for more than it
//! says, in any of its rows.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // the figures, with `--nocapture`

use std::fs;
use std::path::Path;

use socket_flow_soak::worst::{Column, Programs, Row, measure};

/// How many connections each figure is the mean of.
const CONNECTIONS: u64 = 100;

#[test]
fn an_idle_connection_costs_what_the_table_says() {
    check("idle");
}

#[test]
fn an_idle_connection_costs_no_more_after_a_long_head() {
    check("idle-after-head");
}

#[test]
fn half_a_client_hello_costs_what_the_table_says() {
    check("hello");
}

#[test]
fn half_a_head_costs_what_the_table_says() {
    check("head");
}

#[test]
fn a_request_that_waits_for_a_decision_costs_what_the_table_says() {
    check("undecided");
}

#[test]
fn a_connection_that_echoes_costs_what_the_table_says() {
    check("active");
}

#[test]
fn an_echo_that_is_not_read_costs_what_the_table_says() {
    check("unread");
}

#[test]
fn the_worst_connection_costs_what_the_table_says() {
    check("worst");
}

fn check(name: &str) {
    let programs = Programs {
        server: env!("CARGO_BIN_EXE_soak-server").into(),
        attack: env!("CARGO_BIN_EXE_soak-attack").into(),
        tls: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
    };
    certify(&programs.tls);
    let row = Row::named(name).unwrap();
    let mut above = Vec::new();
    for column in Column::ALL {
        let Some(most) = row.most(column) else {
            continue;
        };
        let connections = row.connections(CONNECTIONS);
        let asked = measure(&programs, row, column, connections).unwrap().asked;
        let figure = format!("{name}, {}: {asked} bytes, at most {most}", column.title());
        println!("{figure}");
        if asked > most {
            above.push(figure);
        }
    }
    assert!(above.is_empty(), "{above:#?}");
}

/// A certificate that clients trust by itself.
fn certify(directory: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::create_dir_all(directory).unwrap();
    for (file, pem) in [
        ("authority.pem", made.cert.pem()),
        ("certificate.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ] {
        fs::write(directory.join(file), pem).unwrap();
    }
}
