//! The server: the facade's own, which echoes, or pushes where the path asks for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket_flow::{Budget, Config, Deflate, Server};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;

use crate::answering::Answering;
use crate::board::Board;
use crate::books::Books;
use crate::causes::Causes;
use crate::handling::Handling;
use crate::heap::Heap;
use crate::options::Options;
use crate::rooms::Rooms;
use crate::signals::Phase;
use crate::tls;

/// How long connections may take to close at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Long enough for the runtime to see that a task has ended.
const MOMENT: Duration = Duration::from_millis(200);

/// As many connections as tokio's own listeners let wait.
const BACKLOG: u32 = 1024;

/// Serves until the last phase, then closes all connections. `allocated` says how many bytes the
/// program has been given by its allocator and has not given back.
///
/// # Errors
/// The address cannot be bound, or the options contradict each other.
pub async fn run(
    options: Options,
    mut phase: Phase,
    board: &Arc<Board>,
    allocated: fn() -> usize,
) -> io::Result<()> {
    let listener = listen(&options)?;
    announce(&listener)?;
    let books = Books::on(board);
    let causes = Causes::on(board);
    // All as a user has it who sets nothing, but what the options name.
    let config = match options.max_message {
        Some(bytes) => Config::new().max_message(bytes),
        None => Config::new(),
    };
    let deflate = Deflate::balanced()
        .server_no_context_takeover(options.no_contexts)
        .client_no_context_takeover(options.no_contexts);
    let builder = Server::with_listener(listener);
    let mut builder = builder.config(config).deflate(deflate);
    let budget = options.budget.map(Budget::new);
    if let Some(budget) = &budget {
        builder = builder.budget(budget.clone());
    }
    if options.undecided {
        builder = builder.admit(|pending| async move {
            // The request is kept meanwhile.
            std::future::pending::<()>().await;
            pending
        });
    }
    if let Some(directory) = &options.tls {
        builder = builder.tls(tls::server(directory)?);
    }
    let rooms = Rooms::new(&options.policy)?;
    let (handle, answering) = match options.events {
        true => {
            let (handle, events) = builder.serve().await?;
            let answering = Answering::new(rooms.clone(), books, causes, board.counter("refused"));
            (handle, Some(tokio::spawn(answering.run(events))))
        }
        false => {
            let handling = Handling::new(&options, rooms.clone(), books, causes);
            let handle = builder.serve_with(move |ws, request| handling.handle(ws, &request));
            (handle.await?, None)
        }
    };
    let (connections, tasks) = (board.counter("connections"), board.counter("tasks"));
    let heap = Heap::watch(board, allocated);
    let refresh = || {
        heap.report();
        if let Some(budget) = &budget {
            report(board, budget);
        }
        rooms.report(board);
        connections.set(handle.connections() as u64);
        tasks.set(Handle::current().metrics().num_alive_tasks() as u64);
    };
    tokio::select! {
        () = board.report(refresh) => {}
        () = phase.ended() => {}
    }
    let outcome = handle.shutdown(GRACE).await;
    if let Some(answering) = answering {
        // Until the last event is read.
        answering.await?;
    }
    // A task that has done its work is counted for a moment more.
    tokio::time::sleep(MOMENT).await;
    refresh();
    board.counter("dropped").add(outcome.dropped as u64);
    Ok(())
}

/// How much of the budget is used, and who had to go for it.
fn report(board: &Board, budget: &Budget) {
    let usage = budget.usage();
    for (name, value) in [
        ("budget_used", usage.used as u64),
        ("budget_connections", usage.connections as u64),
        ("budget_receiving", usage.receiving as u64),
        ("budget_contexts", usage.contexts as u64),
        ("budget_sending", usage.sending as u64),
        ("budget_senders", usage.senders as u64),
        ("budget_events", usage.events as u64),
        ("budget_handshakes", usage.handshakes as u64),
        ("budget_buffers", usage.buffers as u64),
        ("budget_waiting", usage.waiting as u64),
        ("budget_closed", usage.closed),
        ("budget_refused", usage.refused),
        ("budget_reduced", usage.reduced),
    ] {
        board.counter(name).set(value);
    }
}

/// Says where it listens, which is what whoever started it waits for.
///
/// # Errors
/// The system does not know it.
#[allow(clippy::print_stdout)] // a program's output
pub fn announce(listener: &TcpListener) -> io::Result<()> {
    println!("listening on {}", listener.local_addr()?);
    Ok(())
}

fn listen(options: &Options) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    if options.buffer > 0 {
        // Connections have what their listener has.
        socket.set_send_buffer_size(options.buffer)?;
    }
    socket.bind(options.addr)?;
    socket.listen(BACKLOG)
}
