//! `talk`: the friend in a terminal or a pipe.

use crate::support::{installed, run_program, shell, stdout_of};

#[test]
fn talk_answers_a_pipe() {
    let output = stdout_of("$PROGRAM talk", "I need a holiday\nquit\nnot read\n");
    let lines: Vec<&str> = output.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].contains("feel") && lines[1].contains("a holiday"),
        "{output}"
    );
    assert!(lines[2].contains("oodbye"), "{output}");
    // The end of input ends the conversation, too, and a line without an end counts.
    let output = stdout_of("$PROGRAM talk --seed 3", "I need a rest");
    assert!(
        output.lines().count() == 3 && output.contains("a rest"),
        "{output}"
    );
    assert_eq!(stdout_of("$PROGRAM talk --seed 3", "I need a rest"), output);
}

#[test]
fn talk_at_a_terminal_has_a_prompt_and_ends_on_ctrl_d() {
    if !installed(&["script"]) {
        return;
    }
    // `script` runs it on a terminal. The line editor echoes the input.
    let output = shell(
        "script -qec \"$PROGRAM talk --seed 1\" /dev/null",
        b"I need a coat\n\x04",
    );
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        screen.contains("> ") && screen.contains("a coat?") | screen.contains("a coat."),
        "{screen}"
    );
    assert!(screen.contains("oodbye"), "{screen}");
}

#[test]
fn several_scripts_require_the_command_that_changes_them() {
    let message = "more than one --script needs --commands, with which the script can be changed\n";
    for (command, prefix) in [
        ("talk", "switchboard: "),
        (
            "serve eliza --listen 0",
            "switchboard: cannot serve eliza: ",
        ),
    ] {
        let (code, stdout, stderr) =
            run_program(&format!("{command} --script friend --script ami"), "");
        assert_eq!((code, stdout.as_str()), (1, ""), "{command}");
        assert_eq!(stderr, format!("{prefix}{message}"));
    }
}
