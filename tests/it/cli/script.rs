//! `script check`, `script run`, `script list`, and `talk --trace`.

use std::fs;

use switchboard_eliza::Script;

use crate::support::{installed, run_program, shell, stdout_of, temp_dir};

const PARROT: &str = include_str!("../../../data/transcripts/parrot.toml");

#[test]
fn check_reports_every_problem_with_its_position() {
    let folder = temp_dir();
    let (bad, good) = (
        folder.path().join("bad.toml"),
        folder.path().join("good.toml"),
    );
    let broken = format!("{PARROT}\n[[rule]]\npatterns = ['(a']\nreplies = ['b', 'c{{9}}']\n");
    fs::write(&bad, &broken).expect("it can be written");
    fs::write(&good, PARROT).expect("it can be written");
    let line = broken.lines().count();
    let (bad_is, good_is) = (bad.display(), good.display());
    let (code, stdout, stderr) =
        run_program(&format!("script check {bad_is} {good_is} friend"), "");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{bad_is}:{}:", line - 1)),
        "{stdout}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{good_is}: friend, ")))
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("friend: friend, "))
    );
    assert_eq!(
        (code, stderr.as_str()),
        (1, "switchboard: 1 of 3 scripts cannot be used\n")
    );
    // Other commands refuse it with the same problems.
    let problems: Vec<&str> = lines
        .iter()
        .filter(|line| line.contains("bad.toml:"))
        .copied()
        .collect();
    for command in [
        "talk --script",
        "script run",
        "serve eliza --listen 0 --script",
    ] {
        let (code, stdout, stderr) = run_program(&format!("{command} {bad_is}"), "");
        assert_eq!((code, stdout.as_str()), (1, ""), "{command}");
        for problem in &problems {
            assert!(stderr.contains(problem), "{command}: {stderr}");
        }
    }
}

#[test]
fn a_path_in_json_is_lossless() {
    let printed = stdout_of("$PROGRAM script check $'b\\xff' --json; true", "");
    let file = r#"{"file":"b\ufffd","file_base64":"Yv8=","#;
    assert!(
        printed.lines().all(|line| line.starts_with(file)),
        "{printed}"
    );
    assert_eq!(printed.lines().count(), 2, "{printed}");
}

#[test]
fn scripts_are_read_from_standard_input() {
    let (code, stdout, _) = run_program("script check -", PARROT);
    assert!(
        code == 0 && stdout.starts_with("<stdin>: friend, "),
        "{stdout}"
    );
    let (code, stdout, _) = run_program("script check -", "greeting = [");
    assert!(code == 1 && stdout.starts_with("<stdin>:1:"), "{stdout}");
}

#[test]
fn deny_warnings_makes_warnings_errors() {
    let script = format!(
        "{PARROT}\n[[rule]]\npatterns = ['same']\nreplies = ['b', 'c']\n\
         [[rule]]\npatterns = ['same']\nreplies = ['b', 'c']\n"
    );
    let (code, stdout, stderr) = run_program("script check -", &script);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains(": warning: "), "{stdout}");
    assert!(
        stdout.contains("warning") && stdout.trim_end().ends_with("warnings")
            || stdout.trim_end().ends_with("warning"),
        "{stdout}"
    );
    let (code, _, stderr) = run_program("script check --deny-warnings -", &script);
    assert_eq!(
        (code, stderr.as_str()),
        (
            1,
            "switchboard: warnings treated as errors (--deny-warnings)\n"
        )
    );
    assert_eq!(run_program("script check --deny-warnings -", PARROT).0, 0);
}

#[test]
fn files_that_are_no_script_are_refused() {
    for (file, reason) in [
        ("/no/such/file", "/no/such/file: No such file or directory"),
        ("/", "/: Is a directory"),
        ("/dev/zero", "/dev/zero: not a regular file\n"),
        ("/dev/null", "/dev/null: not a regular file\n"),
        ("/dev/random", "/dev/random: not a regular file\n"),
    ] {
        let (code, stdout, _) = run_program(&format!("script check {file}"), "");
        assert!(code == 1 && stdout.starts_with(reason), "{stdout}");
    }
    // Little is read, however long the input is.
    let check = "set -o pipefail; (ulimit -v 1000000; yes | head -c 3G | $PROGRAM script check -)";
    let output = shell(check, b"");
    assert!(
        output
            .stdout
            .starts_with(b"<stdin>:1:1: a script is at most"),
        "{output:?}"
    );
    assert_eq!(run_program("script check", "").0, 2);
    assert_eq!(run_program("script", "").0, 2);
}

#[test]
fn no_terminal_control_of_a_script_is_printed() {
    let folder = temp_dir();
    fs::write(folder.path().join("\x1b[31m.toml"), "\x1b[32m = 1\n").expect("it can be written");
    let folder = folder.path().display();
    for command in ["script check", "script run", "talk --script"] {
        let (_, stdout, stderr) = run_program(&format!("{command} {folder}/*.toml"), "");
        assert!(
            !stdout.contains('\x1b') && !stderr.contains('\x1b'),
            "{stdout}{stderr}"
        );
        assert!(
            stdout.contains("x1b[31m") || stderr.contains("x1b[31m"),
            "{stdout}{stderr}"
        );
    }
}

#[test]
fn list_shows_the_built_in_scripts() {
    let listed = stdout_of("$PROGRAM script list", "");
    assert_eq!(listed.lines().count(), Script::NAMES.len());
    for (line, name) in listed.lines().zip(Script::NAMES) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(columns[0], name);
        assert_eq!(columns[3], "rules");
        assert!(columns.len() > 5 && line.len() <= 80, "{line}");
        let output = stdout_of(&format!("$PROGRAM talk --script {name}"), "quit\n");
        assert!(!output.is_empty(), "{name}");
    }
}

#[test]
fn trace_explains_a_reply_as_text() {
    let output = stdout_of(
        "$PROGRAM talk --seed 1 --trace",
        "I need \x1b[31ma coat\nquit\n",
    );
    assert!(!output.contains('\x1b'), "{output}");
    let lines: Vec<&str> = output.lines().collect();
    assert!(
        lines[1].starts_with("  input       I need \\u{1b}[31ma coat"),
        "{output}"
    );
    for label in [
        "read", "rule", "pattern", "parts", "template", "reply", "from",
    ] {
        let label = format!("  {label:12}");
        assert!(
            lines.iter().any(|line| line.starts_with(&label)),
            "no {label}: {output}"
        );
    }
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{output}"
    );
    let same = stdout_of("$PROGRAM talk --seed 1", "I need \x1b[31ma coat\nquit\n");
    let replies: Vec<&str> = lines
        .into_iter()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        replies,
        same.lines().collect::<Vec<_>>(),
        "a trace changes no reply"
    );
}

#[test]
fn trace_explains_a_reply_as_json() {
    let long = "x".repeat(9000);
    for input in [
        "I need a coat\nquit\n",
        "\n\x01\n",
        "",
        "no end",
        &format!("hi\n{long}\nhi\n"),
    ] {
        let output = stdout_of("$PROGRAM talk --seed 1 --json", input);
        assert!(
            output.ends_with('\n') && 2 <= output.lines().count(),
            "{output}"
        );
        for line in output.lines() {
            let object: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
            assert!(
                object["reply"].is_string() && object["source"].is_string(),
                "{line}"
            );
        }
    }
    let output = stdout_of("$PROGRAM talk --seed 1 --json", "I need a coat\n");
    let lines: Vec<&str> = output.lines().collect();
    assert!(
        lines[0].contains("\"source\":\"greeting\"")
            && lines[2].contains("\"source\":\"farewell\"")
    );
    let object: serde_json::Value = serde_json::from_str(lines[1]).expect("it is JSON");
    assert_eq!(object["line"], "I need a coat");
    assert_eq!(object["steps"][0]["step"], "read");
    let matched = &object["steps"][1];
    assert_eq!(matched["parts"][0], "a coat");
    assert!(
        matched["pattern"].is_string() && matched["line"].is_u64(),
        "{matched}"
    );
    assert!(object["memory"].is_array());
    if installed(&["python3"]) {
        let each = "import json, sys; [json.loads(line) for line in sys.stdin]";
        stdout_of(
            &format!("$PROGRAM talk --json | python3 -c '{each}'"),
            "hello\nquit\n",
        );
    }
}

#[test]
fn piped_input_is_answered_completely() {
    let input: String = (0..20_000)
        .map(|number| format!("I need {number} coats\n"))
        .collect();
    for option in ["", "--trace", "--json"] {
        let output = stdout_of(&format!("$PROGRAM talk --seed 1 {option}"), &input);
        let last = output.lines().rev().take(20).collect::<Vec<_>>().join(" ");
        assert!(last.contains("19999 coats"), "{last}");
        if option != "--trace" {
            assert_eq!(output.lines().count(), 20_002);
        }
    }
}

#[test]
fn a_single_line_is_answered_immediately() {
    // Each line is sent after the answer to the one before.
    let ask = "coproc T { $PROGRAM talk --seed 1; }; read -r line <&${T[0]}; \
        for n in 1 2 3; do echo \"I need $n coats\" >&${T[1]}; read -r line <&${T[0]}; echo \"$line\"; done";
    let answers = stdout_of(ask, "");
    assert_eq!(answers.lines().count(), 3);
    assert!(
        answers
            .lines()
            .zip(1..)
            .all(|(line, n)| line.contains(&format!("{n} coats"))),
        "{answers}"
    );
}

#[test]
fn a_script_may_come_from_a_pipe() {
    let friend = concat!(env!("CARGO_MANIFEST_DIR"), "/data/eliza/friend.toml");
    let checked = stdout_of(&format!("$PROGRAM script check <(cat {friend})"), "");
    assert!(checked.contains("no problems"), "{checked}");
}

#[test]
fn a_script_with_an_endless_loop_is_stopped() {
    let script = "()\n(A ((0) (PRE (A B 1) (=B))))\n(B ((0) (=A)))\n(NONE ((0) (X)))\n\
        (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n";
    let folder = temp_dir();
    let path = folder.path().join("round.script");
    fs::write(&path, script).expect("it can be written");
    for option in ["", "--steps", "--trace", "--json"] {
        let output = shell(
            &format!("$PROGRAM script run {option} {}", path.display()),
            b"a\na\n",
        );
        assert!(output.status.success(), "{option}: {output:?}");
        assert!(!output.stdout.is_empty(), "{option}");
    }
}
