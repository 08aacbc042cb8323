//! Error messages, hints and exit codes of the client.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::support::files::fake_server;
use crate::support::{Process, Server, installed, run_program, shell, temp_dir};

/// Runs `connect` with these arguments: its exit code, its standard error and its standard output.
#[track_caller]
fn check(args: &str, input: &str, code: i32, stderr: &str, stdout: &str) {
    let result = run_program(&format!("connect {args}"), input);
    assert_eq!(
        result,
        (code, stdout.to_owned(), stderr.to_owned()),
        "{args}"
    );
}

/// A port of 127.0.0.1 with no server.
fn unused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[test]
fn a_failure_to_connect_is_a_sentence_with_code_69() {
    let port = unused_port();
    let (code, stdout, stderr) = run_program(&format!("connect 127.0.0.1 {port}"), "lost");
    assert_eq!((code, &*stdout), (69, ""));
    assert_eq!(
        stderr,
        format!(
            "switchboard: cannot connect to 127.0.0.1:{port}: connection refused, nothing listens on \
             127.0.0.1:{port}\n"
        )
    );
    let (code, stdout, stderr) = run_program("connect --source 192.0.2.1 127.0.0.1:1", "");
    assert_eq!((code, &*stdout), (69, ""));
    assert_eq!(
        stderr,
        "switchboard: cannot connect to 127.0.0.1:1: own address 192.0.2.1: no interface of this \
         machine has it (ip address lists them)\n"
    );
    let folder = temp_dir();
    let path = folder.path().join("socket");
    let (code, stdout, stderr) = run_program(&format!("connect unix:{}", path.display()), "");
    assert_eq!((code, &*stdout), (69, ""));
    let expected = format!("unix:{}: there is no such file\n", path.display());
    assert!(stderr.ends_with(&expected), "{stderr}");
}

#[test]
fn wrong_usage_has_code_2_and_opens_nothing() {
    for (args, message) in [
        (
            "server:0",
            "port 0 cannot be connected to: a port is a number from 1 to 65535",
        ),
        ("unix:a 80", "a Unix socket has no port: leave out '80'"),
        (
            "server http",
            "a port is a number from 0 to 65535, not 'http'",
        ),
        (
            "udp:1212",
            "'udp:1212' would be a host with the name 'udp': use udp://1212 (or tcp://udp:1212 for \
             that host)",
        ),
    ] {
        check(args, "", 2, &format!("switchboard: {message}\n"), "");
    }
}

#[test]
fn a_tls_server_is_recognised_by_its_alert() {
    if !installed(&["openssl"]) {
        return;
    }
    let folder = temp_dir();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args([
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "key",
            "-out",
            "certificate",
        ])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed").success());
    let script = "import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('certificate', 'key')
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
peer, _ = listener.accept()
try:
    context.wrap_socket(peer, server_side=True)
except ssl.SSLError:
    pass";
    let (_server, port) = start_python(script, folder.path());
    // OpenSSL answers with an alert only if the header is like that of a record.
    let input = "\x17\x03\x01\0\x05hello";
    let (code, stdout, stderr) = run_program(&format!("connect 127.0.0.1 {port}"), input);
    assert!(stdout.starts_with('\u{15}'), "{stdout:?}");
    assert!(
        stderr.ends_with(
            "hint: the server speaks TLS, which this client does not: `openssl s_client -quiet \
             -connect HOST:PORT` does\n"
        ),
        "{code} {stderr}"
    );
}

#[test]
fn an_http_server_is_recognised_by_its_answer() {
    let folder = temp_dir();
    let script = "import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()";
    let (_server, port) = start_python(script, folder.path());
    let args = format!("127.0.0.1 {port}");
    let hint = "hint: the server speaks HTTP, and what was sent is no request: \
                `curl http://HOST:PORT/` sends one\n";
    let (code, stdout, stderr) = run_program(&format!("connect {args}"), "hello\n");
    assert_eq!((code, &*stderr), (0, hint));
    assert!(stdout.contains("400"), "{stdout}");
    let (code, _, stderr) = run_program(&format!("connect -q {args}"), "hello\n");
    assert_eq!((code, &*stderr), (0, ""));
    let request = "GET / HTTP/1.0\r\n\r\n";
    let (code, stdout, stderr) = run_program(&format!("connect {args}"), request);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.starts_with("HTTP/1.0 204"), "{stdout}");
}

/// Runs a Python program that prints its port.
fn start_python(script: &str, folder: &std::path::Path) -> (Process, u16) {
    let mut command = Command::new("python3");
    command.args(["-c", script]).current_dir(folder);
    let mut server = Process::start(command.stdout(Stdio::piped()));
    let mut port = String::new();
    let mut stdout = server.take_stdout().expect("it is a pipe");
    let mut byte = [0];
    while stdout.read(&mut byte).is_ok_and(|count| count == 1) && byte != *b"\n" {
        port.push(byte[0] as char);
    }
    (server, port.parse().expect("it prints its port"))
}

#[test]
fn a_reset_is_an_error_after_the_data() {
    let address = fake_server(|mut peer| {
        peer.write_all(b"data").ok();
        peer.read_exact(&mut [0; 5]).ok(); // sent once the data has arrived
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).ok();
    });
    let command = format!(
        "coproc $PROGRAM connect {address} 2>&4; read -rN4 -u ${{COPROC[0]}} data; echo \"$data\"
         echo sent >&${{COPROC[1]}}; wait $COPROC_PID"
    );
    let output = shell(&format!("exec 4>&2; {command}"), b"");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "data\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr,
        "switchboard: the connection broke: connection reset by peer\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_connection_closed_at_once_has_a_hint() {
    let address = fake_server(drop);
    let command = format!(
        "coproc cat; $PROGRAM connect --peer-eof wait:10ms {address} <&${{COPROC[0]}}; code=$?; \
         kill $COPROC_PID; exit $code"
    );
    let output = shell(&command, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let hint = "hint: the server closed the connection at once: it may refuse this machine, or a \
                proxy cannot reach the program behind it\n";
    assert_eq!((output.status.code(), &*stderr), (Some(0), hint));
    // Not if the input has ended: then the end is in order.
    check(&address.to_string(), "", 0, "", "");
}

#[test]
fn an_unknown_name_is_an_error() {
    let (code, stdout, stderr) = run_program("connect name.invalid 80", "lost");
    assert_eq!((code, &*stdout), (69, ""));
    let error = "switchboard: cannot connect to name.invalid:80: the host name 'name.invalid' ";
    assert!(stderr.starts_with(error), "{stderr}");
    assert!(!stderr.contains("os error"), "{stderr}");
}

#[test]
fn a_signal_ends_it_with_its_code() {
    let server = Server::start("echo");
    let end = "ended by a signal; 5 bytes sent, 5 bytes received\n";
    for (signal, option, code, end) in [
        ("INT", "-q", 130, ""),
        ("TERM", "", 143, ""),
        ("TERM", "-v", 143, end),
    ] {
        // bash starts a background process with SIGINT ignored.
        let command = format!(
            "exec 4>&2; coproc env --default-signal=INT $PROGRAM connect {option} {} 2>&4; \
             echo sent >&${{COPROC[1]}}; read -r line <&${{COPROC[0]}}; kill -{signal} $COPROC_PID; \
             wait $COPROC_PID",
            server.address()
        );
        let output = shell(&command, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{signal}: {stderr}");
        let notes = stderr.lines().filter(|line| !line.starts_with("connect"));
        assert_eq!(
            notes.collect::<Vec<_>>().join(""),
            end.trim_end(),
            "{signal}"
        );
    }
}

#[test]
fn a_udp_port_without_a_server_is_an_error() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let port = socket.local_addr().expect("it is bound").port();
    drop(socket);
    let error = "switchboard: no answer: the UDP port of the peer is unreachable\n";
    let hint = "hint: nothing listens on this UDP port, or a firewall rejects it; a TCP server is \
                reached without --udp\n";
    check(
        &format!("-u 127.0.0.1 {port}"),
        "x",
        69,
        &format!("{error}{hint}"),
        "",
    );
    check(&format!("-q -u 127.0.0.1 {port}"), "x", 69, error, "");
}

#[test]
fn a_time_limit_is_an_error() {
    let address = fake_server(|mut peer| {
        peer.read_to_end(&mut Vec::new()).ok();
        thread::park(); // keeps the connection open
    });
    let error = "switchboard: nothing was sent or received for 0.1 s\n";
    check(
        &format!("{address} --idle-timeout 100ms"),
        "x",
        1,
        error,
        "",
    );
}

#[test]
fn a_full_disk_is_an_error() {
    let server = Server::start("echo");
    let output = shell(
        &format!("$PROGRAM connect {} > /dev/full", server.address()),
        b"x",
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{stderr}");
    assert_eq!(
        stderr,
        "switchboard: cannot write: no space left on device\n"
    );
}

#[test]
fn an_input_that_cannot_be_read_is_an_error() {
    let server = Server::start("echo");
    let output = shell(&format!("$PROGRAM connect {} < /", server.address()), b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{stderr}");
    assert_eq!(
        stderr,
        "switchboard: cannot read standard input: is a directory\n"
    );
}

#[test]
fn verbose_says_which_side_ended_it_and_how_much_was_moved() {
    let server = Server::start("echo");
    let (code, stdout, stderr) = run_program(&format!("connect -v {}", server.address()), "hello");
    assert_eq!((code, &*stdout), (0, "hello"));
    let end = "the server closed the connection after the end of the input; 5 bytes sent, 5 bytes \
               received\n";
    assert!(stderr.ends_with(end), "{stderr}");
}
