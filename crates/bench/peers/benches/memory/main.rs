//! What a message costs the libraries themselves: received from and sent to a stream in memory, by
//! ours and by others, through their public APIs and on one thread.
//!
//! The stream yields frames built byte by byte, 64 KiB at most with one read, and takes all that is
//! written. Each library is used as its documentation recommends for many messages: replies are
//! queued and flushed together where it can do that. All of them validate UTF-8. Every payload of
//! the first round is compared with what was sent; the timed rounds check lengths.
//!
//! ```text
//! cargo bench -p socket-flow-bench-peers --bench memory [-- FILTER]       with link-time optimisation
//! cargo bench -p socket-flow-bench-peers --bench memory --profile plain   as cargo builds by default
//! ```
//!
//! What it does not show: nothing is copied by a kernel here, so sending a large payload by reference
//! costs next to nothing, and whoever copies it into a queue, as lending it to ours does, looks many
//! times as dear. Masking keys are taken from where the library takes them: ours from a seeded CSPRNG
//! (RFC 6455 section 10.3), those of tokio-websockets with a system call for each, as its feature
//! `getrandom` has it.
//!
//! At the end, and in `memory.md` in the target directory: the best sample of each in ns per message
//! and its ratio to the best of the others. On a busy machine the best sample says more than the
//! median, which criterion prints.

mod ours;
mod peers;
mod stream;
mod summary;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::stream::{Kind, Sample};
use crate::summary::Summary;

/// Receives or sends so many messages. Those received are compared where a payload is given.
type Job = Box<dyn FnMut(usize, Option<&[u8]>)>;

/// Makes a job for a message.
type Make = fn(&Sample) -> Job;

/// The libraries: name, receiving, sending as a server, sending as a client.
const LIBRARIES: [(&str, Make, Make, Make); 7] = [
    (
        "socket-flow lent",
        ours::receive_lent,
        ours::send_lent_server,
        ours::send_lent_client,
    ),
    (
        "socket-flow owned",
        ours::receive_owned,
        ours::send_owned_server,
        ours::send_owned_client,
    ),
    (
        "tungstenite",
        peers::tungstenite::receive,
        peers::tungstenite::send_server,
        peers::tungstenite::send_client,
    ),
    (
        "fastwebsockets",
        peers::fastwebsockets::receive,
        peers::fastwebsockets::send_server,
        peers::fastwebsockets::send_client,
    ),
    (
        "tokio-websockets",
        peers::tokio_websockets::receive,
        peers::tokio_websockets::send_server,
        peers::tokio_websockets::send_client,
    ),
    (
        "yawc",
        peers::yawc::receive,
        peers::yawc::send_server,
        peers::yawc::send_client,
    ),
    (
        "sockudo-ws",
        peers::sockudo::receive,
        peers::sockudo::send_server,
        peers::sockudo::send_client,
    ),
];

fn main() {
    let target = summary::target_directory();
    // The timer of our connection needs a clock to register with; it never runs.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let _clock = runtime.enter();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .sample_size(25)
        .without_plots()
        .configure_from_args()
        .output_directory(&target.join("criterion"));
    let mut summary = Summary::new(&target);
    for sample in Sample::all() {
        let group = format!("receive {}", sample.name);
        run(&mut criterion, &mut summary, &group, &sample, |library| {
            library.1
        });
    }
    let sent = |sample: &Sample| sample.kind == Kind::Binary;
    for sample in Sample::all().into_iter().filter(sent) {
        let group = format!("send as server {}", sample.name);
        run(&mut criterion, &mut summary, &group, &sample, |library| {
            library.2
        });
        let group = format!("send as client {}", sample.name);
        run(&mut criterion, &mut summary, &group, &sample, |library| {
            library.3
        });
    }
    criterion.final_summary();
    summary.finish();
}

fn run(
    criterion: &mut Criterion,
    summary: &mut Summary,
    group: &str,
    sample: &Sample,
    make: fn(&(&str, Make, Make, Make)) -> Make,
) {
    let mut benchmarks = criterion.benchmark_group(group);
    benchmarks.throughput(Throughput::Elements(sample.messages as u64));
    for library in &LIBRARIES {
        let name = library.0;
        benchmarks.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut job = make(library)(sample);
            job(sample.messages, Some(&sample.payload));
            bencher.iter(|| job(sample.messages, None));
        });
        summary.note(group, name, sample.messages);
    }
    benchmarks.finish();
}
