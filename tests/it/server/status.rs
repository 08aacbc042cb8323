//! The report of the server at SIGUSR1.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{MODELS, Process, Server, pid_in, program, temp_dir, wait_for};

/// The lines of a new report, after `before` earlier ones.
#[track_caller]
fn report(server: &Server, before: usize) -> Vec<String> {
    let is_report = |line: &&String| {
        ["session ", "counters ", "{\"session\":", "{\"counters\":"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    server.signal(Signal::SIGUSR1);
    // The counters are the last line.
    server.log_lines("counters", before + 1);
    let log = server.log_so_far();
    let mut lines: Vec<String> = log.iter().filter(is_report).cloned().collect();
    let starts: Vec<usize> = (0..lines.len())
        .filter(|&line| lines[line].contains("counters"))
        .collect();
    let start = before.checked_sub(1).map_or(0, |last| starts[last] + 1);
    lines.split_off(start)
}

fn serve(args: &str, global: &[&str]) -> Server {
    let mut command = Command::new(program());
    command
        .args(global)
        .args(["serve"])
        .args(args.split_whitespace());
    Server::run(command.args(["--listen", "0"]))
}

#[test]
fn sigusr1_reports_sessions_and_counters_as_text() {
    for model in MODELS {
        let server = serve(&format!("echo --model {model}"), &["-v"]);
        let lines = report(&server, 0);
        let nothing = "counters live=0 accepted=0 refused-host=0 refused-rate=0 refused-busy=0 \
            refused-service=0 failed=0 received=0 sent=0 dropped=0";
        assert_eq!(lines, [nothing], "{model}");
        let count = if model == "sequential" { 1 } else { 2 };
        let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let line = "x".repeat(10 * (number + 1));
            assert_eq!(client.ask(&line), line);
        }
        // The client may have the answer before it is counted.
        let mut reports = 1;
        let lines = wait_for("all to be counted", || {
            let lines = report(&server, reports);
            reports += 1;
            let all = lines.iter().all(|line| !line.contains(" sent=0"));
            let bytes = if count == 1 { 11 } else { 32 };
            let sums = format!("received={bytes} sent={bytes} ");
            let all = all && lines.last().is_some_and(|line| line.contains(&sums));
            all.then_some(lines)
        });
        assert_eq!(lines.len(), count + 1, "{lines:#?}");
        for (number, client) in clients.iter().enumerate() {
            let start = format!(
                "session peer={} local={} ",
                client.address(),
                server.address()
            );
            let line = lines.iter().find(|line| line.starts_with(&start));
            let line = line.unwrap_or_else(|| panic!("{start}: {lines:#?}"));
            let bytes = 10 * (number + 1) + 1;
            assert!(
                line.ends_with(&format!(" received={bytes} sent={bytes}")),
                "{line}"
            );
            assert_eq!(line.contains(" pid="), model == "fork", "{line}");
            if model == "fork" {
                let pid = pid_in(line, " pid=");
                assert!(server.children().iter().any(|&(child, _)| child == pid));
            }
        }
        assert!(lines[count].starts_with(&format!("counters live={count} accepted={count} ")));
        // Sessions continue.
        for client in &mut clients {
            assert_eq!(client.ask("still there?"), "still there?");
        }
    }
}

#[test]
fn sigusr1_reports_the_state_as_json() {
    for model in MODELS {
        let server = serve(&format!("echo --json --model {model}"), &[]);
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        let mut reports = 0;
        let lines = wait_for("all to be counted", || {
            let lines = report(&server, reports);
            reports += 1;
            let all = lines.iter().all(|line| line.contains("\"sent\":6"));
            all.then_some(lines)
        });
        let parse = |line: &String| serde_json::from_str::<Value>(line).expect("it is JSON");
        let values: Vec<Value> = lines.iter().map(parse).collect();
        assert_eq!(values.len(), 2, "{lines:#?}");
        let session = &values[0]["session"];
        assert_eq!(session["peer"], client.address().to_string());
        assert_eq!(session["local"], server.address().to_string());
        assert_eq!(
            (session["received"].as_u64(), session["sent"].as_u64()),
            (Some(6), Some(6))
        );
        assert!(session["seconds"].is_u64(), "{session}");
        assert_eq!(session["pid"].is_u64(), model == "fork", "{session}");
        let refused = serde_json::json!({"host": 0, "rate": 0, "busy": 0, "service": 0});
        let expected = serde_json::json!({"counters": {
            "live": 1, "accepted": 1, "refused": refused, "failed": 0,
            "received": 6, "sent": 6, "dropped": 0,
        }});
        assert_eq!(values[1], expected, "{model}");
    }
}

#[test]
fn a_quiet_server_reports_its_state_too() {
    let folder = temp_dir();
    for model in MODELS {
        let path = folder.path().join(model);
        let log = folder.path().join(format!("{model}.log"));
        let mut command = Command::new(program());
        command
            .args(["-q", "serve", "echo", "--model", model, "--listen"])
            .arg(format!("unix:{}", path.display()))
            .stderr(std::fs::File::create(&log).expect("it can be made"));
        let server = Process::start(&mut command);
        let client = wait_for("the socket", || UnixStream::connect(&path).ok());
        // Once it answers, it handles signals.
        (&client).write_all(b"hello\n").expect("the server reads");
        (&client).read_exact(&mut [0; 6]).expect("it answers");
        server.signal(Signal::SIGUSR1);
        let lines = wait_for("the counters", || {
            let lines = std::fs::read_to_string(&log).expect("it is text");
            lines.contains("counters live=").then_some(lines)
        });
        assert!(
            lines
                .lines()
                .all(|line| line.starts_with("session ") || line.starts_with("counters "))
        );
        drop(client);
    }
}

/// Waits until the counters are reported with `text`.
fn wait_for_counters(server: &Server, text: &str) {
    let mut reports = 0;
    wait_for(text, || {
        let lines = report(server, reports);
        reports += 1;
        lines
            .last()
            .expect("the counters are reported")
            .contains(text)
            .then_some(())
    });
}

#[test]
fn refusals_and_failures_are_counted() {
    for model in ["fork", "threads", "events"] {
        let server = serve(&format!("echo --max-per-host 1 --model {model}"), &["-v"]);
        let mut only = server.connect();
        assert_eq!(only.ask("hello"), "hello");
        for _ in 0..3 {
            assert!(server.connect().line().contains("at most 1"));
        }
        wait_for_counters(
            &server,
            "live=1 accepted=1 refused-host=3 refused-rate=0 refused-busy=0",
        );
    }
    for model in MODELS {
        let rate = serve(&format!("echo --rate 1/h --model {model}"), &["-v"]);
        assert_eq!(rate.connect().ask("hello"), "hello");
        rate.log(" end: ");
        assert!(rate.connect().line().contains("at most 1/h"));
        wait_for_counters(
            &rate,
            "refused-host=0 refused-rate=1 refused-busy=0 refused-service=0",
        );
        let refusing = Server::villain(&format!("refuse --model {model}"));
        assert_eq!(refusing.connect().line(), "Not you.");
        wait_for_counters(&refusing, "refused-service=1 failed=0");
        for service in ["fail", "panic"] {
            let failing = Server::villain(&format!("{service} --model {model}"));
            let mut client = failing.connect();
            assert_eq!(client.ask("go"), "ready");
            assert_eq!(client.rest(), b"");
            drop(client);
            wait_for_counters(
                &failing,
                "live=0 accepted=1 refused-host=0 refused-rate=0 refused-busy=0 refused-service=0 failed=1",
            );
        }
    }
    let server = serve("echo", &["-v"]);
    let mut client = server.connect();
    assert_eq!(client.ask("hello"), "hello");
    let child = server.children()[0].0;
    nix::sys::signal::kill(child, Signal::SIGKILL).expect("it runs");
    wait_for_counters(
        &server,
        "live=0 accepted=1 refused-host=0 refused-rate=0 refused-busy=0 refused-service=0 failed=1 ",
    );
}

#[test]
fn sessions_of_programs_are_reported_and_counted() {
    for model in MODELS {
        let server = Server::exec(&format!("--model {model}"), &["cat"]);
        let mut client = server.connect();
        assert_eq!(client.ask("hello"), "hello");
        let lines = report(&server, 0);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].starts_with(&format!("session peer={} ", &client.address())));
        assert!(lines[1].starts_with("counters live=1 accepted=1 "));
        assert_eq!(client.ask("still there?"), "still there?");
        client.shutdown_write();
        assert_eq!(client.rest(), b"");
        drop(client);
        server.log(" end: ");
        let mut reports = 1;
        wait_for("all to be counted", || {
            let lines = report(&server, reports);
            reports += 1;
            lines[0].contains("live=0 accepted=1").then_some(())?;
            lines[0]
                .contains("failed=0 received=19 sent=19")
                .then_some(())
        });
    }
}
