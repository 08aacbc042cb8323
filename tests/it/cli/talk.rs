//! `talk`: the friend in a terminal or a pipe.

use crate::support::{installed, shell, stdout_of};

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
