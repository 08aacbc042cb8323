//! Shell commands, and which tests this machine can run.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::server::program;
use super::wait::DEADLINE;

/// Runs `command` in bash with `input` on its standard input, until it exits. `$PROGRAM` is the
/// program under test.
pub(crate) fn shell(command: &str, input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .args(["-k", "1", &DEADLINE.as_secs().to_string()])
        .args(["bash", "-c", command])
        .env("PROGRAM", program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout and bash are installed");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let input = input.to_vec();
    // Not every command reads all of its input.
    let writer = thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("the command exits");
    writer.join().expect("the writer does not panic");
    output
}

/// Runs the program under test with these arguments, as a shell reads them: its exit code, its
/// standard output, and its standard error.
#[track_caller]
pub(crate) fn run_program(args: &str, input: &str) -> (i32, String, String) {
    let output = shell(&format!("$PROGRAM {args}"), input.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("no signal ends it");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Every service of the program under test, with its description.
pub(crate) fn services() -> Vec<(String, String)> {
    let (code, stdout, stderr) = run_program("services", "");
    assert_eq!((code, stderr.as_str()), (0, ""));
    let services = stdout.lines().map(|line| {
        let (name, description) = line.split_once(' ').expect("a name and a description");
        (name.to_owned(), description.trim().to_owned())
    });
    services.collect()
}

/// The standard output of `command`, which must succeed.
#[track_caller]
pub(crate) fn stdout_of(command: &str, input: &str) -> String {
    let output = shell(command, input.as_bytes());
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).expect("the output is text")
}

/// Whether these programs are installed; see [`can_run`].
#[track_caller]
pub(crate) fn installed(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| {
            let found = shell(&format!("command -v {program}"), b"");
            !found.status.success()
        })
        .collect();
    can_run(
        missing.is_empty(),
        &format!("these programs are not installed: {missing:?}"),
    )
}

/// Whether the tests run as root; see [`can_run`].
#[track_caller]
pub(crate) fn is_root() -> bool {
    can_run(nix::unistd::geteuid().is_root(), "only root can set it up")
}

/// Returns `can`. If it is false, the test reports its name and the `reason`, and skips what needs
/// it; where `SWITCHBOARD_TEST_ALL` is set, it fails instead.
#[track_caller]
pub(crate) fn can_run(can: bool, reason: &str) -> bool {
    if !can {
        assert!(
            std::env::var_os("SWITCHBOARD_TEST_ALL").is_none(),
            "SWITCHBOARD_TEST_ALL is set, but {reason}"
        );
        let thread = thread::current();
        let place = std::panic::Location::caller();
        let (file, line) = (place.file(), place.line());
        let name = thread.name().unwrap_or("a test");
        // `eprintln` would be captured and shown for failed tests only.
        writeln!(io::stderr(), "skipped: {name} ({file}:{line}): {reason}").ok();
    }
    can
}
