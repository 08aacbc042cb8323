//! What goes to standard output and standard error: results, notes and errors.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, fcntl};

use crate::support::files::serve_files;
use crate::support::{Process, program, run_program, shell, stdout_of, temp_dir};

const PARROT: &str = include_str!("../../../data/transcripts/parrot.toml");

/// A command with its input, and how many results it prints, as text and as JSON.
struct Case {
    args: String,
    input: &'static str,
    code: i32,
    lines: usize,
    objects: usize,
}

#[test]
fn json_and_quiet_mean_the_same_in_every_command() {
    let (here, there) = (temp_dir(), temp_dir());
    let path = |name: &str| here.path().join(name).display().to_string();
    let double = "\n[[rule]]\npatterns = ['same']\nreplies = ['b', 'c']\n".repeat(2);
    let (warn, bad, get, file) = (
        path("warn.toml"),
        path("bad.toml"),
        path("get"),
        path("file"),
    );
    fs::write(&warn, format!("{PARROT}{double}")).expect("the disk has room");
    fs::write(&bad, "[[rule]]\npatterns = ['(a']\nreplies = ['b']\n").expect("the disk has room");
    fs::write(&file, "hello").expect("the disk has room");
    fs::create_dir(&get).expect("the disk has room");
    fs::create_dir(there.path().join("d")).expect("the disk has room");
    for name in ["a", "b", "d/c"] {
        fs::write(there.path().join(name), "hello").expect("the disk has room");
    }
    let server = serve_files(there.path(), "--writable");
    let port = server.port();
    let count = |command: &str| run_program(command, "").1.lines().count();
    let services = count("services");
    let warnings = count(&format!("-q script check {warn}"));
    let errors = count(&format!("-q script check {bad}"));
    assert!(0 < warnings && 0 < errors);

    let case = |args: &str, code, lines, objects| Case {
        args: args.to_owned(),
        input: "I need a coat\nquit\n",
        code,
        lines,
        objects,
    };
    for Case {
        args,
        input,
        code,
        lines,
        objects,
    } in [
        case("services", 0, services, services),
        case("script list", 0, 3, 3),
        case(
            &format!("script check friend {warn}"),
            0,
            warnings,
            warnings + 2, // one for each script
        ),
        case(
            &format!("script check --deny-warnings {warn}"),
            1,
            warnings,
            warnings + 1,
        ),
        case(&format!("script check friend {bad}"), 1, errors, errors + 2),
        case("script check /no/such/file", 1, 1, 2),
        case("script run friend --seed 1", 0, 3, 3),
        case("talk --seed 1", 0, 3, 3),
        case(&format!("list {port}"), 0, 3, 3),
        case(&format!("list -r {port}"), 0, 4, 4),
        case(&format!("list {port} missing"), 1, 0, 0),
        case(&format!("get {port} a b -C {get}"), 0, 0, 2),
        case(&format!("get {port} d -r -C {get}"), 0, 0, 1),
        case(&format!("get {port} missing a -C {get}"), 1, 0, 2),
        case(&format!("put {port} {file} --resume"), 0, 0, 1),
        case(
            &format!("put {port} {file}.missing {file} --resume"),
            74,
            0,
            2,
        ),
    ] {
        let normal = run_program(&args, input);
        let quiet = run_program(&format!("{args} -q"), input);
        assert_eq!((normal.0, quiet.0), (code, code), "{args}: {normal:?}");
        assert_eq!(quiet.1.lines().count(), lines, "{args}: {quiet:?}");
        for line in quiet.1.lines() {
            assert!(
                normal.1.lines().any(|other| other == line),
                "{args}: {line}"
            );
        }
        assert!(quiet.2.is_empty() == (code == 0), "{args}: {quiet:?}");
        for line in quiet.2.lines() {
            assert!(line.starts_with("switchboard: "), "{args}: {line}");
            assert!(
                normal.2.lines().any(|other| other == line),
                "{args}: {line}"
            );
        }
        for option in ["--json", "--json -q"] {
            let json = run_program(&format!("{args} {option}"), input);
            assert_eq!(json.0, code, "{args} {option}: {json:?}");
            assert_eq!(json.1.lines().count(), objects, "{args} {option}: {json:?}");
            for line in json.1.lines() {
                let object = serde_json::from_str::<serde_json::Value>(line);
                assert!(object.is_ok_and(|object| object.is_object()), "{line}");
            }
            if option == "--json -q" {
                assert_eq!(json.2, quiet.2, "{args}");
            }
        }
    }
}

#[test]
fn json_of_a_check_has_the_position_of_each_problem() {
    let broken = format!("{PARROT}\n[[rule]]\npatterns = ['(a']\nreplies = ['\u{e9}{{9}}', 'c']\n");
    let (_, text, _) = run_program("script check -q -", &broken);
    let (_, json, _) = run_program("script check --json -", &broken);
    assert_eq!(text.lines().count() + 1, json.lines().count());
    let last = json.lines().last().expect("the check has a result");
    let problems = text.lines().count();
    assert_eq!(
        last,
        format!("{{\"file\":\"<stdin>\",\"problems\":{problems}}}")
    );
    for (line, json) in text.lines().zip(json.lines()) {
        assert!(json.is_ascii(), "{json}");
        let problem: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
        assert_eq!(problem["severity"], "error");
        let field = |name: &str| problem[name].as_str().expect("a text");
        let (file, message) = (field("file"), field("message"));
        let shown = format!(
            "{file}:{}:{}: {message}",
            problem["line"], problem["column"]
        );
        assert_eq!(shown, line);
    }
    let (_, json, _) = run_program("script check --json /no/such/file", "");
    let (problem, result) = json.trim_end().split_once('\n').expect("two lines");
    assert_eq!(result, r#"{"file":"/no/such/file","problems":1}"#);
    let problem: serde_json::Value = serde_json::from_str(problem).expect("it is JSON");
    assert_eq!(problem["file"], "/no/such/file");
    let message = problem["message"].as_str().expect("a text");
    assert!(message.starts_with("No such file"), "{message}");
    assert!(problem["line"].is_null());
    let (_, json, _) = run_program("script check --json friend", "");
    let result: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        (&result["file"], &result["format"]),
        (&"friend".into(), &"friend".into())
    );
    assert!(
        result["rules"].is_u64() && result["problems"] == 0,
        "{json}"
    );
}

#[test]
fn commands_without_json_results_refuse_json() {
    let folder = temp_dir();
    let pages = folder.path().display();
    for args in ["completions bash".to_owned(), format!("man {pages}")] {
        let (code, stdout, stderr) = run_program(&format!("{args} --json"), "");
        assert!(
            code == 2 && stdout.is_empty() && stderr.contains("'--json'"),
            "{args}"
        );
    }
    let script = stdout_of("$PROGRAM completions bash", "");
    assert_eq!(stdout_of("$PROGRAM completions bash -q", ""), script);
    let output = shell(&format!("$PROGRAM man {pages} -q"), b"");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_verbose_server_logs_its_limit_for_unverified_addresses() {
    for (service, line) in [
        (
            "echo",
            ": a greeting, and answers somewhat longer than the questions bytes=128 factor=3",
        ),
        ("files .", ""),
    ] {
        let folder = temp_dir();
        let serve = format!(
            "cd {}; mkfifo ready; $PROGRAM -v serve {service} --listen udp://0 --ready-fd 3 3>ready & \
             read <ready; kill $!; wait $!",
            folder.path().display()
        );
        let output = shell(&serve, b"");
        assert!(output.status.success(), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let expected = format!("limit until a UDP address is validated{line}");
        assert!(stderr.contains(&expected), "{stderr}");
        assert!(!stderr.contains(['{', '"']), "{stderr}");
    }
}

#[test]
fn a_quiet_server_logs_nothing() {
    let folder = temp_dir();
    let serve = format!(
        "cd {}; mkfifo ready; $PROGRAM -q serve echo --listen 0 --ready-fd 3 3>ready & \
         read <ready; kill $!; wait $!",
        folder.path().display()
    );
    let output = shell(&serve, b"");
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

#[test]
fn a_long_error_is_printed_whole_to_a_slow_reader() {
    let folder = temp_dir();
    let script = folder.path().join("x".repeat(200));
    let rules = "[[rule]]\npatterns = ['(a']\nreplies = ['b', 'c']\n".repeat(60);
    fs::write(&script, format!("{PARROT}\n{rules}")).expect("the disk has room");
    let shown = script.display();
    let (_, problems, _) = run_program(&format!("script check {shown}"), "");
    assert!(10 * 1024 < problems.len());
    for (command, prefix) in [
        (&["talk", "--script"][..], "switchboard: "),
        (&["script", "run"], "switchboard: "),
        (
            &["serve", "eliza", "--listen", "0", "--script"],
            "switchboard: cannot serve eliza: ",
        ),
    ] {
        let mut command_line = Command::new(program());
        command_line.args(command).arg(&script);
        command_line.stdin(Stdio::null()).stdout(Stdio::null());
        let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
        // The error is longer than the pipe, so the program has to wait for the reader.
        let size = fcntl(writer.as_fd(), FcntlArg::F_SETPIPE_SZ(4096)).expect("it is a pipe");
        assert!((size as usize) < problems.len());
        let mut process = Process::start(command_line.stderr(writer));
        drop(command_line);
        let mut stderr = Vec::new();
        let mut piece = [0; 100];
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            stderr.extend_from_slice(&piece[..count]);
        }
        assert_eq!(process.wait().code(), Some(1));
        let stderr = String::from_utf8(stderr).expect("it is text");
        assert!(
            stderr == format!("{prefix}{problems}"),
            "{command:?}: {stderr}"
        );
    }
}
