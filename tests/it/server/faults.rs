//! What goes wrong: bad bytes, peers that vanish, sessions that fail, a machine that runs out.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::proc::sockets;
use crate::support::server::{
    MODELS, Server, are_root, have, heard, peak_memory_kib, program, shell, until,
};

#[test]
fn a_line_without_end_is_refused_in_little_memory() {
    let server = Server::start("eliza");
    let mut caller = server.connect();
    caller.line();
    let child = server.children()[0].0;
    let before = until("the memory of the child", || peak_memory_kib(child));
    let mut flood = caller.stream.try_clone().expect("a socket can be cloned");
    let writer = thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        (0..50)
            .take_while(|_| flood.write_all(&piece).is_ok())
            .count()
    });
    assert_eq!(caller.line(), "That line is too long. Goodbye.");
    // What it had before is the program and the script, which it shares with the server. Some pages of
    // both are touched for the first time only now.
    let peak = until("the memory of the child", || peak_memory_kib(child));
    assert!(peak < before + 4 * 1024, "{before}, then {peak} KiB");
    drop(caller);
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
    if have(&["nc.openbsd"]) {
        assert!(shell(&format!("nc.openbsd -N 127.0.0.1 {port}"), &sent).stdout == sent);
    }
    if have(&["socat"]) {
        assert!(shell(&format!("socat -t 10 - TCP:127.0.0.1:{port}"), &sent).stdout == sent);
    }
    if have(&["ncat"]) {
        assert!(shell(&format!("ncat 127.0.0.1 {port}"), &sent).stdout == sent);
    }
    // The answer is not read before all is said: more than any socket holds waits meanwhile.
    let mut caller = server.connect();
    let mut writing = caller.stream.try_clone().expect("a socket can be cloned");
    let many: Vec<u8> = sent.repeat(100);
    let said = many.clone();
    let writer = thread::spawn(move || {
        writing
            .write_all(&said)
            .expect("the server reads in the end");
        writing
            .shutdown(std::net::Shutdown::Write)
            .expect("the connection stands");
    });
    assert!(caller.rest() == many);
    writer.join().expect("the writer does not panic");
}

#[test]
fn a_reset_ends_one_conversation() {
    let server = Server::start("echo");
    let mut bystander = server.connect();
    assert_eq!(bystander.ask("one"), "one");
    let mut caller = server.connect();
    assert_eq!(caller.ask("two"), "two");
    caller.reset();
    assert!(server.log("end: lost").contains("reset by peer"));
    assert_eq!(bystander.ask("three"), "three");
    assert_eq!(server.connect().ask("four"), "four");
}

#[test]
fn a_reset_right_after_connecting_disturbs_nobody() {
    let server = Server::start("echo --model sequential");
    (0..50).for_each(|_| server.connect().reset());
    assert_eq!(server.connect().ask("still there?"), "still there?");
}

#[test]
fn a_panic_ends_one_conversation() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("socket");
    for model in MODELS {
        let server = Server::villain(&format!(
            "panic --model {model} --listen unix:{}",
            socket.display()
        ));
        let mut caller = server.connect();
        assert_eq!(caller.line(), "ready");
        caller.say("the \x1b line\nnext\n");
        assert_eq!(
            caller.rest(),
            b"",
            "it is closed politely, though the next line was not read"
        );
        let log = server.log("end: panicked");
        assert!(
            log.contains("at the \\x1b line") && log.contains("peer=127.0.0.1:"),
            "{log}"
        );
        if model == "fork" {
            server.log("reap: exit code 70");
        }
        assert!(socket.exists(), "what the server made is still there");
        assert_eq!(server.connect().line(), "ready");
        assert!(!server.log("panic at").contains('\x1b'));
        drop(server);
    }
}

#[test]
fn a_failure_ends_one_conversation() {
    let server = Server::villain("fail");
    let mut caller = server.connect();
    assert_eq!(caller.line(), "ready");
    caller.say("no\x07 more\n");
    assert_eq!(caller.rest(), b"");
    assert!(server.log("end: failed").contains("no\\x07 more"));
    assert_eq!(server.connect().line(), "ready");
}

#[test]
fn a_failure_is_told_also_where_the_peer_does_not_listen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for model in MODELS {
        let socket = folder.path().join(model);
        let listen = format!("--listen unix:{}", socket.display());
        let words = format!("burst --model {model} --idle none --grace 200ms {listen}");
        let server = Server::villain(&words);
        let connect = || UnixStream::connect(&socket).expect("somebody listens");
        let mut deaf = connect();
        deaf.write_all(b"fail\n").expect("the server reads");
        server.log("end: failed: on purpose");
        let mut gone = connect();
        gone.read_exact(&mut [0; 6]).expect("it is ready");
        gone.write_all(b"fail\n").expect("the server reads");
        drop(gone);
        server.log_times("end: failed: on purpose", 2);
        // What is left to be sent is not waited for either.
        let mut deaf = connect();
        deaf.write_all(b"close\n").expect("the server reads");
        server.log("end: cut");
    }
}

#[test]
fn a_panic_of_a_destructor_ends_one_conversation() {
    for model in MODELS {
        let server = Server::villain(&format!("dropper --model {model}"));
        let mut caller = server.connect();
        assert_eq!(caller.ask("hello"), "hello");
        caller.reset();
        server.log("end: lost");
        let mut next = server.connect();
        assert_eq!(next.ask("hello"), "hello");
        next.hang_up();
        assert_eq!(next.rest(), b"");
    }
}

#[test]
fn a_service_may_refuse_a_peer() {
    for model in MODELS {
        let server = Server::villain(&format!("refuse --model {model}"));
        let mut caller = server.connect();
        caller.say("talking already\n");
        assert_eq!(caller.rest(), b"Not you.\n");
        server.log("end: refused: Not you.");
    }
}

#[test]
fn a_killed_child_ends_one_conversation() {
    let server = Server::start("echo");
    let mut callers: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for caller in &mut callers {
        assert_eq!(caller.ask("hello"), "hello");
    }
    let victim = server.children()[0].0;
    kill(victim, Signal::SIGKILL).expect("it runs");
    let log = server.log("killed by SIGKILL");
    let lost = callers.iter().position(|caller| {
        let own = caller
            .stream
            .local_addr()
            .expect("it is connected")
            .to_string();
        log.contains(&format!("peer={own} "))
    });
    let mut lost = callers.remove(lost.expect("the log names its peer"));
    assert!(matches!(lost.stream.read(&mut [0; 9]), Ok(0) | Err(_)));
    for caller in &mut callers {
        assert_eq!(caller.ask("still there?"), "still there?");
    }
    assert_eq!(server.connect().ask("next"), "next");
}

#[test]
fn two_hundred_short_clients_leave_no_zombie() {
    let server = Server::start("echo");
    for _ in 0..200 {
        assert_eq!(server.connect().ask("hi"), "hi");
    }
    // Nobody connects any more: the server must notice by itself.
    server.children_until("every child to be reaped", <[_]>::is_empty);
    assert_eq!(server.log_times("reap: exit code 0", 200).len(), 200);
}

#[test]
fn a_session_without_end_stops_when_nobody_listens() {
    let server = Server::villain("endless --idle 300ms --grace 100ms");
    let mut caller = server.connect();
    assert!(caller.line().starts_with("and so on"));
    // Now it does not read any more, and what was sent fills the sockets.
    server.log("end: ");
    let mut next = server.connect();
    assert!(next.line().starts_with("and so on"));
    next.reset();
    server.log("end: lost");
}

#[test]
fn children_draw_different_numbers() {
    let server = Server::villain("dice");
    let throws: HashSet<String> = (0..20).map(|_| server.connect().line()).collect();
    assert_eq!(throws.len(), 20);
}

#[test]
fn a_failing_fork_costs_no_slot() {
    if !are_root() || !have(&["setpriv", "prlimit"]) {
        return;
    }
    let server = unforkable("--max-clients 1");
    let mut first = server.connect();
    first.say("hello\n");
    server.log_times("cannot fork", 2);
    allow_processes(&server);
    assert_eq!(first.line(), "hello");
    drop(first);
    server.log("reap");
    // The only slot is free again.
    assert_eq!(server.connect().ask("again"), "again");
}

#[test]
fn a_peer_without_a_process_is_told_so() {
    if !are_root() || !have(&["setpriv", "prlimit"]) {
        return;
    }
    let server = unforkable("--max-clients 1");
    let mut caller = server.connect();
    caller.say("hello\n");
    assert_eq!(caller.rest(), b"The server is busy. Try again later.\n");
    allow_processes(&server);
    assert_eq!(server.connect().ask("hello"), "hello");
}

/// A server of a user who may have one process alone, and so cannot fork.
fn unforkable(words: &str) -> Server {
    // The user must be able to reach the program, and be nobody else's in another test.
    static USERS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(61_000);
    let user =
        USERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + std::process::id() % 1000 * 4;
    let folder = tempfile::Builder::new()
        .permissions(open_to_all())
        .tempdir()
        .expect("a folder can be made");
    let copy = folder.keep().join("switchboard");
    fs::copy(program(), &copy).expect("the program can be copied");
    let server = Server::run(
        Command::new("setpriv")
            .args([
                format!("--reuid={user}"),
                format!("--regid={user}"),
                "--clear-groups".to_owned(),
            ])
            .args(["prlimit", "--nproc=1:100"])
            .arg(&copy)
            .args(["-v", "serve", "echo", "--listen", "0"])
            .args(words.split_whitespace()),
    );
    fs::remove_dir_all(copy.parent().expect("it lies in a folder")).expect("it can be removed");
    server
}

fn open_to_all() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

/// Raises the limit, as the same user: in some containers root may not.
fn allow_processes(server: &Server) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .expect("it has a user");
    let user = user.split_whitespace().next().expect("it has a number");
    let raise = format!("prlimit --pid {} --nproc=100:100", server.pid());
    heard(
        &format!("setpriv --reuid={user} --regid={user} --clear-groups {raise}"),
        "",
    );
}

#[test]
fn running_out_of_descriptors_only_makes_peers_wait() {
    if !have(&["prlimit"]) {
        return;
    }
    for model in MODELS {
        let words = [
            "-v",
            "serve",
            "echo",
            "--listen",
            "127.0.0.1:0",
            "--model",
            model,
        ];
        let server = Server::run(Command::new(program()).args(words));
        assert_eq!(server.connect().ask("hello"), "hello");
        until("the listener to be the only socket", || {
            (sockets(server.pid()).len() == 1).then_some(())
        });
        // The next descriptor would get this number: it may have inherited some with higher ones.
        let fds = format!("/proc/{}/fd", server.pid());
        let free = |number: &usize| !Path::new(&format!("{fds}/{number}")).exists();
        let open = (0..).find(free).expect("a process has few descriptors");
        let limit = |count: usize| {
            heard(
                &format!("prlimit --pid {} --nofile={count}:", server.pid()),
                "",
            )
        };
        limit(open);
        let mut caller = server.connect();
        caller.say("hello\n");
        server.log("cannot accept");
        // It does not spin: in a second of waiting it uses hardly any time of its own.
        let (before, start) = (ticks(server.pid()), Instant::now());
        thread::sleep(Duration::from_secs(1));
        let (used, seconds) = (ticks(server.pid()) - before, start.elapsed().as_secs_f64());
        assert!(
            (used as f64) < 20.0 * seconds,
            "{used} ticks in {seconds} s"
        );
        limit(open + 100);
        assert_eq!(caller.line(), "hello");
        assert_eq!(
            server.log_times("cannot accept", 1).len(),
            1,
            "one line for the whole time"
        );
    }
}

/// The time a process has used, in ticks of 10 ms.
fn ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat
        .rsplit_once(") ")
        .expect("the name is in brackets")
        .1
        .split(' ')
        .collect();
    fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum()
}

#[test]
fn a_child_holds_nothing_of_the_servers_or_of_others() {
    let words = ["-v", "serve", "echo", "--listen", "127.0.0.1:0"];
    let server = Server::run(Command::new(program()).args(words));
    let mut callers = [server.connect(), server.connect()];
    callers
        .iter_mut()
        .for_each(|caller| assert_eq!(caller.ask("hello"), "hello"));
    let listener_alone = || Some(sockets(server.pid())).filter(|sockets| sockets.len() == 1);
    let own = until(
        "the listener to be the server's only socket",
        listener_alone,
    );
    for (child, _) in server.children() {
        let held = sockets(child);
        assert_eq!(held.len(), 1, "its peer's alone: {held:?}");
        assert!(!own.contains(&held[0]));
    }
}
