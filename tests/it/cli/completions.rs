//! `completions`: scripts for shells.

use std::collections::HashSet;
use std::fs;

use crate::support::{installed, run_program, stdout_of, temp_dir};

/// Every command, from the help, and every service.
fn commands_and_services() -> Vec<String> {
    let help = stdout_of("$PROGRAM --help", "");
    let (_, commands) = help.split_once("\nCommands:\n").expect("the help has them");
    let (commands, _) = commands.split_once("\n\n").expect("the help goes on");
    let services = stdout_of("$PROGRAM services", "");
    let names = commands.lines().chain(services.lines());
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn scripts_contain_every_command_and_service() {
    let folder = temp_dir();
    let path = folder.path().join("script");
    let names = commands_and_services();
    assert!(names.contains(&"get".into()) && names.contains(&"echo".into()));
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout_of(&format!("$PROGRAM completions {shell}"), "");
        let parts: HashSet<&str> = script
            .split(|part: char| !part.is_ascii_alphanumeric() && part != '-')
            .collect();
        for name in &names {
            assert!(parts.contains(name.as_str()), "{shell}: {name}");
        }
        if shell == "bash" || installed(&[shell]) {
            fs::write(&path, script).expect("the disk has room");
            stdout_of(&format!("{shell} -n {}", path.display()), "");
        }
    }
}

#[test]
fn bash_completes_services_and_their_options() {
    for (line, expected) in [
        ("switchboard ser", "services serve"),
        ("switchboard serve ec", "echo"),
        ("switchboard serve echo --idle-t", "--idle-timeout"),
        ("switchboard serve eliza --scr", "--script"),
        ("switchboard get --hid", "--hidden"),
        ("switchboard serve echo --model = thr", "threads"),
        (
            "switchboard serve echo --model =",
            "fork threads events sequential",
        ),
        ("switchboard serve exec -- /bin/ls --mod", ""),
    ] {
        let count = line.split(' ').count();
        let complete = format!(
            "source <($PROGRAM completions bash); COMP_WORDS=({line}); COMP_CWORD={}; \
             _switchboard switchboard \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             echo \"${{COMPREPLY[@]}}\"",
            count - 1
        );
        assert_eq!(stdout_of(&complete, "").trim_end(), expected, "{line}");
    }
}

#[test]
fn fish_completes_the_shells() {
    let script = stdout_of("$PROGRAM completions fish", "");
    let condition = "__fish_switchboard_using_subcommand completions";
    assert!(script.contains("function __fish_switchboard_using_subcommand"));
    let line = format!("complete -c switchboard -n \"{condition}\" -f -a \"bash zsh fish\"");
    assert!(script.lines().any(|found| found == line), "{script}");
}

#[test]
fn other_shells_are_refused() {
    let (code, stdout, stderr) = run_program("completions tcsh", "");
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("bash, zsh, fish"), "{stderr}");
}
