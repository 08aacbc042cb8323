//! Signals: which ones stop a server, and which have no effect. The table is in
//! docs/src/reference/log.md.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill, killpg};

use crate::support::files::public_program;
use crate::support::{
    CONCURRENT_MODELS, MODELS, Process, Server, UdpClient, has_exited, installed, is_root,
    proc_status, program, shell, signal_and_wait, temp_dir, villains, with_default_signals,
};

#[test]
fn a_signal_without_a_meaning_ends_nothing() {
    for model in MODELS {
        let server = Server::start(&format!("echo --model {model}"));
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        let children = server.children().into_iter().map(|(child, _)| child);
        let processes: Vec<_> = children.chain([server.pid()]).collect();
        for signal in [
            Signal::SIGUSR2,
            Signal::SIGALRM,
            Signal::SIGVTALRM,
            Signal::SIGPROF,
            Signal::SIGIO,
            Signal::SIGPWR,
        ] {
            processes
                .iter()
                .for_each(|&pid| signal_and_wait(pid, signal));
            let log = server.log(&format!("{signal} is ignored"));
            assert!(log.contains(" INFO "), "{log}");
        }
        for pid in &processes {
            shell(&format!("kill -s RTMIN+5 {pid}"), b"");
        }
        server.log("signal 39 is ignored");
        assert_eq!(client.ask("still here"), "still here", "{model}");
        drop(client);
        assert_eq!(server.connect().ask("hello"), "hello", "{model}");
        let lines = server.log_lines("SIGUSR2 is ignored", 1);
        assert_eq!(lines.len(), 1, "only the acceptor logs it");
    }
}

#[test]
fn without_a_terminal_sighup_ends_nothing() {
    for model in MODELS {
        let args = ["-v", "serve", "echo", "--model", model, "--listen", "0"];
        let listen = ["--listen", "udp://127.0.0.1:0"];
        let server = Server::run(
            with_default_signals("setsid")
                .arg(program())
                .args(args)
                .args(listen),
        );
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        let children = server.children();
        for (child, _) in &children {
            signal_and_wait(*child, Signal::SIGHUP);
        }
        server.signal(Signal::SIGHUP);
        let log = server.log("reload: ");
        assert!(log.contains("nothing is reloaded on SIGHUP"), "{log}");
        assert_eq!(client.ask("still here"), "still here", "{model}");
        let udp = server.udp_address();
        let udp = UdpClient::connect_from("127.0.0.1:0", "127.0.0.1", udp.port());
        assert_eq!(udp.ask("hello"), "hello");
        for (child, _) in children {
            assert!(!has_exited(child), "{model}");
        }
        assert_eq!(server.log_lines("reload: ", 1).len(), 1);
    }
}

/// Starts a server with a controlling terminal. Returns the other end of the terminal.
fn serve_at_terminal(wrapper: &str, args: &str) -> (Server, File) {
    let terminal = openpty(None, None).expect("a terminal can be made");
    let close_on_exec = FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC);
    fcntl(&terminal.master, close_on_exec).expect("it is open"); // the server must not keep it open
    let server = Server::run_with_input(
        with_default_signals("setsid")
            .arg("--ctty")
            .args(wrapper.split_whitespace())
            .arg(program())
            .args(args.split_whitespace()),
        terminal.slave.into(),
    );
    (server, terminal.master.into())
}

#[test]
fn a_closed_terminal_stops_the_server_gracefully() {
    let folder = temp_dir();
    for model in MODELS {
        let socket = folder.path().join(model);
        let listen = format!("--listen 0 --listen unix:{}", socket.display());
        let args = format!("-v serve eliza --model {model} {listen} --listen udp://127.0.0.1:0");
        let (mut server, terminal) = serve_at_terminal("", &args);
        let mut client = server.connect();
        assert!(client.line().contains("feel"));
        drop(terminal);
        assert!(client.line().contains("oodbye"), "{model}");
        drop(client);
        assert_eq!(server.wait().code(), Some(0));
        assert!(!socket.exists());
    }
}

#[test]
fn under_nohup_a_closed_terminal_ends_nothing() {
    for model in MODELS {
        let args = format!("-v serve echo --model {model} --listen 0");
        let (mut server, terminal) = serve_at_terminal("nohup", &args);
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        drop(terminal);
        server.signal(Signal::SIGHUP);
        assert_eq!(client.ask("still here"), "still here");
        drop(client);
        assert_eq!(server.connect().ask("hello"), "hello");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        let log = server.whole_log();
        assert!(!log.iter().any(|line| line.contains("reload")), "{log:?}");
    }
}

#[test]
fn signals_of_the_terminal_that_were_ignored_stay_ignored() {
    for model in MODELS {
        let script = "trap '' INT QUIT HUP; exec \"$0\" -v serve echo --listen 0 --model \"$1\"";
        let mut server = Server::run(
            with_default_signals("bash")
                .args(["-c", script])
                .arg(program())
                .arg(model),
        );
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        let children = server.children().into_iter().map(|(child, _)| child);
        for pid in children.chain([server.pid()]) {
            for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP] {
                kill(pid, signal).expect("it runs");
            }
            // An ignored signal is never pending, so there is nothing to wait for.
            let ignored = u64::from_str_radix(&proc_status(pid, "SigIgn"), 16);
            assert_eq!(ignored.map(|set| set & 0b111), Ok(0b111), "HUP, INT, QUIT");
        }
        assert_eq!(client.ask("still here"), "still here", "{model}");
        drop(client);
        assert_eq!(server.connect().ask("hello"), "hello", "{model}");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn sigquit_stops_without_a_grace_period() {
    let folder = temp_dir();
    for model in MODELS {
        for service in ["stubborn", "stuck"] {
            let socket = folder.path().join(model);
            let listen = format!("--listen 0 --listen unix:{}", socket.display());
            let args = format!("-v serve {service} --grace 1h --model {model} {listen}");
            let mut server =
                Server::run(with_default_signals(villains()).args(args.split_whitespace()));
            let mut client = server.connect();
            assert_eq!(client.line(), "ready");
            client.send("go\n");
            let children = server.children();
            server.signal(Signal::SIGQUIT);
            assert_eq!(server.wait().code(), Some(0), "{model} {service}");
            assert!(!socket.exists(), "{model} {service}");
            for (child, _) in children {
                assert!(has_exited(child), "{child} is still alive");
            }
        }
    }
}

#[test]
fn a_stop_at_once_drops_every_session() {
    for model in MODELS {
        for signals in [&[Signal::SIGQUIT][..], &[Signal::SIGTERM; 2]] {
            let mut server = Server::villain(&format!("dropper --model {model} --grace 1h"));
            let mut client = server.connect();
            assert_eq!(client.ask("hello"), "hello");
            signals.iter().for_each(|&signal| server.signal(signal));
            assert_eq!(server.wait().code(), Some(0), "{model} {signals:?}");
            // Its destructor says so.
            server.log("dropped");
        }
    }
}

#[test]
fn a_stop_signal_to_the_process_group_restarts_nothing() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        for model in CONCURRENT_MODELS {
            let udp = "--listen udp://127.0.0.1:0 --listen udp://127.0.0.1:0";
            let args = format!("-v serve chat --model {model} --listen 0 {udp}");
            let mut server = Server::run(
                with_default_signals(program())
                    .args(args.split_whitespace())
                    .process_group(0),
            );
            let mut client = server.connect();
            client.line(); // so that the hub runs
            let children = server.children();
            killpg(server.pid(), signal).expect("it runs");
            assert_eq!(server.wait().code(), Some(0), "{model} {signal}");
            let log = server.whole_log();
            let is_wrong =
                |line: &&String| line.contains("restarting") || line.contains(" hub has");
            assert_eq!(log.iter().find(is_wrong), None, "{model} {signal}");
            for (child, _) in children {
                assert!(has_exited(child), "{child} is still alive");
            }
        }
    }
}

#[test]
fn a_udp_server_that_is_stopped_alone_comes_back() {
    let server = Server::start_udp("echo");
    let udp = UdpClient::connect(&server);
    assert_eq!(udp.ask("hello"), "hello");
    // As a service manager that signals one process after the other, and this one first.
    let child = server.children()[0].0;
    kill(child, Signal::SIGTERM).expect("it runs");
    let ended = server.log("reap: exit code 0");
    let restart = server.log("restarting it");
    assert!(ended < restart, "the times: {ended} {restart}");
    server.wait_for_children("another process", |children| {
        children.iter().any(|&(pid, _)| pid != child)
    });
    assert_eq!(udp.ask("again"), "again");
}

#[test]
fn a_failed_start_ends_everything_and_announces_nothing() {
    if !is_root() || !installed(&["setpriv", "prlimit"]) {
        return;
    }
    let (_folder, program) = public_program();
    for (model, processes, what) in [("fork", 2, "process"), ("threads", 2, "thread")] {
        // A user of its own, so that no other process counts.
        let user = 100_000 + std::process::id() % 100_000;
        let udp = "--listen udp://127.0.0.1:0 --listen udp://127.0.0.1:0";
        let notify = temp_dir();
        let path = notify.path().join("notify");
        let ready = UnixDatagram::bind(&path).expect("a socket can be made");
        shell(
            &format!(
                "chmod 755 {}; chmod 777 {}",
                notify.path().display(),
                path.display()
            ),
            b"",
        );
        let mut server = Process::start(
            Command::new("setpriv")
                .args([format!("--reuid={user}"), format!("--regid={user}")])
                .args(["--clear-groups", "prlimit"])
                .arg(format!("--nproc={processes}"))
                .arg(&program)
                .args(["-v", "serve", "echo", "--model", model])
                .args(udp.split_whitespace())
                .env("NOTIFY_SOCKET", &path)
                .stderr(Stdio::piped()),
        );
        let stderr = server.take_stderr().expect("stderr is a pipe");
        assert_eq!(server.wait().code(), Some(1), "{model}");
        // All copies of the pipe are closed: no child is left.
        let log = io::read_to_string(stderr).expect("the log is text");
        assert!(!log.contains("listens on"), "{log}");
        let error =
            format!("switchboard: cannot serve: cannot start a {what} for udp://127.0.0.1:");
        assert!(log.contains(&error), "{log}");
        ready.set_nonblocking(true).expect("it is a socket");
        assert!(ready.recv(&mut [0; 100]).is_err(), "READY=1 was sent");
    }
}
