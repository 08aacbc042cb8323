//! `completions`: scripts for shells.

use crate::support::{installed, run_program, stdout_of};

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
    let names = commands_and_services();
    assert!(names.contains(&"get".into()) && names.contains(&"echo".into()));
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout_of(&format!("$PROGRAM completions {shell}"), "");
        for name in &names {
            let is_name_byte = |byte: &char| byte.is_ascii_alphanumeric();
            let found = script.match_indices(name.as_str()).any(|(start, _)| {
                let before = script[..start].chars().next_back();
                let after = script[start + name.len()..].chars().next();
                !before.as_ref().is_some_and(is_name_byte)
                    && !after.as_ref().is_some_and(is_name_byte)
            });
            assert!(found, "{shell}: {name}");
        }
        if shell == "bash" || installed(&[shell]) {
            let check = format!("$PROGRAM completions {shell} > $0.tmp; {shell} -n $0.tmp");
            let folder = crate::support::temp_dir();
            stdout_of(
                &check.replace("$0", &format!("{}/script", folder.path().display())),
                "",
            );
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
fn other_shells_are_refused() {
    let (code, stdout, stderr) = run_program("completions tcsh", "");
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("bash, zsh, fish"), "{stderr}");
}
