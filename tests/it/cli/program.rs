//! The command line as a person meets it.

use std::process::Command;

use switchboard_eliza::Script;

use crate::support::{Client, Server, installed, program, shell, stdout_of, temp_dir, villains};

/// Runs the program with these words; its exit code, what it printed and what it said.
fn run(words: &str) -> (i32, String, String) {
    let output = shell(&format!("$PROGRAM {words}"), b"");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().expect("it exits"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_services_are_listed() {
    let (code, printed, said) = run("services");
    assert_eq!((code, said.as_str()), (0, ""));
    for name in [
        "eliza",
        "echo",
        "uppercase",
        "display",
        "discard",
        "daytime",
        "chargen",
        "chat",
    ] {
        assert!(
            printed
                .lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{printed}"
        );
    }
}

#[test]
fn help_goes_to_output_and_complaints_to_error() {
    let (code, printed, said) = run("serve --help");
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(printed.contains("--max-per-host") && printed.contains("switchboard serve eliza"));
    let (code, printed, _) = run("serve eliza --help");
    assert!(code == 0 && printed.contains("--script") && printed.contains("--idle"));
    assert!(printed.starts_with("Your virtual friend"), "{printed}");
    let (_, printed, _) = run("serve echo --help");
    assert!(printed.starts_with("Sends every byte back"), "{printed}");
    for wrong in [
        "",
        "serve",
        "serve nothing",
        "serve echo --listen 99999",
        "serve echo --idle soon",
        "serve echo --raw",
    ] {
        let (code, printed, said) = run(wrong);
        assert_eq!((code, printed.as_str()), (2, ""), "{wrong}: {said}");
        assert!(!said.is_empty(), "{wrong}");
    }
}

#[test]
fn the_examples_of_the_help_work() {
    let (_, help, _) = run("serve --help");
    let examples = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("switchboard "))
        .filter(|words| words.starts_with("serve ") && !words.contains("SERVICE"));
    let mut tried = 0;
    for example in examples {
        // With a port of the test's own, and without what follows in the shell.
        let words = example
            .split("  ")
            .next()
            .expect("a split has a first part");
        let words = words
            .split(" then")
            .next()
            .expect("a split has a first part")
            .replace("1212", "0");
        let words = words.split(" > ").next().expect("a split has a first part");
        let folder = temp_dir();
        let words = words.replace("/tmp/", &format!("{}/", folder.path().display()));
        let mut words: Vec<&str> = words.split_whitespace().collect();
        if !words.contains(&"--listen") {
            words.splice(2..2, ["--listen", "0"]); // a program's own words come last
        }
        let mut command = Command::new(program());
        command.args(words).env("TMPDIR", folder.path());
        drop(Server::run(&mut command));
        tried += 1;
    }
    assert!(8 <= tried, "{help}");
}

#[test]
fn talk_answers_a_pipe() {
    let talk = stdout_of("$PROGRAM talk", "I need a holiday\nquit\nnot heard\n");
    let lines: Vec<&str> = talk.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].contains("feel") && lines[1].contains("a holiday"),
        "{talk}"
    );
    assert!(lines[2].contains("oodbye"), "{talk}");
    // The end of input is a goodbye, too, and half a line is a line.
    let talk = stdout_of("$PROGRAM talk --seed 3", "I need a rest");
    assert!(
        talk.lines().count() == 3 && talk.contains("a rest"),
        "{talk}"
    );
    assert_eq!(stdout_of("$PROGRAM talk --seed 3", "I need a rest"), talk);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    for command in ["talk", "services", "serve --help"] {
        let output = shell(
            &format!("set -o pipefail; yes | $PROGRAM {command} | head -c 1"),
            b"",
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{command}: {said}");
    }
    let output = shell("yes | ($PROGRAM talk; echo $? >&2) | head -n 1", b"");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n");
}

#[test]
fn talk_at_a_terminal_has_a_prompt_and_ends_on_ctrl_d() {
    if !installed(&["script"]) {
        return;
    }
    // `script` gives it a terminal; what is typed is echoed by the editor.
    let typed = shell(
        "script -qec \"$PROGRAM talk --seed 1\" /dev/null",
        b"I need a coat\n\x04",
    );
    let screen = String::from_utf8_lossy(&typed.stdout).into_owned();
    assert!(
        screen.contains("> ") && screen.contains("a coat?") | screen.contains("a coat."),
        "{screen}"
    );
    assert!(screen.contains("oodbye"), "{screen}");
}

#[test]
fn an_unusable_script_is_refused_before_listening() {
    let folder = temp_dir();
    let path = folder.path().join("bad.toml");
    std::fs::write(&path, "greeting = ['a']\nfarewell = ['b']\nsilence = ['c', 'd']\notherwise = ['e', 'f']\nquit = ['g']\n\
        [[rule]]\npatterns = ['(a{1000}){1000}']\nreplies = ['h']\n")
    .expect("it can be written");
    let name = path.display();
    let (code, printed, said) = run(&format!("serve eliza --listen 0 --script {name}"));
    let words = format!(
        "switchboard: cannot serve eliza: {name}:7:13: the pattern is too large: more than 256 KiB when compiled\n"
    );
    assert_eq!((code, printed.as_str(), said), (1, "", words));
    let (code, _, said) = run("talk --script /no/such/file");
    let built_in = Script::NAMES.join(", ");
    let words = format!(
        "switchboard: /no/such/file: No such file or directory (os error 2); \
         the built-in scripts are: {built_in}\n"
    );
    assert_eq!((code, said), (1, words));
    let (code, _, said) = run(&format!("talk --script {}", folder.path().display()));
    assert!(code == 1 && said.contains("Is a directory"), "{said}");
}

#[test]
fn what_a_service_says_of_itself_is_cleaned() {
    let output = Command::new(villains())
        .args(["serve", "none", "--listen", "0"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said,
        "switchboard: cannot serve none: it is\\x1b a villain\n"
    );
}

#[test]
fn display_prints_each_line_with_its_peer() {
    let server = Server::start("display");
    let mut clients = [server.connect(), server.connect()];
    clients[0].send("one\r\n");
    server.output_lines(1);
    clients[1].send("\x1b[2Jtwo\n");
    let printed = server.output_lines(2);
    let own = |client: &Client| client.address();
    assert_eq!(printed[0], format!("{}: one", own(&clients[0])));
    assert_eq!(printed[1], format!("{}: \\x1b[2Jtwo", own(&clients[1])));
}

#[test]
fn display_raw_takes_a_file_as_nc_does() {
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let folder = temp_dir();
    let (original, copy) = (folder.path().join("original"), folder.path().join("copy"));
    let bytes: Vec<u8> = (0..300_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(&original, &bytes).expect("it can be written");
    let server = Server::run_with_output(
        Command::new(program()).args(["-v", "serve", "display", "--raw", "--listen", "0"]),
        std::fs::File::create(&copy).expect("it can be made").into(),
    );
    let send = format!(
        "nc.openbsd -N localhost {} < {}",
        server.port(),
        original.display()
    );
    assert!(shell(&send, b"").status.success());
    server.log("end: the peer left");
    assert!(std::fs::read(&copy).expect("it is there") == bytes);
}
