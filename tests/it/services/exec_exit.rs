//! The `exec` service: how programs end, and that no process stays.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{
    CONCURRENT_MODELS, Client, DEADLINE, KillOnDrop, MODELS, Server, descriptors, has_exited,
    installed, program, sockets, stdout_of, temp_dir, wait_for, wait_for_exit,
    with_default_signals,
};

/// A client of a program that prints a pid first, and the process with this pid.
fn connect(server: &Server) -> (Client, KillOnDrop) {
    let mut client = server.connect();
    let pid = client.line();
    let pid = pid.parse().unwrap_or_else(|_| panic!("no pid: {pid}"));
    (client, KillOnDrop(Pid::from_raw(pid)))
}

/// Runs until it gets a signal, as does the process it starts, whose pid it prints.
const WAITS: &str = "sleep 1000 & echo $!; wait";
/// The same, but both ignore SIGTERM.
const IGNORES_SIGTERM: &str = "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done";

#[test]
fn a_program_ends_with_its_peer() {
    for model in MODELS {
        // No timeout can end it, only the reset.
        let options = format!("--model {model} --idle-timeout none --grace 1h");
        let server = Server::exec(&options, &["sh", "-c", WAITS]);
        let (client, started) = connect(&server);
        let program = server.programs(1)[0];
        client.reset();
        server.log("terminate: connection lost: Connection reset by peer");
        wait_for_exit(program);
        wait_for_exit(started.0);
        server.log("end: connection lost");
        server.wait_until_reaped();
        drop(server);
        // Until data flows, a closed connection looks like a half-closed one.
        let options = format!("--model {model} --idle-timeout none --grace 200ms");
        let server = Server::exec(&options, &["sh", "-c", WAITS]);
        let (client, started) = connect(&server);
        drop(client);
        server.log("terminate: closed by the peer");
        wait_for_exit(started.0);
        server.log("end: closed by the peer");
        server.wait_until_reaped();
        assert!(has_exited(server.programs(1)[0]));
    }
}

#[test]
fn a_closed_unix_socket_ends_the_program_immediately() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let options = format!(
            "--model {model} --idle-timeout none --grace 1h --listen unix:{}",
            path.display()
        );
        let server = Server::exec(&options, &["sh", "-c", "echo; exec sleep 1000"]);
        let mut client = UnixStream::connect(&path).expect("the server listens");
        client.read_exact(&mut [0]).expect("it answers");
        let program = server.programs(1)[0];
        drop(client);
        server.log("terminate: closed by the peer");
        wait_for_exit(program);
    }
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_with_its_group() {
    let servers = MODELS.map(|model| {
        let options = format!("--model {model} --idle-timeout none --grace 1h");
        Server::exec(&options, &["sh", "-c", IGNORES_SIGTERM])
    });
    // All at once, since the server waits two seconds before SIGKILL.
    let started = servers.each_ref().map(|server| {
        let (client, started) = connect(server);
        client.reset();
        started
    });
    for (server, started) in servers.iter().zip(started) {
        wait_for_exit(server.programs(1)[0]);
        wait_for_exit(started.0);
        server.log("end: connection lost");
        // The next client is served, under `sequential` as well.
        connect(server);
    }
}

#[test]
fn a_slow_answer_is_not_cut_off() {
    // The answer takes 1.5 s in all, longer than the grace period, but no pause is longer than 0.15 s.
    let slow = "cat; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.15; echo $i; done";
    let servers = MODELS.map(|model| {
        let options = format!("--model {model} --grace 1s");
        Server::exec(&options, &["sh", "-c", slow])
    });
    let clients = servers.each_ref().map(|server| {
        let mut client = server.connect();
        client.send("0\n");
        client.shutdown_write();
        client
    });
    for mut client in clients {
        let answer = client.rest();
        assert_eq!(
            String::from_utf8_lossy(&answer),
            "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
        );
    }
}

#[test]
fn timeouts_end_programs() {
    for model in MODELS {
        for (limit, end) in [
            ("--idle-timeout 200ms", "idle timeout"),
            (
                "--idle-timeout none --first-message-timeout 200ms",
                "idle timeout",
            ),
            (
                "--idle-timeout none --session-timeout 200ms",
                "session timeout",
            ),
        ] {
            let options = format!("--model {model} {limit}");
            let server = Server::exec(&options, &["sh", "-c", WAITS]);
            let (mut client, started) = connect(&server);
            assert_eq!(client.rest(), b"", "{options}");
            drop(client);
            wait_for_exit(started.0);
            server.log(&format!("terminate: {end}"));
            server.log(&format!("end: {end}"));
        }
    }
}

#[test]
fn the_first_message_timeout_ends_after_the_first_message() {
    for model in ["fork", "threads", "events"] {
        let options = format!("--model {model} --idle-timeout none --first-message-timeout 1s");
        let server = Server::exec(&options, &["cat"]);
        let mut active = server.connect();
        assert_eq!(active.ask("hello"), "hello");
        let mut silent = server.connect();
        assert_eq!(silent.rest(), b"");
        assert_eq!(active.ask("still there?"), "still there?");
    }
}

#[test]
fn shutdown_ends_programs_and_leaves_no_process() {
    for model in MODELS {
        let count = if model == "sequential" { 1 } else { 3 };
        for (command, grace) in [(WAITS, "1h"), (IGNORES_SIGTERM, "200ms")] {
            let options = format!("--model {model} --idle-timeout none --grace {grace}");
            let mut server = Server::exec(&options, &["sh", "-c", command]);
            let mut clients: Vec<_> = (0..count).map(|_| connect(&server)).collect();
            server.signal(Signal::SIGTERM);
            for (client, _) in &mut clients {
                assert_eq!(client.rest(), b"", "{options}");
            }
            let started: Vec<_> = clients.into_iter().map(|(_, started)| started).collect();
            assert_eq!(server.wait().code(), Some(0), "{options}");
            let all = server.programs(count);
            assert!(
                all.into_iter().all(has_exited),
                "{options}: a program still runs"
            );
            started.iter().for_each(|started| wait_for_exit(started.0));
            server.log_lines("end: server shutdown", count);
        }
        // SIGTERM comes before SIGKILL.
        let handles_sigterm =
            "trap 'echo goodbye; exit' TERM; echo $$; while :; do sleep 0.01; done";
        let server = Server::exec(&format!("--model {model}"), &["sh", "-c", handles_sigterm]);
        let (mut client, _program) = connect(&server);
        server.signal(Signal::SIGTERM);
        assert_eq!(client.rest(), b"goodbye\n", "{model}");
    }
}

#[test]
fn programs_end_with_a_killed_server() {
    for model in MODELS {
        let mut server = Server::exec(&format!("--model {model}"), &["sh", "-c", IGNORES_SIGTERM]);
        let (_client, _started) = connect(&server); // the process it started gets no signal
        let program = server.programs(1)[0];
        server.signal(Signal::SIGKILL);
        server.wait();
        wait_for_exit(program);
    }
}

#[test]
fn the_exit_of_a_program_is_logged_immediately() {
    for model in MODELS {
        for (command, end) in [
            ("true", "the program ended: exit status: 0"),
            ("exit 3", "the program ended: exit status: 3"),
            ("kill -SEGV $$", "the program ended: signal: 11 (SIGSEGV)"),
        ] {
            let server = Server::exec(&format!("--model {model}"), &["sh", "-c", command]);
            assert_eq!(server.connect().rest(), b"");
            let log = server.log(" end: ");
            assert!(log.contains(end), "{model}: {log}");
            let (_, status) = end.split_once(": ").expect("the status follows");
            let log = server.log(" reap: ");
            assert!(
                log.contains(status) && log.contains("pid="),
                "{model}: {log}"
            );
            server.wait_until_reaped();
        }
    }
}

#[test]
fn a_program_is_reaped_before_its_connection_ends() {
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["cat"]);
        for _ in 0..50 {
            let mut client = server.connect();
            assert_eq!(client.ask("hello"), "hello");
            client.shutdown_write();
            assert_eq!(client.rest(), b"");
            assert_eq!(server.children(), [], "{model}");
        }
    }
}

#[test]
fn a_second_sigterm_kills_programs() {
    for model in MODELS {
        let options = format!("--model {model} --idle-timeout none --grace 1h");
        let mut server = Server::exec(&options, &["sh", "-c", IGNORES_SIGTERM]);
        let (_caller, started) = connect(&server);
        let program = server.programs(1)[0];
        server.signal(Signal::SIGTERM);
        server.log("terminate: server shutdown");
        server.signal(Signal::SIGTERM);
        assert!(server.wait().success(), "{model}");
        wait_for_exit(program);
        wait_for_exit(started.0);
    }
}

#[test]
fn without_descriptors_a_peer_gets_a_busy_message() {
    if !installed(&["prlimit"]) {
        return;
    }
    for model in ["threads", "events", "sequential"] {
        let server = Server::exec(&format!("--model {model}"), &["cat"]);
        assert_eq!(server.connect().ask("hello"), "hello");
        server.log(" end: ");
        let open = wait_for("the socket of the session to be closed", || {
            let open = descriptors(server.pid());
            let sockets = sockets(server.pid()).len();
            (sockets == 2).then_some(open)
        });
        let limit = |count: u32| {
            let pid = server.pid();
            stdout_of(&format!("prlimit --pid {pid} --nofile={count}:"), "");
        };
        // Enough descriptors for the connection and its thread, too few for the program.
        let free = (0..).filter(|number| !open.contains(number)).nth(2);
        let lowered = free.expect("there are more numbers") + 1;
        limit(lowered);
        let mut client = server.connect();
        assert_eq!(client.rest(), b"The server is busy. Try again later.\n");
        limit(lowered + 100);
        assert_eq!(server.connect().ask("again"), "again", "{model}");
    }
}

#[test]
fn background_processes_end_with_their_program() {
    for model in MODELS {
        // In the group of the program, in a session of its own with the socket open, and as a daemon.
        for command in [
            "sleep 1000 & echo $!",
            "setsid sleep 1000 & echo $!",
            "setsid sh -c 'echo $$; exec sleep 1000 </dev/null >/dev/null 2>&1' & sleep 0.1",
            "(setsid sh -c 'sleep 1000 & echo $!') &",
        ] {
            let script = format!("{command}\nsleep 0.1");
            let server = Server::exec(&format!("--model {model}"), &["sh", "-c", &script]);
            let (mut client, started) = connect(&server);
            assert_eq!(client.rest(), b"", "{model}: {command}");
            server.log("end: the program ended: exit status: 0");
            wait_for_exit(started.0);
            server.wait_until_reaped();
            drop(client);
            connect(&server);
        }
    }
}

/// A daemon, whose pid is printed: no process of its program is its parent, and it has a session of its
/// own.
const DAEMON: &str = "(setsid sh -c 'trap \"\" TERM; sleep 1000 & echo $!' &)";

#[test]
fn a_daemon_of_a_program_ends_with_the_client_and_no_other_does() {
    for model in CONCURRENT_MODELS {
        let script = format!("{DAEMON}; exec cat");
        let server = Server::exec(&format!("--model {model}"), &["sh", "-c", &script]);
        let (leaving, first) = connect(&server);
        let (mut staying, second) = connect(&server);
        leaving.reset();
        wait_for_exit(first.0);
        let programs = server.programs(2);
        server.wait_for_children("only the other program", |children| {
            let children: Vec<_> = children.iter().map(|&(pid, _)| pid).collect();
            children == programs[1..]
        });
        assert_eq!(staying.ask("hello"), "hello", "{model}");
        assert!(!has_exited(second.0), "{model}: its program runs");
        drop(staying);
        wait_for_exit(second.0);
        server.wait_until_reaped();
    }
}

#[test]
fn daemons_of_programs_end_with_the_server() {
    for model in MODELS {
        // Gracefully, by a second signal, and at once.
        for signals in [
            &[Signal::SIGTERM][..],
            &[Signal::SIGTERM; 2],
            &[Signal::SIGQUIT],
        ] {
            let script = format!("trap '' TERM; {DAEMON}; while :; do sleep 0.01; done");
            let grace = if signals.len() == 1 { "200ms" } else { "1h" };
            let mut server = Server::run(
                with_default_signals(program())
                    .args(["-v", "serve", "exec", "--listen", "0", "--grace", grace])
                    .args(["--model", model, "--", "sh", "-c", &script]),
            );
            let (_client, daemon) = connect(&server);
            for signal in signals {
                server.signal(*signal);
                server.log(" stop ");
            }
            assert_eq!(server.wait().code(), Some(0), "{model} {signals:?}");
            assert!(has_exited(daemon.0), "{model} {signals:?}");
        }
    }
}

#[test]
fn a_flood_of_errors_is_logged_in_part_and_counted() {
    let command = "i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; \
        echo flooded; cat";
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["sh", "-c", command]);
        let mut client = server.connect();
        assert_eq!(client.line(), "flooded", "{model}");
        client.shutdown_write();
        client.rest();
        server.log("end: the program ended");
        let log = server.log_so_far();
        let logged = log
            .iter()
            .filter(|line| line.contains("program: line "))
            .count();
        let counts = log
            .iter()
            .filter(|line| line.contains("program: lines dropped"));
        let count = |line: &String| {
            let (_, count) = line.rsplit_once("dropped=").expect("it is counted");
            count.parse::<usize>().expect("a number")
        };
        let dropped: Vec<usize> = counts.map(count).collect();
        assert!((1..19_000).contains(&logged), "{model}: {logged}");
        assert_eq!(logged + dropped.iter().sum::<usize>(), 20_000, "{model}");
        // At most 100 lines for each second and its count.
        assert!(
            logged <= 100 * (dropped.len() + 1),
            "{model}: {logged}, {dropped:?}"
        );
    }
}

#[test]
fn a_program_whose_peer_disconnects_ends_without_warnings() {
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["yes"]);
        let mut client = server.connect();
        for _ in 0..1000 {
            assert_eq!(client.line(), "y");
        }
        drop(client);
        let program = server.programs(1)[0];
        server.log(" end: ");
        wait_for_exit(program);
        let mut next = server.connect();
        assert_eq!(next.line(), "y");
        let log = server.log_so_far();
        let is_warning = |line: &&String| line.contains(" ERROR ") || line.contains(" WARN ");
        let warning = log.iter().find(is_warning);
        assert_eq!(warning, None, "{model}");
    }
}

#[test]
fn bytes_of_programs_are_counted() {
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["sh", "-c", "cat; echo bye"]);
        let mut client = server.connect();
        client.stream.write_all(&[b'x'; 100_000]).expect("it reads");
        client.shutdown_write();
        client
            .stream
            .set_read_timeout(Some(DEADLINE))
            .expect("it can be set");
        assert_eq!(client.rest().len(), 100_004);
        let log = server.log(" end: ");
        assert!(
            log.ends_with("received=100000 sent=100004"),
            "{model}: {log}"
        );
    }
}
