//! Addresses to listen on, and why listening fails.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::support::files::public_program;
use crate::support::{
    Client, MODELS, Server, UdpClient, installed, is_root, program, run_program, shell, stdout_of,
    temp_dir,
};

/// Checks that serving fails with this exit code and a line with this message.
#[track_caller]
fn check_refused(listen: &str, code: i32, message: &str) {
    let output = Command::new(program())
        .args(["serve", "echo", "--listen", listen])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_port_in_use_is_named_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let message = format!(
        "switchboard: cannot listen on 127.0.0.1:{port}: another program uses this port (ss -ltnp 'sport = :{port}' shows which)"
    );
    check_refused(&port.to_string(), 69, &message);
    check_refused(&format!("tcp://127.0.0.1:{port}"), 69, &message);
}

#[test]
fn a_foreign_address_is_refused() {
    let message = "cannot listen on 192.0.2.1:7000: no interface of this machine has this address";
    check_refused("192.0.2.1:7000", 69, message);
    check_refused(
        "[2001:db8::1]:7000",
        69,
        "cannot listen on [2001:db8::1]:7000: no interface of this machine",
    );
    check_refused(
        "no-such-host.invalid:7000",
        69,
        "cannot listen on no-such-host.invalid:7000: ",
    );
}

#[test]
fn a_privileged_port_needs_privileges() {
    if !is_root() || !installed(&["unshare", "setpriv"]) {
        return;
    }
    // A network namespace has the default first unprivileged port, 1024.
    let (_folder, copy) = public_program();
    let command = format!(
        "unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups {} serve echo --listen :80",
        copy.display()
    );
    let output = shell(&command, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{stderr}");
    assert!(
        stderr.contains("cannot listen on :80: permission denied (ports below 1024 need root"),
        "{stderr}"
    );
}

#[test]
fn one_failed_listener_prevents_all() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let folder = temp_dir();
    let socket = folder.path().join("socket");
    let output = Command::new(program())
        .args([
            "serve",
            "echo",
            "--listen",
            &format!("unix:{}", socket.display()),
        ])
        .args([
            "--listen",
            &taken.local_addr().expect("it is bound").to_string(),
        ])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(69));
    assert!(!socket.exists());
}

#[test]
fn ipv4_and_ipv6_peers_are_logged_in_their_own_notation() {
    let server = Server::serve("echo --listen :0");
    assert!(server.log("listens on").contains("[::]:"));
    let port = server.address().port();
    for (host, shown) in [("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:")] {
        let mut client = Client::connect(SocketAddr::new(host.parse().expect("an address"), port));
        assert_eq!(client.ask("hello"), "hello");
        let address = client.address();
        // Both addresses as `ss -tan` shows them.
        let log = server.log(&format!("accept peer={address} local={shown}{port}"));
        assert!(!log.contains("ffff"), "{log}");
    }
}

#[test]
fn a_bare_port_means_loopback_only() {
    let server = Server::start("echo");
    let port = server.address().port();
    assert!(server.log("listens on").contains(&format!(
        "127.0.0.1:{port} and [::1]:{port}; try: nc localhost {port}"
    )));
    let other = TcpStream::connect(("127.0.0.2", port));
    assert!(other.is_err(), "no other address must be served");
}

#[test]
fn a_host_name_means_all_its_addresses() {
    let server = Server::serve("echo --listen localhost:0");
    assert_eq!(server.connect().ask("hello"), "hello");
}

#[test]
fn an_ipv4_address_in_the_notation_of_ipv6_is_one_of_ipv4() {
    let server = Server::serve("echo --listen [::ffff:127.0.0.1]:0");
    assert!(server.log("listens on").contains("on 127.0.0.1:"));
    assert_eq!(server.connect().ask("hello"), "hello");
    let server = Server::serve("echo --listen udp://[::ffff:127.0.0.1]:0");
    assert_eq!(UdpClient::connect(&server).ask("hello"), "hello");
}

#[test]
fn a_unix_socket_replaces_only_a_dead_one() {
    let folder = temp_dir();
    let at = |name: &str| format!("unix:{}", folder.path().join(name).display());
    drop(UnixListener::bind(folder.path().join("dead")).expect("a socket can be made"));
    let server = Server::start(&format!("uppercase --listen {}", at("dead")));
    if installed(&["nc.openbsd", "socat"]) {
        let path = folder.path().join("dead");
        assert_eq!(
            stdout_of(&format!("nc.openbsd -N -U {}", path.display()), "hello\n"),
            "HELLO\n"
        );
        assert_eq!(
            stdout_of(&format!("socat -t 10 - UNIX:{}", path.display()), "hello\n"),
            "HELLO\n"
        );
        server.log(&format!("accept peer={} ", at("dead")));
    }
    check_refused(&at("dead"), 69, "another server listens there");
    fs::write(folder.path().join("file"), "precious").expect("it can be written");
    check_refused(&at("file"), 69, "or the file is not a socket");
    assert_eq!(
        fs::read(folder.path().join("file")).expect("it is there"),
        b"precious"
    );
    check_refused(&at("no/such/folder"), 69, "No such file or directory");
    check_refused(
        &at(&"long".repeat(40)),
        69,
        "a Unix socket allows 107 (a relative path",
    );
}

/// Runs the command that the server suggests, in a shell behind `enter`, and sends it a line.
#[track_caller]
fn check_suggested(server: &Server, folder: &Path, enter: &str) {
    let line = server.log("listens on ");
    let (_, suggested) = line.split_once("; try: ").expect("a command is suggested");
    let command = format!("{enter} {}", suggested.replace("NAME", "file"));
    let mut shell = Command::new("sh");
    let (_process, mut client) =
        Client::of_command(shell.current_dir(folder).args(["-c", &command]));
    if suggested.starts_with("curl") {
        client.rest();
        let file = fs::read(folder.join("file"));
        assert_eq!(file.expect("it was fetched"), b"content", "{command}");
        fs::remove_file(folder.join("file")).expect("it is there");
    } else {
        assert_eq!(client.ask("hello"), "hello", "{command}");
    }
}

#[test]
fn the_suggested_command_reaches_the_server() {
    if !installed(&["nc.openbsd", "curl"]) {
        return;
    }
    let folder = temp_dir();
    let addresses = [
        "0",
        ":0",
        "127.0.0.5:0",
        "[::1]:0",
        "udp://0",
        "udp://127.0.0.5:0",
        "udp://[::1]:0",
        "unix:plain",
        "unix:./@file",
        "unix:a b",
        "unix:-N",
        "unix:it's $HOME",
        "unix:tab\t\x1b[31m\u{200b}%s\\",
        "unix:@abstract name",
    ];
    for address in addresses {
        let mut command = Command::new(program());
        command.args(["serve", "echo", "--listen", address]);
        let server = Server::run(command.current_dir(folder.path()));
        check_suggested(&server, folder.path(), "");
    }
    for options in ["-4 --listen :0", "-6 --listen :0", "-6 --listen udp://:0"] {
        let server = Server::serve(&format!("echo {options}"));
        check_suggested(&server, folder.path(), "");
    }
    fs::create_dir(folder.path().join("served")).expect("the folder is writable");
    fs::write(folder.path().join("served/file"), "content").expect("the folder is writable");
    let mut command = Command::new(program());
    command.args(["serve", "files", "served", "--listen", "udp://[::1]:0"]);
    let server = Server::run(command.current_dir(folder.path()));
    check_suggested(&server, folder.path(), "");
}

#[test]
fn the_suggested_command_names_the_interface_of_a_link() {
    if !is_root() || !installed(&["unshare", "nsenter", "ip", "nc.openbsd", "curl"]) {
        return;
    }
    let folder = temp_dir();
    fs::create_dir(folder.path().join("served")).expect("the folder is writable");
    fs::write(folder.path().join("served/file"), "content").expect("the folder is writable");
    let setup = "ip link set lo up && ip address add fe80::5/64 dev lo nodad && exec \"$@\"";
    for service in [
        ["echo", "--listen=[fe80::5%lo]:0", ""],
        ["echo", "--listen=udp://[fe80::5%1]:0", ""],
        ["files", "--listen=udp://[fe80::5%lo]:0", "served"],
    ] {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", setup, "sh"]);
        command.arg(program()).arg("serve");
        command.args(service.iter().filter(|arg| !arg.is_empty()));
        let server = Server::run(command.current_dir(folder.path()));
        let line = server.log("listens on ");
        assert!(line.contains("[fe80::5%lo]:"), "{line}");
        let enter = format!("nsenter --net=/proc/{}/ns/net", server.pid());
        check_suggested(&server, folder.path(), &enter);
    }
}

#[test]
fn an_abstract_socket_is_served_and_fetched_from() {
    let name = format!("@switchboard test {}", std::process::id());
    let folder = temp_dir();
    fs::write(folder.path().join("file"), "content").expect("the folder is writable");
    for model in MODELS {
        let mut command = Command::new(program());
        command.args(["-v", "serve", "files", "--model", model]);
        command.arg(format!("--listen=unix:{name}"));
        command.arg(folder.path());
        let server = Server::run(&mut command);
        let listed = stdout_of(&format!("\"$PROGRAM\" list 'unix:{name}'"), "");
        assert!(listed.ends_with("  file\n"), "{listed}");
        server.log(&format!("accept peer=unix:{name} "));
        check_refused(&format!("unix:{name}"), 69, "another server listens there");
    }
    assert!(!Path::new(&name).exists(), "it has no file");
    let output = Command::new(program())
        .args(["serve", "echo", "--unix-mode=600", "--listen=unix:@name"])
        .output();
    let output = output.expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{stderr}");
    assert!(
        stderr.contains("an abstract socket has no permissions"),
        "{stderr}"
    );
}

#[test]
fn an_address_of_a_link_without_its_interface_is_explained() {
    check_refused(
        "[fe80::1]:7000",
        69,
        "a link-local address needs its interface, as in [fe80::1%eth0]",
    );
    check_refused(
        "udp://[fe80::1%nosuch]:7000",
        69,
        "there is no interface 'nosuch' (ip link lists them)",
    );
    check_refused("[fe80::1%99999]:7000", 69, "there is no interface '99999'");
    let (code, _, stderr) = run_program("list '[fe80::1]:7000'", "");
    assert!(
        code == 69 && stderr.contains("needs its interface"),
        "{stderr}"
    );
}
