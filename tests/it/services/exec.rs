//! The `exec` service: what a program gets, and what it does not get.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use nix::libc;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::files::content;
use crate::support::{
    Client, MODELS, Server, descriptors, installed, pid_in, proc_status, program, shell, temp_dir,
};

#[test]
fn every_byte_comes_back_from_a_program() {
    let sent = content(200_000); // more than the sockets and pipes buffer
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let path = path.display();
        let server = Server::exec(&format!("--model {model} --listen unix:{path}"), &["cat"]);
        let port = server.port();
        for (peer, command) in [
            ("nc.openbsd", format!("nc.openbsd -N 127.0.0.1 {port}")),
            ("ncat", format!("ncat 127.0.0.1 {port}")),
            ("socat", format!("socat -t 10 - TCP:127.0.0.1:{port}")),
            ("nc.openbsd", format!("nc.openbsd -N -U {path}")),
            ("socat", format!("socat -t 10 - UNIX:{path}")),
        ] {
            if installed(&[peer]) {
                let received = shell(&command, &sent).stdout;
                let count = received.len();
                assert!(received == sent, "{model}: {command}: {count} bytes");
            }
        }
        let on_stdio = format!("$PROGRAM serve exec --model {model} --listen - -- cat");
        let output = shell(&on_stdio, &sent);
        assert!(output.stdout == sent && output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_program_gets_a_socket_that_blocks() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let options = format!("--model {model} --listen unix:{}", path.display());
        let server = Server::exec(
            &options,
            &["cat", "/proc/self/fdinfo/0", "/proc/self/fdinfo/1"],
        );
        for mut client in [server.connect(), Client::connect_unix(&path)] {
            let info = String::from_utf8_lossy(&client.rest()).into_owned();
            let flags = info.lines().filter_map(|line| line.strip_prefix("flags:"));
            let flags: Vec<i32> = flags
                .map(|flags| i32::from_str_radix(flags.trim(), 8).expect("an octal number"))
                .collect();
            assert_eq!(flags.len(), 2, "{info}");
            assert!(
                flags.iter().all(|flags| flags & libc::O_NONBLOCK == 0),
                "{info}"
            );
        }
    }
}

#[test]
fn arguments_are_not_read_by_a_shell() {
    let args = ["; id", "$(id)", "`id`", "a  b", "*", "", "-x", "--", "\\n"];
    let expected: String = args.map(|arg| format!("<{arg}>\n")).concat();
    for model in MODELS {
        let command = [&["/usr/bin/printf", "<%s>\\n"], &args[..]].concat();
        let server = Server::exec(&format!("--model {model}"), &command);
        let answer = server.connect().rest();
        assert_eq!(String::from_utf8_lossy(&answer), expected, "{model}");
    }
}

/// A server of the program `env`, with variables of its own that the program must not get.
fn serve_env(model: &str, socket: &Path) -> Server {
    let mut command = Command::new(program());
    command
        .args(["-v", "serve", "exec", "--model", model, "--listen", "0"])
        .arg(format!("--listen=unix:{}", socket.display()))
        .args(["--", "/usr/bin/env"])
        .env("SECRET", "password")
        .env("BASH_FUNC_env%%", "() { echo mine; }")
        .env("TCPREMOTEINFO", "forged")
        .env("PATH", "/usr/bin:/bin");
    Server::run(&mut command)
}

#[track_caller]
fn check_environment(output: &[u8], expected: &[String]) {
    let output = String::from_utf8_lossy(output).into_owned();
    let mut variables: Vec<&str> = output.lines().collect();
    variables.sort_unstable();
    let mut expected = expected.to_vec();
    expected.push("PATH=/usr/bin:/bin".to_owned());
    expected.sort_unstable();
    assert_eq!(variables, expected);
}

#[test]
fn the_environment_describes_the_peer_and_nothing_else() {
    let folder = temp_dir();
    for model in MODELS {
        let socket = folder.path().join(model);
        let server = serve_env(model, &socket);
        let mut client = server.connect();
        let peer = client.address();
        check_environment(
            &client.rest(),
            &[
                "PROTO=TCP".to_owned(),
                "TCPLOCALIP=127.0.0.1".to_owned(),
                format!("TCPLOCALPORT={}", server.port()),
                "TCPREMOTEIP=127.0.0.1".to_owned(),
                format!("TCPREMOTEPORT={}", peer.port()),
                "REMOTE_ADDR=127.0.0.1".to_owned(),
                format!("REMOTE_PORT={}", peer.port()),
            ],
        );
        // The path of the socket of a Unix peer, which the peer chooses, is not passed on.
        let peer = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket can be made");
        let name = folder.path().join(format!("() {{ :; }}; echo {model}"));
        let name = SockAddr::unix(name).expect("the path is short");
        peer.bind(&name).expect("the path is free");
        let server_at = SockAddr::unix(&socket).expect("the path is short");
        peer.connect(&server_at).expect("the server listens");
        let mut output = Vec::new();
        (&peer).read_to_end(&mut output).expect("it answers");
        let path = format!("UNIXLOCALPATH={}", socket.display());
        check_environment(&output, &["PROTO=UNIX".to_owned(), path]);
    }
}

/// A client of `cat`, and the pid of `cat`, which has been executed by now.
#[track_caller]
fn connect_to_cat(server: &Server) -> (Client, nix::unistd::Pid) {
    let mut client = server.connect();
    assert_eq!(client.ask("hello"), "hello");
    let program = *server.programs(1).last().expect("there is one");
    assert_eq!(proc_status(program, "Name"), "cat");
    (client, program)
}

#[test]
fn a_program_starts_with_default_descriptors_signals_and_limits() {
    for model in MODELS {
        let script = "ulimit -Sn 500; ulimit -Hn 2000; trap '' PIPE INT USR1 HUP CHLD; \
            exec \"$0\" -v serve exec --listen 0 --model \"$1\" -- cat 9</etc/passwd 7</dev/null";
        let program = program();
        let server = Server::run(
            Command::new("bash")
                .args(["-c", script])
                .arg(program)
                .arg(model),
        );
        let (_caller, pid) = connect_to_cat(&server);
        assert_eq!(descriptors(pid), [0, 1, 2], "{model}");
        for set in ["SigBlk", "SigIgn", "SigPnd"] {
            assert_eq!(proc_status(pid, set), "0".repeat(16), "{model}: {set}");
        }
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let columns = line.expect("the kernel reports it").split_whitespace();
        assert_eq!(
            columns.collect::<Vec<_>>()[3..5],
            ["500", "2000"],
            "{model}"
        );
    }
}

#[test]
fn a_program_leads_a_process_group_and_replaces_the_forked_child() {
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["cat"]);
        let (_caller, pid) = connect_to_cat(&server);
        assert_eq!(proc_status(pid, "NSpgid"), pid.to_string(), "{model}");
        let children: Vec<_> = server.children().iter().map(|&(child, _)| child).collect();
        assert_eq!(children, [pid], "{model}: no other process");
        if model == "fork" {
            assert_eq!(pid_in(&server.log(" fork peer="), "pid="), pid);
        }
    }
}

#[test]
fn stderr_of_a_program_goes_to_the_log_only() {
    let command = "printf 'one \\033[31m\\r\\ntwo\\377' >&2; printf '%5000s\\n' x >&2; cat";
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["sh", "-c", command]);
        let mut client = server.connect();
        let peer = client.address();
        client.send("hello\n");
        client.shutdown_write();
        assert_eq!(client.rest(), b"hello\n", "{model}");
        let escaped = server.log("program: one \\x1b[31m\\r");
        assert!(escaped.contains(&format!("peer={peer}")), "{escaped}");
        server.log("program: two\\xff");
        // A long line is logged in pieces, without a loss.
        server.log("end: the program ended: exit status: 0");
        let log = server.log_lines("program: ", 4);
        let length = |line: &str| {
            let (_, text) = line.split_once("program: ").expect("it was found by this");
            text.rsplit_once(" peer=")
                .expect("the peer is logged")
                .0
                .len()
        };
        let logged: usize = log[1..].iter().map(|line| length(line)).sum();
        assert_eq!(logged, "two\\xff".len() + 5000, "{log:#?}");
    }
}

#[test]
fn a_missing_program_is_refused_before_listening() {
    let folder = temp_dir();
    let file = folder.path().join("file");
    fs::write(&file, "#!/bin/sh\n").expect("it can be written");
    let file = file.display().to_string();
    for (name, reason) in [
        ("no-such-program", "no program of that name in PATH\n"),
        (
            "/no/such/program",
            "No such file or directory (os error 2)\n",
        ),
        (&*file, "not an executable file\n"),
        ("/", "not an executable file\n"),
    ] {
        let mut command = Command::new(program());
        command.args(["serve", "exec", "--listen", "0", "--", name]);
        let output = command.output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let message = format!("switchboard: cannot serve exec: {name}: {reason}");
        assert_eq!((output.status.code(), stderr), (Some(1), message));
    }
    let output = shell("$PROGRAM serve exec --listen 0", b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_program_deleted_since_the_start_ends_only_its_session() {
    let folder = temp_dir();
    for model in MODELS {
        let (program, moved) = (folder.path().join(model), folder.path().join("moved"));
        let path = program.to_str().expect("the path is text");
        fs::copy("/bin/cat", &program).expect("it can be copied");
        let server = Server::exec(&format!("--model {model}"), &[path]);
        assert_eq!(server.connect().ask("hello"), "hello");
        fs::rename(&program, &moved).expect("it is there");
        let mut client = server.connect();
        client.send("hello\n");
        assert_eq!(client.rest(), b"", "{model}: closed without a reset");
        let log = server.log("cannot start the program");
        assert!(
            log.contains("ERROR") && log.contains("peer=127.0.0.1:"),
            "{log}"
        );
        fs::rename(&moved, &program).expect("it is there");
        assert_eq!(server.connect().ask("hello"), "hello");
    }
}

#[test]
fn a_slow_reader_gets_all_output_of_a_program() {
    let folder = temp_dir();
    let bytes = 5_000_000;
    for model in MODELS {
        let socket = folder.path().join(model);
        let options = format!("--model {model} --listen unix:{}", socket.display());
        let count = bytes.to_string();
        let server = Server::exec(&options, &["head", "-c", &count, "/dev/zero"]);
        let mut client = server.connect();
        client.send("a line that head does not read\n");
        assert_eq!(client.rest().len(), bytes, "{model}");
        let mut client = UnixStream::connect(&socket).expect("the server listens");
        client
            .write_all(b"another line\n")
            .expect("the disk has room");
        client
            .shutdown(Shutdown::Write)
            .expect("the socket is connected");
        let mut rest = Vec::new();
        client
            .read_to_end(&mut rest)
            .expect("the server closes without a reset");
        assert_eq!(rest.len(), bytes, "{model}");
    }
}
