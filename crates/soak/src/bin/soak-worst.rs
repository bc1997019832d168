//! The table of what a connection costs a server.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout)] // a program's output

use std::io;
use std::process::ExitCode;

use lexopt::Parser;
use socket_flow_soak::options::Options;
use socket_flow_soak::worst::{Column, Figure, Programs, Row, Table, measure};

fn main() -> ExitCode {
    let options = Options::parse(Parser::from_env()).map_err(io::Error::other);
    match options.and_then(|options| run(&options)) {
        Ok(above) if above.is_empty() => ExitCode::SUCCESS,
        Ok(above) => {
            for line in above {
                eprintln!("{line}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("soak-worst: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints the table; the figures above their limits.
fn run(options: &Options) -> io::Result<Vec<String>> {
    let beside = std::env::current_exe()?;
    let tls = options.tls.clone();
    let programs = Programs {
        server: beside.with_file_name("soak-server"),
        attack: beside.with_file_name("soak-attack"),
        tls: tls.ok_or_else(|| io::Error::other("--tls is missing"))?,
    };
    for name in &options.rows {
        if Row::named(name).is_none() {
            return Err(io::Error::other(format!("there is no row '{name}'")));
        }
    }
    let mut table = Table::default();
    for row in Row::ALL {
        if options.rows.is_empty() || options.rows.iter().any(|name| name == row.name) {
            table.row(row, figures(&programs, &row, options.connections)?);
        }
    }
    println!("{table}");
    Ok(table.above())
}

fn figures(programs: &Programs, row: &Row, connections: u64) -> io::Result<[Option<Figure>; 4]> {
    let connections = row.connections(connections);
    let mut figures = [None; 4];
    for (column, cell) in Column::ALL.into_iter().zip(&mut figures) {
        if row.most(column).is_none() {
            continue;
        }
        let (name, title) = (row.name, column.title());
        let figure = measure(programs, row, column, connections)
            .map_err(|error| io::Error::other(format!("{name}, {title}: {error}")))?;
        let (asked, resident) = (figure.asked, figure.resident);
        eprintln!("{name}, {title}: {asked} bytes asked, {resident} resident, of {connections}");
        *cell = Some(figure);
    }
    Ok(figures)
}
