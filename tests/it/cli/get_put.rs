//! `get`, `put` and `list`: their options. What they transfer is tested in `files`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::support::files::{check_run, serve_files};
use crate::support::{free_port, run_program, stdout_of, temp_dir};

/// All files below a folder, by path.
#[track_caller]
fn files(folder: &Path) -> Vec<String> {
    let find = format!("cd {} && find . -type f | LC_ALL=C sort", folder.display());
    let found = stdout_of(&find, "");
    found.lines().map(|path| path[2..].to_owned()).collect()
}

#[test]
fn names_in_json_are_lossless() {
    let (here, there) = (temp_dir(), temp_dir());
    let name = OsStr::from_bytes(b"b\xff");
    fs::write(there.path().join(name), "hello").expect("the disk has room");
    let server = serve_files(there.path(), "--writable");
    let port = server.port();
    let folder = here.path().display();
    let name = r#""name":"b\ufffd","name_base64":"Yv8=""#;
    let sent = r#""name":"d/b\ufffd","name_base64":"ZC9i/w==""#;
    let put = format!("put {port} {folder}/$'b\\xff' --to d --json");
    for (command, name) in [
        (format!("ls {port} --json"), name),
        (format!("ls {port} -r --json"), name),
        (format!("get {port} $'b\\xff' -C {folder} --json"), name),
        (put, sent),
    ] {
        let printed = stdout_of(&format!("$PROGRAM {command}"), "");
        assert!(printed.contains(name), "{command}: {printed}");
    }
}

#[test]
fn ls_is_an_alias_of_list() {
    let there = temp_dir();
    fs::write(there.path().join("a"), "hello").expect("the disk has room");
    let server = serve_files(there.path(), "");
    let list = run_program(&format!("list {}", server.port()), "");
    assert!(list.0 == 0 && list.1.ends_with("  a\n"), "{list:?}");
    assert_eq!(run_program(&format!("ls {}", server.port()), ""), list);
}

#[test]
fn hidden_names_are_skipped_in_both_directions() {
    let (here, there) = (temp_dir(), temp_dir());
    let (here, there) = (here.path(), there.path());
    for folder in ["d/s", "d/.g", ".top", "some", "all"] {
        fs::create_dir_all(here.join(folder)).expect("the disk has room");
    }
    for file in [
        "d/v",
        "d/.h",
        "d/s/w",
        "d/s/.deep",
        "d/.g/in",
        ".top/v",
        ".top/.h",
    ] {
        fs::write(here.join(file), "hello").expect("the disk has room");
    }
    let visible = &["d/s/w", "d/v"][..];
    let all = &["d/.g/in", "d/.h", "d/s/.deep", "d/s/w", "d/v"][..];
    let server = serve_files(there, "--writable --hidden");
    let port = &*server.port();
    for (args, result, expected, skipped) in [
        (
            &["put", port, "d", "-r", "--to", "some"][..],
            there.join("some"),
            visible,
            3,
        ),
        (
            &["put", port, "d", "-r", "--to", "all", "--hidden"],
            there.join("all"),
            all,
            0,
        ),
        (
            &["get", port, "all/d", "-r", "-C", "some"],
            here.join("some"),
            visible,
            3,
        ),
        (
            &["get", port, "all/d", "-r", "-C", "all", "--hidden"],
            here.join("all"),
            all,
            0,
        ),
        // A name that is given is not skipped, and -q prints no notes.
        (
            &["put", port, ".top", "-r", "--to", "top", "-q"],
            there.join("top"),
            &[".top/v"],
            0,
        ),
        (
            &["get", port, "top/.top", "-r", "-C", "some/d", "-q"],
            here.join("some/d/.top"),
            &["v"],
            0,
        ),
        (
            &["put", port, "d/.h", "--to", "one"],
            there.join("one"),
            &[".h"],
            0,
        ),
    ] {
        let output = check_run(here, args, 0, "");
        assert_eq!(files(&result), expected, "{args:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let notes = stderr.matches(" is hidden: skipped (--hidden includes it)\n");
        assert_eq!(notes.count(), skipped, "{args:?}: {stderr}");
    }
}

#[test]
fn sources_with_the_same_target_are_refused_before_connecting() {
    let here = temp_dir();
    let here = here.path();
    for folder in ["a/d", "b/d"] {
        fs::create_dir_all(here.join(folder)).expect("the disk has room");
        fs::write(here.join(folder).join("x"), "hello").expect("the disk has room");
    }
    let before = files(here);
    // Nothing listens on this port. Its refusal would be exit code 69.
    let (_socket, address) = free_port();
    let (tcp, udp) = (&*address.to_string(), &*format!("udp://{address}"));
    for (args, sources, target) in [
        (
            &["get", tcp, "A/x", "B/y", "B/x"][..],
            "'A/x' and 'B/x'",
            "'x'",
        ),
        (&["get", tcp, "x", "x"], "'x' and 'x'", "'x'"),
        (&["get", tcp, "A/d", "B/d", "-r"], "'A/d' and 'B/d'", "'d'"),
        (&["get", udp, "A/x", "/x"], "'A/x' and '/x'", "'x'"),
        (
            &["put", tcp, "a/d/x", "b/d/x"],
            "'a/d/x' and 'b/d/x'",
            "'x'",
        ),
        (
            &["put", tcp, "a/d", "b/d/", "-r"],
            "'a/d' and 'b/d/'",
            "'d'",
        ),
        (
            &["put", udp, "a/d/x", "b/d/x", "--to", "f"],
            "'a/d/x' and 'b/d/x'",
            "'x'",
        ),
    ] {
        let message = format!("switchboard: {sources} have the same target, {target}\n");
        let output = check_run(here, args, 2, &message);
        assert_eq!(String::from_utf8_lossy(&output.stderr), message, "{args:?}");
        assert!(output.stdout.is_empty());
    }
    // The targets of all others are inside that of a whole folder.
    for (args, source) in [
        (&["get", tcp, "/", "/", "-r"][..], "/"),
        (&["get", tcp, "-r", ".", "A/x"], "."),
        (&["get", tcp, "-r", "A/x", "/"], "/"),
        (&["put", tcp, ".", "..", "-r", "--to", "f"], "."),
        (&["put", tcp, "-r", "a/d/x", ".."], ".."),
        (&["put", tcp, "-r", ".", "a/d/x"], "."),
    ] {
        let message = format!("switchboard: '{source}' includes everything: give it alone\n");
        let output = check_run(here, args, 2, &message);
        assert_eq!(String::from_utf8_lossy(&output.stderr), message, "{args:?}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(files(here), before);
    // Different targets are no reason to refuse.
    check_run(here, &["get", tcp, "A/x", "B/y"], 69, "cannot connect");
    check_run(
        here,
        &["put", tcp, "a", "b/d/x", "-r"],
        69,
        "cannot connect",
    );
}

#[test]
fn an_empty_target_is_refused_before_connecting() {
    let here = temp_dir();
    fs::write(here.path().join("a"), "hello").expect("the disk has room");
    let (_socket, address) = free_port();
    for address in [address.to_string(), format!("udp://{address}")] {
        for target in ["", "/"] {
            let args = ["put", &address, "a", "--as", target];
            let message = "switchboard: --as requires the name of a file\n";
            check_run(here.path(), &args, 2, message);
        }
    }
}

#[test]
fn errors_name_a_file_once_and_quiet_keeps_their_number() {
    let (here, there) = (temp_dir(), temp_dir());
    fs::write(here.path().join("a"), "hello").expect("the disk has room");
    let server = serve_files(there.path(), "--writable");
    let args = ["put", &*server.port(), "missing", "a", "-q"];
    let output = check_run(here.path(), &args, 74, "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("switchboard: missing: "), "{stderr}");
    assert_eq!(lines[0].matches("missing").count(), 1, "{stderr}");
    assert_eq!(lines[1], "switchboard: 1 of 2 failed");
}
