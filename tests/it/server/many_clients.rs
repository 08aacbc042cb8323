//! Thousands at once, most of them idle.

use std::net::TcpStream;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::support::proc::{descriptors, status};
use crate::support::server::{Caller, Server, until};

/// Raises this process's limit on descriptors as far as it goes; whether `count` more fit.
fn room_for(count: usize) -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("so much is allowed");
    let fits = u64::try_from(count + 200).expect("it is small") < hard;
    crate::support::server::can(fits, "the hard limit on descriptors is too low")
}

#[track_caller]
fn check(model: &str, count: usize) {
    // Two descriptors for each caller here, and up to as many in the server.
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
    let mut crowd: Vec<Caller> = Vec::with_capacity(count);
    for number in 0..count {
        // The queue of a machine may be short, and is emptied soon.
        let connect = || TcpStream::connect(server.address()).ok();
        let mut caller = Caller::over(until("a place in the queue", connect));
        caller.say(format!("{number}\n"));
        crowd.push(caller);
    }
    for (number, caller) in crowd.iter_mut().enumerate() {
        assert_eq!(caller.line(), number.to_string());
    }
    // All at once, in another order.
    for caller in crowd.iter_mut().rev() {
        caller.say("still there?\n");
    }
    for caller in &mut crowd {
        assert_eq!(caller.line(), "still there?");
    }
    drop(crowd);
    // A log of so many ends may be too much at once to be read in time.
    until("everybody to be let go", || {
        let few = descriptors(pid).len() <= open && self::threads(pid) <= threads;
        (few && server.children().is_empty()).then_some(())
    });
}

/// The number of threads of a process.
fn threads(pid: Pid) -> usize {
    status(pid, "Threads").parse().expect("a number")
}

#[test]
fn two_thousand_idle_clients_of_one_thread_are_answered_when_they_speak() {
    check("events", 2000);
}

#[test]
fn two_thousand_idle_clients_with_a_thread_each_are_answered_when_they_speak() {
    check("threads", 2000);
}

#[test]
fn a_thousand_idle_clients_with_a_process_each_are_answered_when_they_speak() {
    check("fork", 1000);
}
