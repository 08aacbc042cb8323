//! How `connect`, `get`, `put` and `list` reach a server: names, addresses, attempts, time limits.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use nix::sys::signal::Signal;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{
    Process, free_port, on_two_machines, program, run_program, temp_dir, wait_until,
    with_default_signals,
};

/// Compares the output of a script on two machines with this text, in which `PORT` is the port of the
/// server, `?` any other number, and spaces at the start of a line do not count.
#[track_caller]
fn check_machines(script: &str, expected: &str) {
    let Some(output) = on_two_machines(script) else {
        return;
    };
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let expected = lines(expected);
    let found = lines(&output);
    let equal = |found: &str, expected: &str| {
        let mut rest = found;
        let mut parts = expected.split('?');
        let begins = parts
            .next()
            .is_some_and(|part| match rest.strip_prefix(part) {
                Some(after) => {
                    rest = after;
                    true
                }
                None => false,
            });
        begins
            && parts.all(|part| {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                let is_number = after.len() < rest.len();
                let Some(after) = after.strip_prefix(part) else {
                    return false;
                };
                rest = after;
                is_number
            })
            && rest.is_empty()
    };
    let all_equal = found.len() == expected.len()
        && found
            .iter()
            .zip(&expected)
            .all(|(found, expected)| equal(found, expected));
    assert!(
        all_equal,
        "found:\n{}\nexpected:\n{}",
        found.join("\n"),
        expected.join("\n")
    );
}

/// Runs `connect ARGS` without input: exit code and standard error.
#[track_caller]
fn connect(args: &str) -> (i32, String) {
    let (code, stdout, stderr) = run_program(&format!("connect {args}"), "");
    assert_eq!(stdout, "", "{args}");
    (code, stderr)
}

#[track_caller]
fn check(args: &str, code: i32, stderr: &str) {
    assert_eq!(
        connect(args),
        (code, format!("switchboard: {stderr}\n")),
        "{args}"
    );
}

#[test]
fn another_machine_is_reached_by_address_and_by_name() {
    check_machines(
        "echo 10.9.0.12 server > hosts
         server echo --listen 10.9.0.12:0
         echo address | $PROGRAM connect 10.9.0.12:$port
         echo name | $PROGRAM connect server $port
         echo name and port | $PROGRAM connect -v server:$port",
        "address
         name
         looking up server
         server is 10.9.0.12
         connecting to 10.9.0.12:?
         connected to 10.9.0.12:? from 10.9.0.8:?
         name and port
         Peer closed; 14 bytes sent, 14 received",
    );
}

#[test]
fn ipv4_and_ipv6_servers_and_clients_combine() {
    let script = |listen: &str| {
        format!(
            "printf '10.9.0.12 server\\nfd09::12 server\\n' > hosts
             server uppercase --listen '{listen}'
             for only in -4 -6 ''; do
                 echo connected | timeout 10 $PROGRAM connect -q $only server:$port || echo $?
             done
             grep -o 'fd09::8\\|10.9.0.8\\|::ffff' log | uniq"
        )
    };
    let refused = |address: &str| {
        format!(
            "switchboard: cannot connect to server:?: connection refused, nothing listens on {address}:?
             69"
        )
    };
    let v4 = format!("CONNECTED\n{}\nCONNECTED\n10.9.0.8", refused("[fd09::12]"));
    check_machines(&script("10.9.0.12:0"), &v4);
    let v6 = format!("{}\nCONNECTED\nCONNECTED\nfd09::8", refused("10.9.0.12"));
    check_machines(&script("[fd09::12]:0"), &v6);
    if let Some(output) = on_two_machines(&script(":0")) {
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[..3], ["CONNECTED"; 3], "{output}");
        assert_eq!(lines[3..5], ["10.9.0.8", "fd09::8"], "{output}"); // then that of the last client
        assert!(!output.contains("::ffff"), "{output}");
    }
}

#[test]
fn the_next_address_is_tried_while_the_first_is_silent() {
    check_machines(
        "printf '10.9.0.9 server\\n10.9.0.12 server\\n' > hosts
         server echo --listen 10.9.0.12:0
         echo hello | $PROGRAM connect -v server:$port",
        "looking up server
         server is 10.9.0.9, 10.9.0.12
         connecting to 10.9.0.9:?
         connecting to 10.9.0.12:?
         connected to 10.9.0.12:? from 10.9.0.8:?
         hello
         Peer closed; 6 bytes sent, 6 received",
    );
}

#[test]
fn the_next_address_is_tried_when_the_first_refuses() {
    check_machines(
        "printf '10.9.0.10 server\\n10.9.0.12 server\\n' > hosts
         server echo --listen 10.9.0.12:0
         echo hello | $PROGRAM connect -v server:$port",
        "looking up server
         server is 10.9.0.10, 10.9.0.12
         connecting to 10.9.0.10:?
         10.9.0.10:?: connection refused
         connecting to 10.9.0.12:?
         connected to 10.9.0.12:? from 10.9.0.8:?
         hello
         Peer closed; 6 bytes sent, 6 received",
    );
}

#[test]
fn every_address_that_fails_is_in_the_message() {
    check_machines(
        "printf '10.9.0.9 silent\\n10.9.0.10 silent\\n10.9.0.12 silent\\n' > hosts
         printf '10.9.0.9 late\\nfd09::9 late\\n' >> hosts
         printf '10.9.0.10 refused\\n10.9.0.12 refused\\n203.0.113.1 refused\\n' >> hosts
         $PROGRAM connect refused:7 < /dev/null || echo $?
         $PROGRAM connect -q silent:7 --connect-timeout 0.4s < /dev/null || echo $?
         $PROGRAM connect -q -4 late:7 --connect-timeout 0.1s < /dev/null || echo $?
         $PROGRAM connect -q late:7 --connect-timeout 0.1s < /dev/null 2>&1 |
             grep -o 'no answer within 0.1 s\\|not tried within 0.1 s'
         echo ${PIPESTATUS[0]}",
        "switchboard: cannot connect to refused:7: connection refused, nothing listens on 10.9.0.10:7 and \
             10.9.0.12:7; 203.0.113.1:7: network is unreachable
         if a server runs there, it may listen on loopback only: `switchboard serve … --listen :7` listens \
             on all addresses
         69
         switchboard: cannot connect to silent:7: connection refused, nothing listens on 10.9.0.10:7 and \
             10.9.0.12:7; 10.9.0.9:7: no answer within 0.4 s
         69
         switchboard: cannot connect to late:7: 10.9.0.9:7: no answer within 0.1 s
         69
         no answer within 0.1 s
         not tried within 0.1 s
         69",
    );
}

#[test]
fn networks_without_a_route_are_named() {
    check_machines(
        "ip route add unreachable 198.51.100.0/24
         for address in 203.0.113.1 198.51.100.1 10.9.0.255; do
             $PROGRAM connect $address:7 < /dev/null || echo $?
             $PROGRAM connect -u $address:7 < /dev/null || echo $?
         done",
        "switchboard: cannot connect to 203.0.113.1:7: network is unreachable
         69
         switchboard: cannot connect to udp://203.0.113.1:7: network is unreachable
         69
         switchboard: cannot connect to 198.51.100.1:7: no route to host
         69
         switchboard: cannot connect to udp://198.51.100.1:7: no route to host
         69
         switchboard: cannot connect to 10.9.0.255:7: it is a broadcast address, which has no answers
         69
         switchboard: cannot connect to udp://10.9.0.255:7: it is a broadcast address, which has no answers
         69",
    );
}

#[test]
fn udp_uses_the_first_address_with_a_route() {
    check_machines(
        "printf '203.0.113.1 server\\nfd09::12 server\\n10.9.0.12 server\\n' > hosts
         ip -6 route add unreachable fd09::12
         server echo --listen udp://10.9.0.12:0
         timeout 0.5 $PROGRAM connect -v -u server:$port < /dev/null | sort > out 2>&1 || true
         grep -c unreachable out || true
         grep connected out || true",
        "",
    );
}

#[test]
fn the_source_is_an_address_of_this_machine() {
    check_machines(
        "printf '10.9.0.12 server\\nfd09::12 server\\n' > hosts
         server echo --listen :0
         for source in 10.9.0.20 10.9.0.20:5555 :5556; do
             echo hello | $PROGRAM connect -v -4 --source $source server:$port | grep -v Peer
         done 2>&1 | grep 'connected to'
         echo hello | $PROGRAM connect -v --source fd09::8 server:$port 2>&1 | grep connect
         grep -o '10.9.0.20:5555\\|10.9.0.8:5556' log | uniq
         $PROGRAM connect --source 10.9.0.99 server:$port < /dev/null || echo $?",
        "connected to 10.9.0.12:? from 10.9.0.20:?
         connected to 10.9.0.12:? from 10.9.0.20:5555
         connected to 10.9.0.12:? from 10.9.0.8:5556
         connecting to [fd09::12]:?
         connected to [fd09::12]:? from [fd09::8]:?
         10.9.0.20:5555
         10.9.0.8:5556
         switchboard: cannot connect to server:?: own address 10.9.0.99: no interface of this machine has it \
             (ip address lists them)
         69",
    );
}

#[test]
fn a_signal_ends_a_connect_and_a_look_up() {
    check_machines(
        "echo nameserver 10.9.0.9 > resolv.conf
         for address in 10.9.0.9:7 server.example:7; do
             : > log
             env --default-signal \"$PROGRAM\" connect -v $address --connect-timeout none 2> log &
             until [ -s log ]; do sleep 0.02; done
             kill -INT $!
             wait $! || echo $?
             cat log
         done",
        "130
         connecting to 10.9.0.9:7
         130
         looking up server.example",
    );
}

#[test]
fn a_look_up_obeys_the_time_limit() {
    check_machines(
        "echo nameserver 10.9.0.9 > resolv.conf
         $PROGRAM connect server.example:7 --connect-timeout 0.1s < /dev/null || echo $?
         $PROGRAM list server.example:7 --timeout 0.1s || echo $?
         $PROGRAM get -u server.example:7 a --timeout 0.1s || echo $?
         echo nameserver 10.9.0.10 > resolv.conf # refuses
         $PROGRAM connect server.example:7 < /dev/null || echo $?",
        "switchboard: cannot connect to server.example:7: the look-up of the host name 'server.example' did \
             not end within 0.1 s
         69
         switchboard: cannot connect to server.example:7: the look-up of the host name 'server.example' did \
             not end within 0.1 s
         69
         switchboard: cannot connect to udp://server.example:7: the look-up of the host name \
             'server.example' did not end within 0.1 s
         69
         switchboard: cannot connect to server.example:7: the host name 'server.example' cannot be looked \
             up now (the name server is silent or has a failure)
         69",
    );
}

#[test]
fn files_are_transferred_over_the_chosen_family() {
    check_machines(
        "printf '10.9.0.12 both\\nfd09::12 both\\n10.9.0.12 v4\\n' > hosts
         mkdir served
         echo hello > served/a
         server files served --listen :0
         $PROGRAM get -v -6 both:$port a -o -
         $PROGRAM get -v -4 both:$port a -o -
         $PROGRAM list -6 v4:$port || echo $?
         $PROGRAM put -6 v4:$port hosts || echo $?
         $PROGRAM get -6 udp://v4:$port a || echo $?",
        "looking up both
         ",
    );
}

#[test]
fn a_server_on_loopback_is_named_if_it_is_on_this_machine() {
    check_machines(
        "\"$PROGRAM\" serve echo --listen 127.0.0.1:0 2> own &
         until grep -q 'listens on' own; do sleep 0.02; done
         port=$(sed -n 's/.*listens on .*:\\([0-9]*\\).*/\\1/p' own)
         $PROGRAM connect 10.9.0.8:$port < /dev/null || echo $?
         $PROGRAM list 10.9.0.8:$port || echo $?
         $PROGRAM connect -q 10.9.0.8:$port < /dev/null || echo $?",
        "",
    );
}

#[test]
fn addresses_that_cannot_be_connected_to_are_explained() {
    let (_port, address) = free_port();
    check(
        &format!("{address}"),
        69,
        &format!("cannot connect to {address}: connection refused, nothing listens on {address}"),
    );
    check("0", 2, "cannot connect to 0: port 0 is none to connect to");
    check(
        "224.0.0.1:7",
        69,
        "cannot connect to 224.0.0.1:7: it is a multicast group, which TCP cannot connect to",
    );
    check(
        "-6 127.0.0.1:7",
        69,
        "cannot connect to 127.0.0.1:7: it has no IPv6 address, only 127.0.0.1",
    );
    check(
        "--source ::1 127.0.0.1:7",
        69,
        "cannot connect to 127.0.0.1:7: it has no address that can be reached from ::1, only 127.0.0.1",
    );
    // Without a listener, the socket would connect to itself.
    check(
        &format!("--source {address} {address}"),
        69,
        &format!("cannot connect to {address}: connection refused, nothing listens on {address}"),
    );
}

#[test]
fn a_port_in_use_is_no_source() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let server = server.local_addr().expect("it is bound");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let tcp = other.local_addr().expect("it is bound");
    let other = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let udp = other.local_addr().expect("it is bound");
    for (scheme, source) in [("", tcp), ("udp://", udp)] {
        let port = source.port();
        check(
            &format!("--source {source} {scheme}{server}"),
            69,
            &format!(
                "cannot connect to {scheme}{server}: own address {source}: port {port} is in use \
                 (ss -anp 'sport = :{port}' shows by which program)"
            ),
        );
    }
}

#[test]
fn unix_sockets_without_a_server_are_explained() {
    let folder = temp_dir();
    let path = |name: &str| format!("unix:{}", folder.path().join(name).display());
    fs::write(folder.path().join("file"), "").expect("the disk has room");
    drop(UnixListener::bind(folder.path().join("old")).expect("the path is free"));
    std::os::unix::net::UnixDatagram::bind(folder.path().join("datagrams")).expect("a free path");
    for (address, reason) in [
        (path("missing"), "there is no such file"),
        (path("file"), "the file is not a socket"),
        (
            path("old"),
            "connection refused, no server listens on this socket",
        ),
        (path("datagrams"), ""),
        (
            "unix:@no-such-name".to_owned(),
            "no server listens on a socket of this name",
        ),
    ] {
        check(
            &address,
            69,
            &format!("cannot connect to {address}: {reason}"),
        );
    }
    let address = path("missing");
    check(
        &format!("-4 {address}"),
        2,
        &format!(
            "cannot connect to {address}: a Unix socket has neither an IP version nor a source address"
        ),
    );
}

#[test]
fn a_unix_server_with_a_full_backlog_is_waited_for() {
    let folder = temp_dir();
    let path = folder.path().join("socket");
    let address = SockAddr::unix(&path).expect("the path is short");
    let server = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a descriptor");
    server.bind(&address).expect("the path is free");
    server.listen(0).expect("it is bound");
    let first = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a descriptor");
    first
        .connect(&address)
        .expect("the backlog has room for one");
    let shown = format!("unix:{}", path.display());
    check(
        &format!("{shown} --connect-timeout 0.1s"),
        69,
        &format!("cannot connect to {shown}: no answer within 0.1 s"),
    );
    let log = folder.path().join("log");
    let mut command = with_default_signals(program());
    command
        .args(["connect", "-v", &shown])
        .stdin(Stdio::piped());
    command.stderr(fs::File::create(&log).expect("the disk has room"));
    let mut client = Process::start(&mut command);
    let logged = |text: &str| {
        fs::read_to_string(&log)
            .expect("it is a file")
            .contains(text)
    };
    wait_until("the attempt", || logged("connecting to"));
    server.accept().expect("the first client");
    wait_until("the connection", || logged("connected to"));
    client.signal(Signal::SIGTERM);
    assert_eq!(client.wait().code(), Some(143));
}
