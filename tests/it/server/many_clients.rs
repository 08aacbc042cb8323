//! Thousands of clients at once, most of them idle.

use std::net::TcpStream;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::support::{Client, Server, can_run, descriptors, proc_status, wait_for};

/// Raises the descriptor limit of the test to the hard limit; whether it allows `count` more.
fn raise_limit(count: usize) -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the hard limit is allowed");
    let fits = u64::try_from(count + 200).expect("it is small") < hard;
    can_run(fits, "the hard limit on descriptors is too low")
}

#[track_caller]
fn check(model: &str, count: usize) {
    // A client takes two descriptors here, and at most two in the server.
    if !raise_limit(2 * count) {
        return;
    }
    let server = Server::start(&format!("echo --max-clients 3000 --model {model}"));
    let pid = server.pid();
    let mut first = server.connect();
    assert_eq!(first.ask("hello"), "hello");
    drop(first);
    server.log(" end: ");
    let (open, threads) = (descriptors(pid).len(), threads(pid));
    let mut clients: Vec<Client> = Vec::with_capacity(count);
    for number in 0..count {
        // The backlog may be full for a moment.
        let connect = || TcpStream::connect(server.address()).ok();
        let mut client = Client::new(wait_for("a place in the backlog", connect));
        client.send(format!("{number}\n"));
        clients.push(client);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.line(), number.to_string());
    }
    // All at once, in the opposite order.
    for client in clients.iter_mut().rev() {
        client.send("still there?\n");
    }
    for client in &mut clients {
        assert_eq!(client.line(), "still there?");
    }
    drop(clients);
    // The log may lack lines: the server drops some when there are too many at once.
    wait_for("all sessions to end", || {
        let closed = descriptors(pid).len() <= open && self::threads(pid) <= threads;
        (closed && server.children().is_empty()).then_some(())
    });
}

/// The number of threads of a process.
fn threads(pid: Pid) -> usize {
    proc_status(pid, "Threads").parse().expect("a number")
}

#[test]
fn two_thousand_idle_clients_under_events() {
    check("events", 2000);
}

#[test]
fn two_thousand_idle_clients_under_threads() {
    check("threads", 2000);
}

#[test]
fn a_thousand_idle_clients_under_fork() {
    check("fork", 1000);
}
