//! The client in place of nc, in scripts: both print the same, and send the same.

use crate::support::{Server, installed, program, shell, temp_dir};

/// Runs `script` with `nc.openbsd` and with the program under test as `$CLIENT`, each with a server of
/// its own at `$PORT`. `$DIR` is an empty folder. Returns what both print.
#[track_caller]
fn same(server: &str, nc: &str, own: &str, script: &str) -> Vec<u8> {
    let run = |client: &str| {
        let server = Server::start(server);
        let folder = temp_dir();
        let setup = format!(
            "set -o pipefail; export PORT={} DIR='{}' CLIENT='{client}'; make() {{ head -c $1 \
             /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null; }}; ",
            server.port(),
            folder.path().display()
        );
        let output = shell(&format!("{setup}{script}"), b"typed\n");
        assert!(output.status.success(), "{client}: {script}: {output:?}");
        output.stdout
    };
    let expected = run(nc);
    let printed = run(&format!("{} connect{own}", program().display()));
    assert!(expected == printed, "{script}: the outputs differ");
    printed
}

#[test]
fn what_scripts_send_and_print_is_the_same() {
    if !installed(&["nc.openbsd", "python3", "openssl"]) {
        return;
    }
    for script in [
        "printf '' | $CLIENT localhost $PORT",
        "printf x | $CLIENT localhost $PORT",
        "printf 'a\\nb' | $CLIENT 127.0.0.1 $PORT",
        "printf 'a\\r\\nb\\0\\377\\033[2J' | $CLIENT ::1 $PORT",
        "$CLIENT localhost $PORT",
        "$CLIENT localhost $PORT < /dev/null",
        "$CLIENT localhost $PORT <<< 'a here-string'",
        "$CLIENT localhost $PORT < <(echo a process)",
        "for i in 1 2 3; do echo $i | $CLIENT localhost $PORT; done",
        "answer=$(echo hello | $CLIENT localhost $PORT) && echo \"got $answer\"",
        "echo later | timeout 20 $CLIENT localhost $PORT",
        "echo background | $CLIENT localhost $PORT > $DIR/out & wait $! && cat $DIR/out",
        "make 3000000 > $DIR/in && $CLIENT localhost $PORT < $DIR/in > $DIR/out && cmp $DIR/in $DIR/out",
        "make 3000000 | $CLIENT localhost $PORT | sha256sum",
        "mkfifo $DIR/fifo && { make 100000 > $DIR/fifo & $CLIENT localhost $PORT < $DIR/fifo | sha256sum; }",
        "python3 -c 'import os; os.write(1, bytes(range(256)) * 99)' | $CLIENT localhost $PORT",
    ] {
        same("echo", "nc.openbsd -N", "", script);
    }
    for (server, nc, own, script) in [
        (
            "echo",
            "nc.openbsd -N -4",
            " -4",
            "echo hi | $CLIENT localhost $PORT",
        ),
        (
            "echo",
            "nc.openbsd -N -6",
            " -6",
            "echo hi | $CLIENT ::1 $PORT",
        ),
        (
            "echo",
            "nc.openbsd -N -w 9",
            " --idle-timeout 9",
            "echo hi | $CLIENT localhost $PORT",
        ),
        (
            "echo",
            "nc.openbsd -N -s 127.0.0.2",
            " -s 127.0.0.2",
            "echo hi | $CLIENT 127.0.0.1 $PORT",
        ),
        (
            "uppercase",
            "nc.openbsd -N",
            "",
            "echo straße | $CLIENT localhost $PORT",
        ),
        (
            "chargen",
            "nc.openbsd -N",
            "",
            "($CLIENT localhost $PORT || true) | head -c 10000",
        ),
        (
            "eliza --seed 1",
            "nc.openbsd -N",
            "",
            "printf 'I am ill\\nquit\\n' | $CLIENT localhost $PORT",
        ),
        (
            "discard",
            "nc.openbsd -N",
            "",
            "make 3000000 | $CLIENT localhost $PORT",
        ),
        (
            "send-file /etc/services",
            "nc.openbsd -N",
            "",
            "$CLIENT localhost $PORT",
        ),
        (
            "send-file /etc/services",
            "nc.openbsd -N",
            "",
            "make 100 | $CLIENT localhost $PORT | head -n 3",
        ),
    ] {
        let printed = same(server, nc, own, script);
        assert!(!printed.is_empty() || server == "discard", "{script}");
    }
}

#[test]
fn an_http_request_gets_its_page() {
    if !installed(&["nc.openbsd", "python3"]) {
        return;
    }
    let page = "python3 -c \"
import http.server, sys, threading
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler)
print(server.server_port, flush=True)
server.handle_request()
\" 2> /dev/null";
    let ask = |client: &str| {
        let request = r"printf 'GET / HTTP/1.0\r\n\r\n'";
        let script = format!("{page} | {{ read -r port; {request} | {client} 127.0.0.1 $port; }}");
        let output = shell(&script, b"");
        assert!(output.status.success(), "{script}: {output:?}");
        let answer = String::from_utf8(output.stdout).expect("the page is text");
        let lines = answer.lines().filter(|line| !line.starts_with("Date: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = ask("nc.openbsd -N");
    assert_eq!(expected[0], "HTTP/1.0 501 Unsupported method ('GET')");
    assert_eq!(ask("$PROGRAM connect"), expected);
}

#[test]
fn a_large_file_passes_both_ways() {
    if !installed(&["nc.openbsd", "openssl"]) {
        return;
    }
    let script = "make 104857600 | $CLIENT 127.0.0.1 $PORT | sha256sum";
    same("echo", "nc.openbsd -N", "", script);
}

#[test]
fn a_receiving_nc_gets_the_file() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for client in ["nc.openbsd -N", "$PROGRAM connect"] {
        let script = format!(
            "dir=$(mktemp -d) && cd $dir && nc.openbsd -l -U socket < /etc/services > received & \
             receiver=$!; dir=; for i in $(seq 1000); do dir=$(readlink /proc/$receiver/cwd); \
             [ -S $dir/socket ] && break; sleep 0.01; done; cd $dir && \
             seq 100000 | {client} {} > answer; wait $receiver; \
             seq 100000 | cmp - received && cmp answer /etc/services && rm -r $dir",
            match client.starts_with("nc") {
                true => "-U socket",
                false => "unix:socket",
            }
        );
        let output = shell(&script, b"");
        assert!(output.status.success(), "{script}: {output:?}");
    }
}

#[test]
fn one_datagram_gets_its_answer() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    for service in ["echo", "uppercase"] {
        for message in ["hello", "hello\\n", "\\n", "\\377\\0"] {
            let server = Server::start_udp(service);
            let port = server.udp_address().port();
            let ask = |client: &str| {
                let output = shell(
                    &format!("printf '{message}' | {client} 127.0.0.1 {port}"),
                    b"",
                );
                assert!(output.status.success(), "{client}: {output:?}");
                output.stdout
            };
            let expected = ask("nc.openbsd -u -w 1");
            assert_eq!(ask("$PROGRAM connect -u"), expected, "{message}");
        }
    }
}
