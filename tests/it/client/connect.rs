//! How `connect`, `get`, `put` and `list` reach a server: names, addresses, attempts, time limits.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Stdio;

use nix::sys::signal::Signal;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{
    Process, free_port, on_two_machines, program, run_program, temp_dir, wait_until,
    with_default_signals,
};

/// Compares the output of a script on two machines with this text. Each port of four digits or more is
/// `PORT` in it, and spaces at the start of a line do not count.
#[track_caller]
fn check_machines(script: &str, expected: &str) {
    let Some(output) = on_two_machines(script) else {
        return;
    };
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(without_ports).collect()
    };
    assert_eq!(lines(&output), lines(expected), "{output}");
}

fn without_ports(line: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let length = number.chars().take_while(char::is_ascii_digit).count();
        let (number, after) = number.split_at(length);
        result += before;
        result += if 4 <= length { "PORT" } else { number };
        rest = after;
    }
    result + rest
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
            "switchboard: cannot connect to server:PORT: connection refused, nothing listens on {address}:PORT
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

/// Connects to a name whose second address has a server; `attempt` is the output about the first one.
#[track_caller]
fn check_second_address(first: &str, attempt: &str) {
    check_machines(
        &format!(
            "printf '{first} server\\n10.9.0.12 server\\n' > hosts
             server echo --listen 10.9.0.12:0
             echo hello | $PROGRAM connect -v server:$port 2>&1 | grep -v closed"
        ),
        &format!(
            "looking up server
             server is {first}, 10.9.0.12
             {attempt}
             connecting to 10.9.0.12:PORT
             connected to 10.9.0.12:PORT from 10.9.0.8:PORT
             hello"
        ),
    );
}

#[test]
fn the_next_address_is_tried_while_the_first_is_silent() {
    check_second_address("10.9.0.9", "connecting to 10.9.0.9:PORT");
}

#[test]
fn the_next_address_is_tried_when_the_first_refuses() {
    check_second_address(
        "10.9.0.10",
        "connecting to 10.9.0.10:PORT
         10.9.0.10:PORT: connection refused",
    );
}

#[test]
fn every_address_that_fails_is_in_the_message() {
    check_machines(
        "printf '10.9.0.10 silent\\n10.9.0.12 silent\\n10.9.0.99 silent\\n' > hosts
         printf '10.9.0.9 late\\nfd09::9 late\\n' >> hosts
         printf '10.9.0.10 refused\\n10.9.0.12 refused\\n203.0.113.1 refused\\n' >> hosts
         $PROGRAM connect refused:7 < /dev/null || echo $?
         $PROGRAM connect -q silent:7 --connect-timeout 1s < /dev/null || echo $?
         $PROGRAM connect -q -4 late:7 --connect-timeout 100ms < /dev/null || echo $?
         $PROGRAM connect -q late:7 --connect-timeout 100ms < /dev/null 2>&1 |
             grep -o 'no answer within 0.1 s\\|not tried within 0.1 s'
         echo ${PIPESTATUS[0]}",
        "switchboard: cannot connect to refused:7: connection refused, nothing listens on 10.9.0.10:7 and \
             10.9.0.12:7; 203.0.113.1:7: network is unreachable
         hint: if a server runs there, it may listen on loopback only: `switchboard serve … --listen :7` listens \
             on all addresses
         69
         switchboard: cannot connect to silent:7: connection refused, nothing listens on 10.9.0.10:7 and \
             10.9.0.12:7; 10.9.0.99:7: no answer within 1 s
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
        // getaddrinfo would sort an address without any route to the end.
        "printf '10.9.0.9 server\\n10.9.0.12 server\\n' > hosts
         ip rule add from 10.9.0.20 to 10.9.0.9 unreachable
         $PROGRAM connect -v -u --eof close --source 10.9.0.20 server:7 < /dev/null 2>&1 |
             grep server:7 -v | grep 10.9",
        "server is 10.9.0.9, 10.9.0.12
         connecting to 10.9.0.9:7
         10.9.0.9:7: network is unreachable
         connecting to 10.9.0.12:7
         connected to 10.9.0.12:7 from 10.9.0.20:PORT",
    );
}

#[test]
fn the_source_is_an_address_of_this_machine() {
    check_machines(
        "printf '10.9.0.12 server\\nfd09::12 server\\n' > hosts
         server echo --listen :0
         for source in 10.9.0.20 10.9.0.20:555 :556; do
             echo hello | $PROGRAM connect -v -4 --source $source server:$port
         done 2>&1 | grep 'connected to'
         echo hello | $PROGRAM connect -v --source fd09::8 server:$port 2>&1 | grep ^connect
         grep -o '10.9.0.20:555\\|10.9.0.8:556' log | uniq
         $PROGRAM connect --source 10.9.0.99 server:$port < /dev/null || echo $?",
        "connected to 10.9.0.12:PORT from 10.9.0.20:PORT
         connected to 10.9.0.12:PORT from 10.9.0.20:555
         connected to 10.9.0.12:PORT from 10.9.0.8:556
         connecting to [fd09::12]:PORT
         connected to [fd09::12]:PORT from [fd09::8]:PORT
         10.9.0.20:555
         10.9.0.8:556
         switchboard: cannot connect to server:PORT: own address 10.9.0.99: no interface of this machine has it \
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
         $PROGRAM connect server.example:7 --connect-timeout 100ms < /dev/null || echo $?
         $PROGRAM list server.example:7 --timeout 100ms || echo $?
         $PROGRAM get -u server.example:7 a --timeout 100ms || echo $?
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
         $PROGRAM get -v -6 both:$port a -o - 2>&1 | grep 'connect\\|hello'
         $PROGRAM get -v -4 both:$port a -o - 2>&1 | grep 'connect\\|hello'
         $PROGRAM list -v -4 both:$port 2>&1 | grep -c 'connected to 10.9.0.12'
         $PROGRAM list -6 v4:$port || echo $?
         $PROGRAM put -6 v4:$port hosts || echo $?
         $PROGRAM get -6 udp://v4:$port a || echo $?",
        "connecting to [fd09::12]:PORT
         connected to [fd09::12]:PORT from [fd09::8]:PORT
         hello
         connecting to 10.9.0.12:PORT
         connected to 10.9.0.12:PORT from 10.9.0.8:PORT
         hello
         1
         switchboard: cannot connect to v4:PORT: it has no IPv6 address, only 10.9.0.12
         69
         switchboard: cannot connect to v4:PORT: it has no IPv6 address, only 10.9.0.12
         69
         switchboard: cannot connect to udp://v4:PORT: it has no IPv6 address, only 10.9.0.12
         69",
    );
}

#[test]
fn a_server_on_loopback_is_named_if_it_is_on_this_machine() {
    check_machines(
        "other=$$ # this machine
         server echo --listen 127.0.0.1:0
         $PROGRAM connect 10.9.0.8:$port < /dev/null || echo $?
         $PROGRAM list 10.9.0.8:$port || echo $?
         $PROGRAM connect -q 10.9.0.8:$port < /dev/null || echo $?",
        "switchboard: cannot connect to 10.9.0.8:PORT: connection refused, nothing listens on 10.9.0.8:PORT
         hint: a server of this machine listens on 127.0.0.1:PORT only, which is loopback: \
             `switchboard serve … --listen :PORT` listens on all addresses
         69
         switchboard: cannot connect to 10.9.0.8:PORT: connection refused, nothing listens on 10.9.0.8:PORT
         hint: a server of this machine listens on 127.0.0.1:PORT only, which is loopback: \
             `switchboard serve … --listen :PORT` listens on all addresses
         69
         switchboard: cannot connect to 10.9.0.8:PORT: connection refused, nothing listens on 10.9.0.8:PORT
         69",
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
    let list = run_program("list 0", "");
    let message = "switchboard: cannot connect to 0: a port is a number from 1 to 65535\n";
    assert_eq!((list.0, &*list.2), (2, message));
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
        "--source [::1] 127.0.0.1:7",
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
    let _bound = UnixDatagram::bind(folder.path().join("datagrams")).expect("the path is free");
    for (address, reason) in [
        (path("missing"), "there is no such file"),
        (path("file"), "the file is not a socket"),
        (
            path("old"),
            "connection refused, no server listens on this socket",
        ),
        (path("datagrams"), "it is a socket of datagrams"),
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
        &format!("{shown} --connect-timeout 100ms"),
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
