//! Hosts on a simulated network: held up, cut off, and crashed.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket_flow::{Backoff, ClientBuilder, CloseCode, Config, ReconnectEvent, WebSocket};
use socket_flow_testing::conversation::{self, Talk};
use socket_flow_testing::{Ledger, Random, Received, Report, Seeds};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const SEEDS: u64 = 3;

const PORT: u16 = 9001;

/// Deadlines that a simulated minute has room for.
fn config() -> Config {
    Config::new()
        .ping_interval(Duration::from_secs(1))
        .pong_timeout(Duration::from_secs(2))
        .stall_timeout(Duration::from_secs(4))
        .close_timeout(Duration::from_secs(2))
}

fn network<'a>(seed: u64) -> Sim<'a> {
    Builder::new()
        .rng_seed(seed)
        .tick_duration(Duration::from_millis(5))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(40))
        .simulation_duration(Duration::from_secs(600))
        .tcp_capacity(1 << 16)
        .build()
}

fn client() -> ClientBuilder {
    ClientBuilder::new(format!("ws://server:{PORT}/")).config(config())
}

async fn connect() -> Result<WebSocket<TcpStream>, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(("server", PORT)).await?;
    Ok(client().connect_on(stream).await?.0)
}

async fn listen() -> TcpListener {
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    TcpListener::bind((any, PORT)).await.unwrap()
}

async fn accept(listener: &TcpListener) -> Option<WebSocket<TcpStream>> {
    let (stream, _) = listener.accept().await.ok()?;
    let acceptor = socket_flow::Acceptor::new().config(config());
    acceptor.accept(stream).await.ok()
}

/// Runs until all clients are through; `each_tick` is asked before every step.
fn run(sim: &mut Sim<'_>, mut each_tick: impl FnMut(&mut Sim<'_>)) {
    loop {
        each_tick(sim);
        if sim.step().unwrap() {
            return;
        }
    }
}

#[test]
fn a_network_that_holds_everything_up_for_a_while_loses_nothing() {
    let seeds = Seeds::of(
        "chaos",
        "a_network_that_holds_everything_up_for_a_while_loses_nothing",
        SEEDS,
    );
    seeds.each(|seed| {
        let mut holds = 0;
        let sum = Rc::new(Cell::new(Report::default()));
        let result = Rc::clone(&sum);
        let mut sim = network(seed);
        sim.host("server", || async {
            let listener = listen().await;
            while let Some(ws) = accept(&listener).await {
                conversation::echo_back(ws).await?;
            }
            Ok(())
        });
        sim.client("client", async move {
            let talk = Talk {
                seed,
                messages: 30,
                longest: 3_000,
            };
            result.set(conversation::hear_echoes(connect().await?, talk).await);
            Ok(())
        });
        let mut random = Random::with_seed(seed);
        let mut held_until = None;
        run(&mut sim, |sim| match held_until {
            // Shorter than any deadline.
            None if random.usize(..40) == 0 => {
                sim.hold("client", "server");
                holds += 1;
                let pause = random.u64(50..=900);
                held_until = Some(sim.elapsed() + Duration::from_millis(pause));
            }
            Some(until) if sim.elapsed() >= until => {
                sim.release("client", "server");
                held_until = None;
            }
            _ => {}
        });
        let mut report = sum.take();
        report.assert_clean();
        report.add("network-holds", holds);
        report
    });
}

/// Sends and receives until it is told that the connection is over, and by
/// which code.
async fn until_told(
    mut ws: WebSocket<TcpStream>,
    ours: Ledger,
    theirs: Ledger,
) -> (Report, Option<u16>) {
    let mut received = Received::new(theirs);
    let mut sent = 0;
    let mut next = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            biased;
            message = ws.recv() => match message {
                Ok(Some(message)) => received.receive(message.as_ref()),
                Ok(None) => {
                    let code = ws.close_frame().map(|frame| frame.code.as_u16());
                    return (received.so_far(), code);
                }
                Err(error) => return (received.so_far(), error.close_code()),
            },
            _ = next.tick() => {
                if ws.queue(ours.message(sent)).is_ok() {
                    sent += 1;
                }
            }
        }
    }
}

#[test]
fn both_ends_of_a_cut_network_are_told_by_their_deadlines() {
    let seeds = Seeds::of(
        "chaos",
        "both_ends_of_a_cut_network_are_told_by_their_deadlines",
        SEEDS,
    );
    seeds.each(|seed| {
        let mut report = Report::default();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (up, down) = (Ledger::new(seed, 3_000), Ledger::new(!seed, 3_000));
        let mut sim = network(seed);
        // A client of the network is whoever must come to an end.
        let told = Arc::clone(&ends);
        sim.client("server", async move {
            let ws = accept(&listen().await).await.unwrap();
            let end = until_told(ws, down, up).await;
            told.lock().unwrap().push(end);
            Ok(())
        });
        let told = Arc::clone(&ends);
        sim.client("client", async move {
            let end = until_told(connect().await?, up, down).await;
            told.lock().unwrap().push(end);
            Ok(())
        });
        let mut random = Random::with_seed(seed);
        let cut_at = Duration::from_millis(random.u64(500..=3_000));
        let one_way = random.usize(..3);
        let mut is_cut = false;
        run(&mut sim, |sim| {
            if !is_cut && sim.elapsed() >= cut_at {
                is_cut = true;
                match one_way {
                    0 => sim.partition_oneway("client", "server"),
                    1 => sim.partition_oneway("server", "client"),
                    _ => sim.partition("client", "server"),
                }
            }
        });
        // The ping, its answer, the closing and the looks of the watches.
        let patience = Duration::from_secs(1 + 2 + 2 + 5);
        let late = sim.elapsed().saturating_sub(cut_at);
        assert!(late <= patience, "told after {late:?}");
        let ends = ends.lock().unwrap();
        assert_eq!(ends.len(), 2);
        for (seen, code) in ends.iter() {
            seen.assert_clean();
            // 1011: a Close of the end that hears nothing, where one way is
            // left open.
            let is_told = matches!(code, Some(1006) | Some(1011));
            assert!(is_told, "told {code:?}");
            report += seen.clone();
        }
        report.add("network-cuts", 1);
        report
    });
}

#[test]
fn a_client_that_reconnects_outlives_a_server_that_crashes() {
    const CRASHES: u32 = 3;
    let seeds = Seeds::of(
        "chaos",
        "a_client_that_reconnects_outlives_a_server_that_crashes",
        SEEDS,
    );
    seeds.each(|seed| {
        let mut report = Report::default();
        let ledger = Ledger::new(seed, 500);
        // What all lives of the server heard, and how many there were.
        let heard = Arc::new(Mutex::new(Received::new(ledger)));
        let server = Arc::clone(&heard);
        let mut sim = network(seed);
        sim.host("server", move || {
            let heard = Arc::clone(&server);
            async move {
                let listener = listen().await;
                loop {
                    let Some(mut ws) = accept(&listener).await else {
                        continue;
                    };
                    while let Ok(Some(message)) = ws.recv().await {
                        heard.lock().unwrap().receive(message.as_ref());
                        if ws.send(message).await.is_err() {
                            break;
                        }
                    }
                }
            }
        });
        let crashes = Arc::new(Mutex::new(0));
        let crashed = Arc::clone(&crashes);
        let echoes = Arc::new(Mutex::new((Received::new(ledger), 0)));
        let echoed = Arc::clone(&echoes);
        sim.client("client", async move {
            let backoff = Backoff::default()
                .first_delay(Duration::from_millis(50))
                .max_delay(Duration::from_millis(400))
                .jitter(false);
            let mut client =
                client().reconnect_on(backoff, || TcpStream::connect(("server", PORT)));
            let sender = client.sender();
            let mut sent = 0;
            let mut is_connected = false;
            let mut next = tokio::time::interval(Duration::from_millis(20));
            let mut calm = 0;
            loop {
                tokio::select! {
                    biased;
                    event = client.next() => match event {
                        Some(ReconnectEvent::Connected(_)) => is_connected = true,
                        Some(ReconnectEvent::Disconnected { .. }) => is_connected = false,
                        Some(ReconnectEvent::Message(message)) => {
                            echoed.lock().unwrap().0.receive(message.as_ref());
                        }
                        Some(_) => {}
                        None => break,
                    },
                    _ = next.tick() => {
                        if is_connected && sender.try_send(ledger.message(sent)).is_ok() {
                            sent += 1;
                        }
                        if is_connected && *crashed.lock().unwrap() == CRASHES {
                            calm += 1;
                        }
                        // All that is sent from here on must arrive.
                        if calm == 100 {
                            sender.close(CloseCode::NORMAL, "")?;
                        }
                    }
                }
            }
            echoed.lock().unwrap().1 = sent;
            Ok(())
        });
        let mut random = Random::with_seed(seed);
        let mut next_at = Duration::from_millis(random.u64(300..=2_000));
        let mut is_up = true;
        run(&mut sim, |sim| {
            if sim.elapsed() < next_at || (is_up && *crashes.lock().unwrap() == CRASHES) {
                return;
            }
            if is_up {
                sim.crash("server");
            } else {
                sim.bounce("server");
                *crashes.lock().unwrap() += 1;
            }
            is_up = !is_up;
            next_at = sim.elapsed() + Duration::from_millis(random.u64(300..=3_000));
        });
        // What a connection took that was lost is lost, and nobody sends it
        // again; all else arrived once, in order and whole.
        let heard = heard.lock().unwrap();
        let (echoes, sent) = &*echoes.lock().unwrap();
        for received in [&*heard, echoes] {
            let seen = received.judge(None, u64::MAX);
            seen.assert_clean();
            assert_eq!(received.next(), *sent, "the last one did not arrive");
            report += seen;
        }
        report.add("network-crashes", u64::from(CRASHES));
        report
    });
}
