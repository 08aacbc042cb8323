//! Faults: hostile input, lost peers, failing sessions, exhausted resources.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::sys::signal::{Signal, kill};

use crate::support::files::public_program;
use crate::support::{
    MODELS, Server, installed, is_root, peak_memory_kib, shell, sockets, stdout_of, temp_dir,
    threads_of, wait_for, wait_until, wait_until_idle,
};

#[test]
fn a_line_without_end_is_refused_with_little_memory() {
    let server = Server::start("eliza");
    let mut client = server.connect();
    client.line();
    let child = server.children()[0].0;
    let before = wait_for("the memory of the child", || peak_memory_kib(child));
    let mut flood = client.stream.try_clone().expect("a socket can be cloned");
    let writer = thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        (0..50)
            .take_while(|_| flood.write_all(&piece).is_ok())
            .count()
    });
    assert_eq!(client.line(), "That line is too long. Goodbye.");
    // The program and the script, shared with the server, count as well; some of their pages are
    // touched only now.
    let peak = wait_for("the memory of the child", || peak_memory_kib(child));
    assert!(peak < before + 4 * 1024, "{before}, then {peak} KiB");
    drop(client);
    writer.join().expect("the writer does not panic");
    assert!(server.log("end: ").contains("too long"));
    assert!(server.connect().line().contains("feel"));
}

#[test]
fn a_half_closed_peer_gets_its_whole_answer() {
    let server = Server::start("echo");
    let sent: Vec<u8> = (0..200_000u32)
        .map(|number| number.to_le_bytes()[number as usize % 3])
        .collect();
    let port = server.port();
    if installed(&["nc.openbsd"]) {
        assert!(shell(&format!("nc.openbsd -N 127.0.0.1 {port}"), &sent).stdout == sent);
    }
    if installed(&["socat"]) {
        assert!(shell(&format!("socat -t 10 - TCP:127.0.0.1:{port}"), &sent).stdout == sent);
    }
    if installed(&["ncat"]) {
        assert!(shell(&format!("ncat 127.0.0.1 {port}"), &sent).stdout == sent);
    }
    // The client reads no answer before it has sent everything, which is more than sockets buffer.
    let mut client = server.connect();
    let mut writing = client.stream.try_clone().expect("a socket can be cloned");
    let large: Vec<u8> = sent.repeat(100);
    let input = large.clone();
    let writer = thread::spawn(move || {
        writing
            .write_all(&input)
            .expect("the server reads in the end");
        writing
            .shutdown(std::net::Shutdown::Write)
            .expect("the connection stands");
    });
    assert!(client.rest() == large);
    writer.join().expect("the writer does not panic");
}

#[test]
fn a_reset_ends_only_its_session() {
    let server = Server::start("echo");
    let mut bystander = server.connect();
    assert_eq!(bystander.ask("one"), "one");
    let mut client = server.connect();
    assert_eq!(client.ask("two"), "two");
    client.reset();
    assert!(server.log("end: connection lost").contains("reset by peer"));
    assert_eq!(bystander.ask("three"), "three");
    assert_eq!(server.connect().ask("four"), "four");
}

#[test]
fn a_reset_right_after_connecting_is_harmless() {
    let server = Server::start("echo --model sequential");
    (0..50).for_each(|_| server.connect().reset());
    assert_eq!(server.connect().ask("still there?"), "still there?");
}

#[test]
fn a_panic_ends_only_its_session() {
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    for model in MODELS {
        let server = Server::villain(&format!(
            "panic --model {model} --listen unix:{}",
            socket.display()
        ));
        let mut client = server.connect();
        assert_eq!(client.line(), "ready");
        client.send("the \x1b line\nnext\n");
        assert_eq!(
            client.rest(),
            b"",
            "no reset, although the next line was not read"
        );
        let log = server.log("end: panicked");
        assert!(
            log.contains("at the \\x1b line") && log.contains("peer=127.0.0.1:"),
            "{log}"
        );
        if model == "fork" {
            server.log("reap: exit code 70");
        }
        assert!(socket.exists(), "the socket file of the server must stay");
        assert_eq!(server.connect().line(), "ready");
        assert!(!server.log("panic at").contains('\x1b'));
        drop(server);
    }
}

#[test]
fn an_error_ends_only_its_session() {
    let server = Server::villain("fail");
    let mut client = server.connect();
    assert_eq!(client.line(), "ready");
    client.send("no\x07 more\n");
    assert_eq!(client.rest(), b"");
    assert!(server.log("end: failed").contains("no\\x07 more"));
    assert_eq!(server.connect().line(), "ready");
}

#[test]
fn an_error_is_logged_though_the_peer_does_not_read() {
    let folder = temp_dir();
    for model in MODELS {
        let socket = folder.path().join(model);
        let listen = format!("--listen unix:{}", socket.display());
        let args = format!("burst --model {model} --idle-timeout none --grace 200ms {listen}");
        let server = Server::villain(&args);
        let connect = || UnixStream::connect(&socket).expect("the server listens");
        let mut unread = connect();
        unread.write_all(b"fail\n").expect("the server reads");
        server.log("end: failed: on purpose");
        let mut gone = connect();
        gone.read_exact(&mut [0; 6]).expect("it sends `ready`");
        gone.write_all(b"fail\n").expect("the server reads");
        drop(gone);
        server.log_lines("end: failed: on purpose", 2);
        // The unsent rest does not delay the end of a session either.
        let mut unread = connect();
        unread.write_all(b"close\n").expect("the server reads");
        server.log("end: aborted");
    }
}

#[test]
fn a_panic_in_a_destructor_ends_only_its_session() {
    for model in MODELS {
        let server = Server::villain(&format!("dropper --model {model}"));
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        client.reset();
        server.log("end: connection lost");
        let mut next = server.connect();
        assert_eq!(next.ask("hello"), "hello");
        next.shutdown_write();
        assert_eq!(next.rest(), b"");
    }
}

#[test]
fn a_service_can_refuse_a_peer() {
    for model in MODELS {
        let server = Server::villain(&format!("refuse --model {model}"));
        let mut client = server.connect();
        client.send("early input\n");
        assert_eq!(client.rest(), b"Not you.\n");
        server.log("end: refused: Not you.");
    }
}

#[test]
fn a_killed_child_ends_only_its_session() {
    let server = Server::start("echo");
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("hello"), "hello");
    }
    let victim = server.children()[0].0;
    kill(victim, Signal::SIGKILL).expect("it runs");
    let log = server.log("killed by SIGKILL");
    let lost = clients.iter().position(|client| {
        let own = client.address().to_string();
        log.contains(&format!("peer={own} "))
    });
    let mut lost = clients.remove(lost.expect("the log names its peer"));
    assert!(matches!(lost.stream.read(&mut [0; 9]), Ok(0) | Err(_)));
    for client in &mut clients {
        assert_eq!(client.ask("still there?"), "still there?");
    }
    assert_eq!(server.connect().ask("next"), "next");
}

#[test]
fn two_hundred_short_clients_leave_no_zombie() {
    let server = Server::start("echo");
    for _ in 0..200 {
        assert_eq!(server.connect().ask("hi"), "hi");
    }
    // No further connection wakes the server.
    server.wait_until_reaped();
    assert_eq!(server.log_lines("reap: exit code 0", 200).len(), 200);
}

#[test]
fn an_endless_session_ends_when_the_peer_does_not_read() {
    let server = Server::villain("endless --idle-timeout 300ms --grace 100ms");
    let mut client = server.connect();
    assert!(client.line().starts_with("and so on"));
    // The client reads no more, so the socket buffers fill up.
    server.log("end: ");
    let mut next = server.connect();
    assert!(next.line().starts_with("and so on"));
    next.reset();
    server.log("end: connection lost");
}

#[test]
fn children_have_different_random_numbers() {
    let server = Server::villain("dice");
    let numbers: HashSet<String> = (0..20).map(|_| server.connect().line()).collect();
    assert_eq!(numbers.len(), 20);
}

#[test]
fn a_failed_fork_frees_its_slot() {
    if !is_root() || !installed(&["setpriv", "prlimit"]) {
        return;
    }
    let server = unforkable("--max-clients 1");
    let mut first = server.connect();
    first.send("hello\n");
    server.log_lines("cannot fork", 2);
    allow_processes(&server);
    assert_eq!(first.line(), "hello");
    drop(first);
    server.log("reap");
    // The only slot is free again.
    assert_eq!(server.connect().ask("again"), "again");
}

#[test]
fn a_peer_without_a_process_gets_a_busy_message() {
    if !is_root() || !installed(&["setpriv", "prlimit"]) {
        return;
    }
    let server = unforkable("--max-clients 1");
    let mut client = server.connect();
    client.send("hello\n");
    assert_eq!(client.rest(), b"The server is busy. Try again later.\n");
    allow_processes(&server);
    assert_eq!(server.connect().ask("hello"), "hello");
}

/// A server of a user that is limited to one process, so that fork fails.
fn unforkable(options: &str) -> Server {
    // A user per test, so that no other process counts.
    static USERS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(61_000);
    let user =
        USERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + std::process::id() % 1000 * 4;
    let (_folder, program) = public_program();
    Server::run(
        Command::new("setpriv")
            .args([
                format!("--reuid={user}"),
                format!("--regid={user}"),
                "--clear-groups".to_owned(),
            ])
            .args(["prlimit", "--nproc=1:100"])
            .arg(&program)
            .args(["-v", "serve", "echo", "--listen", "0"])
            .args(options.split_whitespace()),
    )
}

/// Raises the limit, as the same user: in some containers root cannot.
fn allow_processes(server: &Server) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .expect("it has a user");
    let user = user.split_whitespace().next().expect("it has a number");
    let raise = format!("prlimit --pid {} --nproc=100:100", server.pid());
    stdout_of(
        &format!("setpriv --reuid={user} --regid={user} --clear-groups {raise}"),
        "",
    );
}

#[test]
fn without_descriptors_peers_wait() {
    if !installed(&["prlimit"]) {
        return;
    }
    for model in MODELS {
        let server = Server::serve(&format!("echo --listen 127.0.0.1:0 --model {model}"));
        assert_eq!(server.connect().ask("hello"), "hello");
        wait_until("the listener to be the only socket", || {
            sockets(server.pid()).len() == 1
        });
        // The lowest free number; inherited descriptors may have higher ones.
        let fds = format!("/proc/{}/fd", server.pid());
        let free = |number: &usize| !Path::new(&format!("{fds}/{number}")).exists();
        let open = (0..).find(free).expect("a process has few descriptors");
        let limit = |count: usize| {
            stdout_of(
                &format!("prlimit --pid {} --nofile={count}:", server.pid()),
                "",
            )
        };
        limit(open);
        let mut client = server.connect();
        client.send("hello\n");
        server.log("cannot accept");
        // It must not spin while the client waits.
        wait_until_idle("the server to pause the listener", || {
            threads_of(server.pid())
        });
        limit(open + 100);
        assert_eq!(client.line(), "hello");
        assert_eq!(
            server.log_lines("cannot accept", 1).len(),
            1,
            "the whole outage is logged once"
        );
    }
}

#[test]
fn a_child_has_no_socket_but_its_own() {
    let server = Server::serve("echo --listen 127.0.0.1:0");
    let mut clients = [server.connect(), server.connect()];
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.ask("hello"), "hello"));
    let listener_alone = || Some(sockets(server.pid())).filter(|sockets| sockets.len() == 1);
    let own = wait_for(
        "the listener to be the server's only socket",
        listener_alone,
    );
    for (child, _) in server.children() {
        let open = sockets(child);
        assert_eq!(open.len(), 1, "only the one of its peer: {open:?}");
        assert!(!own.contains(&open[0]));
    }
}
