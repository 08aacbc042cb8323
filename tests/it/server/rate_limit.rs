//! The rate limit per host: clients over the rate wait, other hosts do not.

use crate::support::{Client, MODELS, Server};

/// The text in the log at the begin of the session of this client.
fn begin_of(client: &Client, model: &str) -> String {
    let own = client.address();
    match model {
        "fork" => format!(" fork peer={own} "),
        "threads" | "sequential" => format!(" begin peer={own} "),
        _ => format!(" end: closed by the peer peer={own} "),
    }
}

/// The index of the first line of the log with this text.
fn line_of(log: &[String], text: &str) -> usize {
    let line = log
        .iter()
        .position(|line| format!("{line} ").contains(text));
    line.unwrap_or_else(|| panic!("{text}: {log:#?}"))
}

#[test]
fn clients_over_the_rate_wait_in_order() {
    for model in ["fork", "threads", "events"] {
        let server = Server::start(&format!("echo --rate 2/s --model {model} --listen :0"));
        let mut clients: Vec<_> = (0..5)
            .map(|_| {
                let mut client = server.connect();
                client.send("hello\n");
                client
            })
            .collect();
        // Sessions begin in the order of the connections.
        let order: Vec<String> = clients
            .iter()
            .map(|client| begin_of(client, model))
            .collect();
        for client in &mut clients {
            assert_eq!(client.line(), "hello");
            client.shutdown_write();
            assert_eq!(client.rest(), b"");
        }
        server.log_lines(" end: ", 5);
        let log = server.log_so_far();
        let lines: Vec<usize> = order.iter().map(|begin| line_of(&log, begin)).collect();
        assert!(lines.is_sorted(), "{lines:?} {log:#?}");
        assert!(!log.iter().any(|line| line.contains("refuse")), "{log:#?}");
    }
}

#[test]
fn the_rate_limit_of_a_host_does_not_delay_other_hosts() {
    for model in ["fork", "threads", "events"] {
        let server = Server::serve(&format!("echo --rate 6/m --model {model} --listen :0"));
        let mut first: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for client in &mut first {
            assert_eq!(client.ask("hello"), "hello");
        }
        // This one waits for ten seconds.
        let mut waiting = server.connect();
        waiting.send("my turn\n");
        server.log_lines(" accept ", 7);
        let mut other = Client::connect_from([127, 0, 0, 2], server.address());
        assert_eq!(other.ask("another host"), "another host");
        waiting
            .stream
            .set_nonblocking(true)
            .expect("it is a socket");
        assert!(
            waiting.stream.peek(&mut [0]).is_err(),
            "{model}: it must still wait when the other host was answered"
        );
        // The next would wait for too long, and is refused.
        let refused = server.connect().rest();
        let message = "Too many sessions from 127.0.0.1: at most 6/m. Try again later.\n";
        assert_eq!(String::from_utf8_lossy(&refused), message, "{model}");
        server.log("refuse: Too many sessions from 127.0.0.1");
        // Running sessions continue.
        for client in &mut first {
            assert_eq!(client.ask("still there?"), "still there?");
        }
    }
}

#[test]
fn a_client_over_the_rate_takes_no_slot() {
    for model in MODELS {
        let args = format!("echo --rate 6/m --max-clients 1 --model {model} --listen :0");
        let server = Server::serve(&args);
        for times in 1..7 {
            assert_eq!(server.connect().ask("hello"), "hello");
            server.log_lines(" end: ", times);
        }
        // This one waits for ten seconds, and the other host does not.
        let waiting = server.connect();
        server.log_lines(" accept ", 7);
        let mut other = Client::connect_from([127, 0, 0, 2], server.address());
        assert_eq!(other.ask("another host"), "another host", "{model}");
        assert_eq!(server.log_lines(" accept ", 8).len(), 8);
        drop(waiting);
    }
}

#[test]
fn waiting_clients_are_notified_of_shutdown() {
    for model in MODELS {
        let mut server = Server::start(&format!("echo --rate 1/m --max-clients 5 --model {model}"));
        let mut first = server.connect();
        assert_eq!(first.ask("hello"), "hello");
        drop(first);
        server.log(" end: ");
        let mut refused = server.connect();
        assert!(refused.line().contains("at most 1/m"), "{model}");
        server.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0), "{model}");
        drop(refused);
        let mut server = Server::start(&format!("echo --rate 6/m --model {model}"));
        for _ in 0..6 {
            assert_eq!(server.connect().ask("hello"), "hello");
        }
        let mut waiting = server.connect();
        server.log_lines(" accept ", 7);
        server.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(waiting.line(), "The server is stopping.", "{model}");
        drop(waiting);
        assert_eq!(server.wait().code(), Some(0), "{model}");
    }
}
