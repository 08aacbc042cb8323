//! Help, usage errors, and what every command has in common.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use switchboard_eliza::Script;

use crate::support::files::public_program;
use crate::support::{
    Client, Server, installed, is_root, program, run_program, services, shell, stdout_of, temp_dir,
    villains,
};

#[test]
fn services_lists_the_services() {
    let services = services();
    assert!(services.iter().any(|(name, _)| name == "eliza"));
    let (_, help, _) = run_program("serve --help", "");
    for (name, description) in services {
        assert!(help.contains(&description), "{name}: {help}");
        let (code, help, _) = run_program(&format!("serve {name} --help"), "");
        assert!(
            code == 0 && help.starts_with(&description),
            "{name}: {help}"
        );
    }
}

#[test]
fn the_descriptions_of_the_services_are_aligned() {
    let listed = stdout_of("$PROGRAM services", "");
    let column = |line: &str| {
        let (name, gap) = line.split_once("  ").expect("two columns");
        name.len() + 2 + gap.len() - gap.trim_start().len()
    };
    let first = listed.lines().next().expect("there are services");
    for line in listed.lines() {
        assert_eq!(column(line), column(first), "{listed}");
    }
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    let max = u64::MAX;
    for (args, message) in [
        (
            "serve echo --ready-fd 70000",
            "a whole number is required, 0 to 65535".to_owned(),
        ),
        (
            "serve echo --max-clients 99999999999999999999",
            format!("a whole number is required, 1 to {}", usize::MAX),
        ),
        (
            "serve chat --burst 18446744073709551615",
            format!("a whole number is required, 1 to {}", u32::MAX),
        ),
        (
            "serve chat --history 18446744073709551616",
            format!("a whole number is required, 0 to {}", usize::MAX),
        ),
        (
            "talk --seed 18446744073709551616",
            format!("a whole number is required, 0 to {max}"),
        ),
        (
            "serve echo --idle-timeout 99999999999999999999",
            "a time is at most 10 years; or none for no limit".to_owned(),
        ),
        (
            "serve files . --max-file 17179869184G",
            "a size is less than 16777216T".to_owned(),
        ),
        (
            "serve echo --max-line 1G",
            "a whole number of bytes from 1 to 64M is required, \
             with a unit if it has one of k, M, G, T: 500, 8k"
                .to_owned(),
        ),
    ] {
        let (code, stdout, stderr) = run_program(args, "");
        assert_eq!((code, stdout.as_str()), (2, ""), "{args}");
        assert!(
            stderr.contains(&format!(": {message}\n")),
            "{args}: {stderr}"
        );
    }
}

#[test]
fn help_goes_to_stdout_and_usage_errors_to_stderr() {
    let (code, stdout, stderr) = run_program("serve --help", "");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("--max-per-host") && stdout.contains("switchboard serve eliza"));
    let (code, stdout, _) = run_program("serve eliza --help", "");
    assert!(code == 0 && stdout.contains("--script") && stdout.contains("--idle-timeout"));
    assert!(stdout.starts_with("Your virtual friend"), "{stdout}");
    let (_, stdout, _) = run_program("serve echo --help", "");
    assert!(stdout.starts_with("Sends every byte back"), "{stdout}");
    for wrong in [
        "",
        "serve",
        "serve nothing",
        "serve echo --listen 99999",
        "serve echo --idle-timeout soon",
        "serve echo --raw",
    ] {
        let (code, stdout, stderr) = run_program(wrong, "");
        assert_eq!((code, stdout.as_str()), (2, ""), "{wrong}: {stderr}");
        assert!(!stderr.is_empty(), "{wrong}");
    }
}

#[test]
fn options_of_serve_stand_on_both_sides_of_the_service() {
    let args = "-v serve --listen 127.0.0.1:0 echo --listen 127.0.0.1:0 --max-clients 5";
    let server = Server::run(Command::new(program()).args(args.split(' ')));
    let addresses = server.addresses();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    for address in addresses {
        assert_eq!(Client::connect(address).ask("hello"), "hello");
    }
    let (code, _, stderr) = run_program("serve -4 echo --listen 0 -6", "");
    assert!(code == 2 && stderr.contains("'--ipv6'"), "{stderr}");
    let (code, _, stderr) = run_program("serve --listen 0 ech", "");
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with("error: there is no service 'ech'") && stderr.contains("echo"),
        "{stderr}"
    );
}

#[test]
fn help_before_the_service_is_that_of_serve() {
    let (_, serve, _) = run_program("serve --help", "");
    let (code, before, _) = run_program("serve --listen 0 --help echo", "");
    assert_eq!((code, &before), (0, &serve));
    let (_, echo, _) = run_program("serve echo --help", "");
    let (code, behind, _) = run_program("serve --listen 0 echo --help", "");
    assert_eq!((code, &behind), (0, &echo));
    assert!(
        echo.contains("\nUsage: switchboard serve echo [OPTIONS]\n"),
        "{echo}"
    );
    for option in ["--listen", "--model", "--max-clients", "--grace"] {
        assert!(serve.contains(option) && echo.contains(option), "{option}");
    }
}

#[test]
fn the_examples_of_the_help_work() {
    let (_, help, _) = run_program("serve --help", "");
    let examples = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("switchboard "))
        .filter(|args| args.starts_with("serve ") && !args.contains("SERVICE"));
    let mut tried = 0;
    for example in examples {
        // With port 0, and without the explanation behind the command.
        let args = example
            .split("  ")
            .next()
            .expect("a split has a first part");
        let args = args
            .split(" then")
            .next()
            .expect("a split has a first part")
            .replace("1212", "0");
        let args = args.split(" > ").next().expect("a split has a first part");
        let folder = temp_dir();
        let args = args.replace("/tmp/", &format!("{}/", folder.path().display()));
        let mut args: Vec<&str> = args.split_whitespace().collect();
        if !args.contains(&"--listen") {
            args.splice(2..2, ["--listen", "0"]); // the arguments of a program come last
        }
        let mut command = Command::new(program());
        command.args(args).env("TMPDIR", folder.path());
        drop(Server::run(&mut command));
        tried += 1;
    }
    assert!(8 <= tried, "{help}");
}

#[test]
fn a_closed_output_pipe_is_not_an_error() {
    for command in ["talk", "services", "serve --help"] {
        let output = shell(
            &format!("set -o pipefail; yes | $PROGRAM {command} | head -c 1"),
            b"",
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.is_empty(), "{command}: {stderr}");
    }
    let output = shell("yes | ($PROGRAM talk; echo $? >&2) | head -n 1", b"");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n");
}

#[test]
fn an_unusable_script_is_refused_before_listening() {
    let folder = temp_dir();
    let path = folder.path().join("bad.toml");
    fs::write(&path, "greeting = ['a']\nfarewell = ['b']\nsilence = ['c', 'd']\notherwise = ['e', 'f']\nquit = ['g']\n\
        [[rule]]\npatterns = ['(a{1000}){1000}']\nreplies = ['h']\n")
    .expect("it can be written");
    let name = path.display();
    let (code, stdout, stderr) =
        run_program(&format!("serve eliza --listen 0 --script {name}"), "");
    let message = format!(
        "switchboard: cannot serve eliza: {name}:7:13: the pattern is too large: more than 256 KiB when compiled\n"
    );
    assert_eq!((code, stdout.as_str(), stderr), (1, "", message));
    let (code, _, stderr) = run_program("talk --script /no/such/file", "");
    let built_in = Script::NAMES.join(", ");
    let message = format!(
        "switchboard: /no/such/file: No such file or directory (os error 2); \
         the built-in scripts are: {built_in}\n"
    );
    assert_eq!((code, stderr), (1, message));
    let (code, _, stderr) = run_program(&format!("talk --script {}", folder.path().display()), "");
    assert!(code == 1 && stderr.contains("Is a directory"), "{stderr}");
}

#[test]
fn errors_of_a_service_are_sanitized() {
    let output = Command::new(villains())
        .args(["serve", "none", "--listen", "0"])
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr,
        "switchboard: cannot serve none: it is\\x1b a villain\n"
    );
}

#[test]
fn a_denied_file_has_an_exit_code_of_its_own() {
    if !is_root() || !installed(&["setpriv"]) {
        return;
    }
    let (_folder, copy) = public_program();
    let denied = temp_dir();
    let owner_only = Permissions::from_mode(0o700);
    fs::set_permissions(denied.path(), owner_only).expect("it is ours");
    for args in ["serve files", "serve receive-file --", "man"] {
        let command = format!(
            "setpriv --reuid=65534 --regid=65534 --clear-groups {} {args} {}/a",
            copy.display(),
            denied.path().display()
        );
        let output = shell(&command, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(77), "{args}: {stderr}");
    }
}
