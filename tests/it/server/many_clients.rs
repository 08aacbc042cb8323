//! Thousands at once, most of them idle.

use std::net::TcpStream;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::support::{Client, Server, can_run, descriptors, proc_status, wait_for};

/// Raises this process's limit on descriptors as far as it goes; whether `count` more fit.
fn room_for(count: usize) -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("so much is allowed");
    let fits = u64::try_from(count + 200).expect("it is small") < hard;
    can_run(fits, "the hard limit on descriptors is too low")
}

#[track_caller]
fn check(model: &str, count: usize) {
    // Two descriptors for each client here, and up to as many in the server.
    if !room_for(2 * count) {
        return;
    }
    let server = Server::start(&format!("echo --max-clients 3000 --model {model}"));
    let pid = server.pid();
    let mut first = server.connect();
    assert_eq!(first.ask("hello"), "hello");
    drop(first);
    server.log(" end: ");
    let (open, threads) = (descriptors(pid).len(), threads(pid));
    let mut crowd: Vec<Client> = Vec::with_capacity(count);
    for number in 0..count {
        // The queue of a machine may be short, and is emptied soon.
        let connect = || TcpStream::connect(server.address()).ok();
        let mut client = Client::new(wait_for("a place in the queue", connect));
        client.send(format!("{number}\n"));
        crowd.push(client);
    }
    for (number, client) in crowd.iter_mut().enumerate() {
        assert_eq!(client.line(), number.to_string());
    }
    // All at once, in another order.
    for client in crowd.iter_mut().rev() {
        client.send("still there?\n");
    }
    for client in &mut crowd {
        assert_eq!(client.line(), "still there?");
    }
    drop(crowd);
    // A log of so many ends may be too much at once to be read in time.
    wait_for("everybody to be let go", || {
        let few = descriptors(pid).len() <= open && self::threads(pid) <= threads;
        (few && server.children().is_empty()).then_some(())
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
