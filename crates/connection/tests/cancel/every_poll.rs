//! Every asynchronous function, given up at every poll, with a ledger that
//! must come out even.

use socket_flow_connection::{
    CloseCode, Config, Error, Event, Message, OwnedReader, OwnedWriter, Sender, WebSocket,
};
use socket_flow_testing::cancel::at_every_poll;
use socket_flow_testing::{Chaos, Faults, Ledger, Mode, PollBudget, Received, Report, Seeds};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::support::{Client, Server, open};

type Socket = WebSocket<Chaos<DuplexStream>>;
type Halves = (
    OwnedReader<Chaos<DuplexStream>>,
    OwnedWriter<Chaos<DuplexStream>>,
);

const MESSAGES: u64 = 6;

fn ledger() -> Ledger {
    Ledger::new(11, 200)
}

/// A client and a server over pipes in which everything takes its time.
fn pair() -> (Socket, Socket) {
    let faults = Faults::new();
    let (near, far) = tokio::io::duplex(64);
    // A queue that fills up quickly, so that there is something to wait for.
    let config = Config::new().high_water(100);
    let chaos = |io, seed| Chaos::new(io, Mode::Both, seed, &faults);
    (
        open(chaos(near, 3), Client, config.clone()),
        open(chaos(far, 4), Server, config),
    )
}

/// What a server sends that closes when it is through.
fn speaking(mut server: Socket) -> JoinHandle<Result<(), Error>> {
    tokio::spawn(async move {
        for number in 0..MESSAGES {
            if number == 2 {
                server.ping(b"between").await?;
            }
            server.send(ledger().message(number)).await?;
        }
        server.close(CloseCode::NORMAL, "").await.map(drop)
    })
}

/// All that a server hears until the connection is closed.
fn listening(mut server: Socket) -> JoinHandle<Vec<Event>> {
    tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(event) = server.recv_event().await.unwrap() {
            heard.push(event);
        }
        heard
    })
}

/// Calls that receive.
fn receiving<T>(
    name: &'static str,
    make: impl Fn(Socket) -> T,
    receive: impl AsyncFn(&mut T) -> Result<Option<Message>, Error>,
) {
    at_every_poll(name, async |budget| {
        let (client, server) = pair();
        let speaking = speaking(server);
        let mut half = make(client);
        let mut received = Received::new(ledger());
        while let Some(message) = budget
            .insist(async || receive(&mut half).await)
            .await
            .unwrap()
        {
            received.receive(message.as_ref());
        }
        speaking.await.unwrap().unwrap();
        received.complete(MESSAGES)
    });
}

/// Calls that send: what is given up is sent whole, or not at all.
fn sending<T>(
    name: &'static str,
    make: impl Fn(Socket) -> T,
    send: impl AsyncFn(&mut T, Message) -> Result<(), Error>,
    close: impl AsyncFn(T),
) {
    at_every_poll(name, async |budget| {
        let (client, server) = pair();
        let listening = listening(server);
        let mut half = make(client);
        let mut given_up = None;
        for number in 0..MESSAGES {
            match budget
                .attempt(send(&mut half, ledger().message(number)))
                .await
            {
                Some(sent) => sent.unwrap(),
                None => given_up = Some(number),
            }
        }
        close(half).await;
        whole_or_not_at_all(&listening.await.unwrap(), given_up)
    });
}

fn whole_or_not_at_all(heard: &[Event], given_up: Option<u64>) -> Report {
    let messages: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Message(message) => Some(message.clone()),
            _ => None,
        })
        .collect();
    let all: Vec<_> = (0..MESSAGES)
        .map(|number| ledger().message(number))
        .collect();
    let mut without = all.clone();
    if let Some(number) = given_up {
        without.remove(number as usize);
    }
    assert!(
        messages == all || messages == without,
        "{} messages arrived, {given_up:?} was given up",
        messages.len()
    );
    let mut report = Report::default();
    report.add("messages", messages.len() as u64);
    report
}

/// Ends a connection that has sent everything.
async fn close(mut ws: Socket) {
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
}

async fn close_halves((mut reader, mut writer): Halves) {
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), None);
}

fn only_messages(event: Option<Event>) -> Option<Option<Message>> {
    match event {
        Some(Event::Message(message)) => Some(Some(message)),
        Some(_) => None,
        None => Some(None),
    }
}

#[test]
fn a_receive_given_up_at_any_poll_loses_nothing() {
    receiving(
        "WebSocket::recv",
        |ws| ws,
        async |ws: &mut Socket| ws.recv().await,
    );
    receiving(
        "WebSocket::next",
        |ws| ws,
        async |ws: &mut Socket| futures_util::StreamExt::next(ws).await.transpose(),
    );
    receiving(
        "WebSocket::recv_event",
        |ws| ws,
        async |ws: &mut Socket| loop {
            if let Some(message) = only_messages(ws.recv_event().await?) {
                return Ok(message);
            }
        },
    );
}

#[test]
fn a_lending_receive_given_up_at_any_poll_loses_nothing() {
    receiving(
        "Reader::recv",
        |ws| ws,
        async |ws: &mut Socket| {
            let (reader, writer) = ws.halves();
            Ok(reader.recv(writer).await?.map(|lent| lent.to_message()))
        },
    );
    receiving(
        "Reader::recv_event",
        |ws| ws,
        async |ws: &mut Socket| loop {
            let (reader, writer) = ws.halves();
            match reader.recv_event(writer).await? {
                Some(socket_flow_connection::EventRef::Message(lent)) => {
                    return Ok(Some(lent.to_message()));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        },
    );
}

#[test]
fn an_owned_halfs_receive_given_up_at_any_poll_loses_nothing() {
    receiving(
        "OwnedReader::recv",
        WebSocket::into_split,
        async |halves: &mut Halves| halves.0.recv().await,
    );
    receiving(
        "OwnedReader::recv_ref",
        WebSocket::into_split,
        async |halves: &mut Halves| Ok(halves.0.recv_ref().await?.map(|lent| lent.to_message())),
    );
    receiving(
        "OwnedReader::recv_event",
        WebSocket::into_split,
        async |halves: &mut Halves| loop {
            if let Some(message) = only_messages(halves.0.recv_event().await?) {
                return Ok(message);
            }
        },
    );
}

#[test]
fn a_send_given_up_at_any_poll_is_whole_or_not_at_all() {
    let send = async |ws: &mut Socket, message| ws.send(message).await;
    sending("WebSocket::send", |ws| ws, send, close);
    let send = async |ws: &mut Socket, message| ws.halves().1.send(message).await;
    sending("Writer::send", |ws| ws, send, close);
    let send = async |halves: &mut Halves, message| halves.1.send(message).await;
    sending(
        "OwnedWriter::send",
        WebSocket::into_split,
        send,
        close_halves,
    );
}

#[test]
fn a_sink_given_up_at_any_poll_takes_messages_whole_or_not_at_all() {
    use futures_util::SinkExt;

    let send = async |ws: &mut Socket, message| SinkExt::send(ws, message).await;
    sending("Sink::send", |ws| ws, send, close);
    let feed = async |ws: &mut Socket, message| SinkExt::feed(ws, message).await;
    sending("Sink::feed", |ws| ws, feed, close);
    at_every_poll("Sink::close", async |budget| {
        let (mut client, server) = pair();
        let listening = listening(server);
        for number in 0..MESSAGES {
            client.feed(ledger().message(number)).await.unwrap();
        }
        budget
            .insist(async || SinkExt::close(&mut client).await)
            .await
            .unwrap();
        close(client).await;
        whole_or_not_at_all(&listening.await.unwrap(), None)
    });
}

#[test]
fn a_wait_for_room_or_a_flush_given_up_at_any_poll_loses_nothing() {
    type Wait<T> = fn(&mut T) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + '_>>;
    fn waiting<T>(
        name: &'static str,
        make: impl Fn(Socket) -> T,
        wait: Wait<T>,
        queue: impl Fn(&mut T, Message),
        ready: impl AsyncFn(&mut T),
        close: impl AsyncFn(T),
    ) {
        at_every_poll(name, async |budget: &PollBudget| {
            let (client, server) = pair();
            let listening = listening(server);
            let mut half = make(client);
            for number in 0..MESSAGES {
                ready(&mut half).await;
                queue(&mut half, ledger().message(number));
                budget.insist(async || wait(&mut half).await).await.unwrap();
            }
            close(half).await;
            whole_or_not_at_all(&listening.await.unwrap(), None)
        });
    }
    let ready = async |ws: &mut Socket| ws.ready().await.unwrap();
    let queue = |ws: &mut Socket, message| ws.queue(message).unwrap();
    let wait: Wait<Socket> = |ws| Box::pin(ws.flush());
    waiting("WebSocket::flush", |ws| ws, wait, queue, ready, close);
    let wait: Wait<Socket> = |ws| Box::pin(ws.ready());
    waiting("WebSocket::ready", |ws| ws, wait, queue, ready, close);
    let wait: Wait<Socket> = |ws| Box::pin(ws.halves().1.flush());
    waiting("Writer::flush", |ws| ws, wait, queue, ready, close);
    let wait: Wait<Socket> = |ws| Box::pin(ws.halves().1.ready());
    waiting("Writer::ready", |ws| ws, wait, queue, ready, close);
    let ready = async |halves: &mut Halves| halves.1.ready().await.unwrap();
    let queue = |halves: &mut Halves, message| halves.1.queue(message).unwrap();
    let wait: Wait<Halves> = |halves| Box::pin(halves.1.flush());
    waiting(
        "OwnedWriter::flush",
        WebSocket::into_split,
        wait,
        queue,
        ready,
        close_halves,
    );
    let wait: Wait<Halves> = |halves| Box::pin(halves.1.ready());
    waiting(
        "OwnedWriter::ready",
        WebSocket::into_split,
        wait,
        queue,
        ready,
        close_halves,
    );
}

#[test]
fn a_ping_given_up_at_any_poll_is_whole_or_not_at_all() {
    fn pinging<T>(
        name: &'static str,
        make: impl Fn(Socket) -> T,
        ping: impl AsyncFn(&mut T, &[u8]) -> Result<(), Error>,
        close: impl AsyncFn(T),
    ) {
        at_every_poll(name, async |budget: &PollBudget| {
            let (client, server) = pair();
            let listening = listening(server);
            let mut half = make(client);
            let mut expected = Vec::new();
            let mut given_up = None;
            for number in 0..20_u8 {
                let data = [number; 40];
                match budget.attempt(ping(&mut half, &data)).await {
                    Some(sent) => sent.unwrap(),
                    None => given_up = Some(data.to_vec()),
                }
                expected.push(data.to_vec());
            }
            close(half).await;
            let heard = listening.await.unwrap();
            let pings: Vec<_> = heard
                .iter()
                .filter_map(|event| match event {
                    Event::Ping(data) => Some(data.to_vec()),
                    _ => None,
                })
                .collect();
            if pings != expected {
                expected.retain(|data| Some(data) != given_up.as_ref());
            }
            assert_eq!(pings, expected);
            Report::default()
        });
    }
    let ping = async |ws: &mut Socket, data: &[u8]| ws.ping(data).await;
    pinging("WebSocket::ping", |ws| ws, ping, close);
    let ping = async |ws: &mut Socket, data: &[u8]| ws.halves().1.ping(data).await;
    pinging("Writer::ping", |ws| ws, ping, close);
    let ping = async |halves: &mut Halves, data: &[u8]| halves.1.ping(data).await;
    pinging(
        "OwnedWriter::ping",
        WebSocket::into_split,
        ping,
        close_halves,
    );
}

#[test]
fn a_close_given_up_at_any_poll_is_completed_by_the_next_one() {
    at_every_poll("WebSocket::close", async |budget| {
        let (mut client, server) = pair();
        let listening = listening(server);
        for number in 0..MESSAGES {
            client.send(ledger().message(number)).await.unwrap();
        }
        let closing = budget
            .insist(async || client.close(CloseCode::NORMAL, "x").await)
            .await;
        assert!(closing.unwrap().clean);
        whole_or_not_at_all(&listening.await.unwrap(), None)
    });
    at_every_poll("OwnedWriter::close", async |budget| {
        let (client, server) = pair();
        let listening = listening(server);
        let (mut reader, mut writer) = client.into_split();
        for number in 0..MESSAGES {
            writer.send(ledger().message(number)).await.unwrap();
        }
        let closing = budget
            .insist(async || writer.close(CloseCode::NORMAL, "x").await)
            .await;
        closing.unwrap();
        assert_eq!(reader.recv().await.unwrap(), None);
        whole_or_not_at_all(&listening.await.unwrap(), None)
    });
}

#[test]
fn a_part_given_up_at_any_poll_is_whole_or_not_at_all() {
    let parts = ["one ", "two ", "three ", "four ", "five ", "six"].map(|part| part.repeat(10));
    at_every_poll("MessageWriter::write+finish", async |budget| {
        let (mut client, server) = pair();
        let listening = listening(server);
        let mut without = parts.to_vec();
        for (number, part) in parts.iter().enumerate() {
            let mut writer = client.message_writer();
            let is_last = number + 1 == parts.len();
            let sent = match is_last {
                true => budget.attempt(writer.finish(part.as_str())).await,
                false => budget.attempt(writer.write(part.as_str())).await,
            };
            match sent {
                Some(sent) => sent.unwrap(),
                None => without[number].clear(),
            }
        }
        if client.is_unfinished() {
            client.message_writer().finish("").await.unwrap();
        }
        close(client).await;
        let heard = listening.await.unwrap();
        let [Event::Message(message), ..] = &heard[..] else {
            panic!("{heard:?}");
        };
        let text = message.as_text().unwrap();
        assert!(text == parts.concat() || text == without.concat(), "{text}");
        let mut report = Report::default();
        report.add("messages", 1);
        report
    });
}

#[test]
fn a_senders_send_given_up_at_any_poll_is_whole_or_not_at_all() {
    type Handle = (Sender, JoinHandle<()>);
    let make = |mut ws: Socket| -> Handle {
        let sender = ws.sender();
        let receiving = async move { assert_eq!(ws.recv().await.unwrap(), None) };
        (sender, tokio::spawn(receiving))
    };
    let send = async |(sender, _): &mut Handle, message: Message| Ok(sender.send(message).await?);
    let close = async |(sender, receiving): Handle| {
        sender.close(CloseCode::NORMAL, "").unwrap();
        receiving.await.unwrap();
    };
    sending("Sender::send", make, send, close);
}

#[test]
fn a_drive_given_up_at_any_poll_loses_nothing() {
    at_every_poll("WebSocket::drive", async |budget| {
        let (mut client, server) = pair();
        let listening = listening(server);
        let sender = client.sender();
        let sending = tokio::spawn(async move {
            for number in 0..MESSAGES {
                sender.send(ledger().message(number)).await.unwrap();
            }
            sender.close(CloseCode::NORMAL, "").unwrap();
        });
        budget.insist(async || client.drive().await).await.unwrap();
        sending.await.unwrap();
        assert_eq!(client.recv().await.unwrap(), None);
        whole_or_not_at_all(&listening.await.unwrap(), None)
    });
}

/// The loop that most applications have.
#[test]
fn a_select_with_twenty_thousand_turns_loses_nothing() {
    // More where a command asks for more.
    let rounds = Seeds::of("cancel", "a_select", 1).count();
    let turns_wanted = 20_000 * rounds;
    socket_flow_testing::suite::runtime(true).block_on(async {
        let (mut client, server) = pair();
        let long = Ledger::new(12, 200);
        let mut echoing = server;
        let echo = tokio::spawn(async move {
            while let Some(message) = echoing.recv().await? {
                echoing.queue(message)?;
            }
            Ok::<_, Error>(())
        });
        let mut received = Received::new(long);
        let (mut sent, mut turns) = (0, 0_u64);
        let instant = std::time::Duration::from_micros(1);
        while turns < turns_wanted {
            turns += 1;
            if turns % 50 == 0 && client.queue(long.message(sent)).is_ok() {
                sent += 1;
            }
            tokio::select! {
                message = client.recv() => received.receive(message.unwrap().unwrap().as_ref()),
                () = tokio::time::sleep(instant) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        client.start_close(CloseCode::NORMAL, "").unwrap();
        while let Some(message) = client.recv().await.unwrap() {
            received.receive(message.as_ref());
        }
        echo.await.unwrap().unwrap();
        assert!(sent > 100, "{sent}");
        let mut report = received.complete(sent);
        report.assert_clean();
        report.add("select-turns", turns);
        report.print("cancel");
    });
}
