//! Several listeners, address families, permissions of Unix sockets.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::support::{Client, DEADLINE, MODELS, Server, program, shell, temp_dir};

/// Serves `echo` with these options, and checks which of 127.0.0.1 and ::1 is answered.
#[track_caller]
fn check_families(options: &str, v4: bool, v6: bool) {
    // A server of another test may have the same port in the family that is off.
    let refused = (0..PORTS_TRIED).any(|_| refuses_other_families(options, v4, v6));
    assert!(refused, "{options}: answered in a family that is off");
}

/// Whether a new server answers in the families that are on, and nothing listens in the other one.
#[track_caller]
fn refuses_other_families(options: &str, v4: bool, v6: bool) -> bool {
    let server = Server::serve(&format!("echo {options}"));
    let port = server.address().port();
    [("127.0.0.1", v4), ("::1", v6)]
        .iter()
        .all(|&(host, served)| {
            let address = SocketAddr::new(host.parse().expect("an address"), port);
            if !served {
                let refused = TcpStream::connect(address).map_err(|error| error.kind());
                return matches!(refused, Err(ErrorKind::ConnectionRefused));
            }
            let mut client = Client::connect(address);
            assert_eq!(client.ask("hello"), "hello", "{options} at {host}");
            let peer = client.address();
            server.log(&format!(" accept peer={peer} local={address}"));
            true
        })
}

const PORTS_TRIED: u32 = 3;

#[test]
fn ipv4_and_ipv6_can_be_selected() {
    for model in MODELS {
        for address in ["0", ":0"] {
            for (only, v4, v6) in [("", true, true), ("-4", true, false), ("-6", false, true)] {
                let options = format!("{only} --listen {address} --model {model}");
                check_families(&options, v4, v6);
            }
        }
    }
    check_families("--ipv4 --listen localhost:0", true, false);
    check_families("--listen 127.0.0.1:0", true, false);
    check_families("--listen [::1]:0", false, true);
    check_families("--listen [::]:0", false, true);
}

#[test]
fn an_address_of_the_other_family_is_refused() {
    for (options, code, reason) in [
        (
            "-4 --listen [::1]:0",
            69,
            "cannot listen on [::1]:0: it has no IPv4 address",
        ),
        (
            "-6 --listen 127.0.0.1:0",
            69,
            "cannot listen on 127.0.0.1:0: it has no IPv6 address",
        ),
        (
            "-4 --listen udp://[::1]:0",
            69,
            "cannot listen on udp://[::1]:0: it has no IPv4 address",
        ),
        ("-4 -6 --listen 0", 2, "cannot be used with"),
    ] {
        let output = shell(&format!("$PROGRAM serve echo {options}"), b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert!(code == 2 || stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn unix_mode_overrides_the_umask() {
    let folder = temp_dir();
    for (number, (umask, option, expected)) in [
        ("000", "--unix-mode 660", 0o660),
        ("777", "--unix-mode 660", 0o660),
        ("022", "--unix-mode 600", 0o600),
        ("077", "--unix-mode 777", 0o777),
        ("022", "--unix-mode 0", 0),
        ("027", "", 0o750),
        ("000", "", 0o777),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(number.to_string());
        let script = format!("umask {umask}; exec \"$0\" serve echo {option} --listen unix:\"$1\"");
        let mut command = Command::new("bash");
        let _server = Server::run(command.args(["-c", &script]).arg(program()).arg(&path));
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "umask {umask} {option}");
    }
    for wrong in ["rw", "888", "1777", "+660", ""] {
        let command = format!("$PROGRAM serve echo --listen 0 --unix-mode '{wrong}'");
        let output = shell(&command, b"");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.contains("permissions are an octal number up to 777, such as 660"),
            "{stderr}"
        );
    }
}

#[test]
fn every_listener_is_served() {
    let folder = temp_dir();
    for model in MODELS {
        let paths = ["a", "b"].map(|name| folder.path().join(format!("{model}-{name}")));
        let unix = paths
            .each_ref()
            .map(|path| format!("--listen unix:{}", path.display()));
        let args = format!(
            "uppercase --model {model} {} --listen [::1]:0 {} --listen udp://127.0.0.1:0",
            unix[0], unix[1]
        );
        let server = Server::start(&args);
        let announced = server.log("listens on");
        let listens = announced
            .split("; try")
            .next()
            .expect("a split has a first part");
        // Two of them for the listener that `start` adds.
        assert_eq!(listens.split(" and ").count(), 6, "{announced}");
        let mut internet: Vec<SocketAddr> = Vec::new();
        internet.extend(
            listens
                .split(' ')
                .filter_map(|word| word.parse::<SocketAddr>().ok()),
        );
        assert_eq!(internet.len(), 3, "{announced}");
        for address in internet {
            assert_eq!(Client::connect(address).ask("hello"), "HELLO");
        }
        for path in &paths {
            let client = UnixStream::connect(path).expect("the server listens");
            (&client).write_all(b"hello\n").expect("the server reads");
            let mut answer = [0; 6];
            (&client).read_exact(&mut answer).expect("it answers");
            assert_eq!(&answer, b"HELLO\n");
        }
        let udp = listens
            .split(' ')
            .find_map(|word| word.strip_prefix("udp://"));
        let udp: SocketAddr = udp
            .and_then(|udp| udp.parse().ok())
            .expect("it is announced");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("it can be set");
        socket.send_to(b"hello", udp).expect("it can be sent");
        let mut answer = [0; 10];
        let count = socket.recv(&mut answer).expect("it answers");
        assert_eq!(&answer[..count], b"HELLO");
    }
}

#[test]
fn a_failed_listener_is_named_and_the_others_are_closed() {
    let folder = temp_dir();
    let file = folder.path().join("file");
    fs::write(&file, "precious").expect("it can be written");
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let file = format!("unix:{}", file.display());
    let unusable = [
        "192.0.2.1:7000".to_owned(),
        "udp://192.0.2.1:7000".to_owned(),
        "fd:2000".to_owned(),
        file,
    ];
    for address in &unusable {
        for addresses in [[&socket, address], [address, &socket]] {
            let options = addresses.map(|address| format!("--listen={address}"));
            let mut command = Command::new(program());
            let output = command.args(["serve", "echo"]).args(options).output();
            let output = output.expect("it runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(69), "{stderr}");
            let start = format!("switchboard: cannot listen on {address}: ");
            assert!(
                stderr.starts_with(&start) && stderr.lines().count() == 1,
                "{stderr}"
            );
            let count = fs::read_dir(folder.path()).expect("it exists").count();
            assert_eq!(count, 1, "{addresses:?}");
        }
    }
}
