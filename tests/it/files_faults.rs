//! What others may try with a folder that is shown, and what may happen meanwhile.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rand::RngExt;

use crate::files::{Shown, bytes, kept, put, serve};
use crate::harness::{Caller, DEADLINE, MODELS, Server, are_root, have, heard, program, until};

#[test]
fn nobody_leaves_the_folder() {
    let shown = Shown::start("--writable");
    let top = shown.folder.path();
    let outside = tempfile::tempdir().expect("a folder can be made");
    fs::write(outside.path().join("secret"), "secret").expect("there is room");
    shown.write("file", "inside");
    shown.write(".hidden", "secret");
    fs::create_dir(top.join("folder")).expect("there is room");
    symlink(outside.path(), top.join("folder/out")).expect("there is room");
    symlink(outside.path().join("secret"), top.join("link")).expect("there is room");
    symlink("/", top.join("root")).expect("there is room");
    symlink("/proc/self", top.join("self")).expect("there is room");
    mkfifo(&top.join("pipe"), Mode::S_IRWXU).expect("there is room");
    let secret = outside.path().join("secret").display().to_string();
    let mut caller = shown.connect();
    for name in [
        "..",
        "../",
        "/..",
        "folder/../file",
        "folder/../../secret",
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "etc/passwd",
        &secret,
        &format!("root{secret}"),
        "root/etc/passwd",
        "folder/out/secret",
        "folder/out",
        "link",
        "link/",
        "self/root/etc/passwd",
        "self/exe",
        "pipe",
        "pipe/",
        "file/.",
        "file/..",
        "file/a",
        ".hidden",
        "./.hidden",
        "folder/../.hidden",
        "....//secret",
        "..\\..\\secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "%252e%252e/secret",
        "..;/secret",
        r#""..\x00/secret""#,
        r#""file\x00.txt""#,
        r#""\x2e\x2e/secret""#,
        r#""\xc0\xae\xc0\xae/secret""#,
        r#""\xe0\x80\xae./secret""#,
        r#""..\x5csecret""#,
        r#""file\n""#,
        "/dev/null",
        "/dev/stdin",
        "/proc/self/environ",
        "CON",
        "NUL.txt",
        "C:\\secret",
        "\\\\host\\share",
        "~/secret",
        "$HOME/secret",
        "`id`",
        "|id",
        &"../".repeat(600),
        &"a/".repeat(2000),
        &"x".repeat(300),
    ] {
        for verb in ["GET", "HASH", "STAT", "LIST"] {
            let answer = caller.ask(&format!("{verb} {name}"));
            // A file with a slash behind it is the file.
            let is_file = name == "file/." && verb != "LIST";
            let code = answer.split(' ').next().unwrap_or_default();
            if is_file {
                assert!(code.starts_with('2'), "{verb} {name}: {answer}");
                if verb == "GET" {
                    assert_eq!(caller.next(6), "inside");
                }
            } else {
                assert!(["550", "553"].contains(&code), "{verb} {name}: {answer}");
            }
        }
    }
    for name in [
        "../new",
        "root/tmp/new",
        "folder/out/new",
        "link",
        "pipe",
        "folder",
        "/",
        ".new",
        "file/new",
    ] {
        let answer = caller.ask(&put(name, b"")[..put(name, b"").len() - 1]);
        assert!(answer.starts_with("55"), "{name}: {answer}");
    }
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    assert_eq!(shown.count(), 7);
}

#[test]
fn a_folder_that_becomes_a_link_leads_nowhere() {
    let shown = Shown::start("--writable");
    let outside = tempfile::tempdir().expect("a folder can be made");
    fs::write(outside.path().join("x"), "outside").expect("there is room");
    let top = shown.folder.path();
    let (one, other) = (top.join("one"), top.join("other"));
    fs::create_dir(&one).expect("there is room");
    fs::write(one.join("x"), "inside").expect("there is room");
    symlink(outside.path(), &other).expect("there is room");
    let done = AtomicBool::new(false);
    let mut answers = HashSet::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let flags = RenameFlags::RENAME_EXCHANGE;
                renameat2(AT_FDCWD, &one, AT_FDCWD, &other, flags).expect("both are there");
            }
        });
        let _done = WhenDropped(&done); // also if this panics, which would wait for the other else
        let mut caller = shown.connect();
        let mut says = caller.stream.try_clone().expect("a socket can be cloned");
        scope.spawn(move || says.write_all(&b"GET one/x\n".repeat(10_000)));
        for _ in 0..10_000 {
            let answer = caller.line();
            if answer.starts_with("226") {
                assert_eq!(answer, "226 6");
                assert_eq!(caller.next(6), "inside");
            }
            answers.insert(answer);
        }
        let mut asked = 0;
        until("all to happen", || {
            asked += 1;
            answers.insert(caller.ask(put(&format!("one/{asked}"), b"").trim_end()));
            let all = ["226 6", "550 not a folder", &kept(b"")];
            let all = all.iter().all(|&answer| answers.contains(answer));
            (all && 500 < asked).then_some(())
        });
    });
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
}

/// Tells a thread that it is done.
struct WhenDropped<'a>(&'a AtomicBool);

impl Drop for WhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_full_disk_is_told_before_the_content_comes() {
    if !are_root() || !have(&["unshare", "mount"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    // In a mount namespace of its own, so that nothing stays mounted.
    let mounted = format!(
        "mount -t tmpfs -o size=64k tmpfs {0} && exec {1} -v serve files --writable --root {0} --listen 0",
        folder.path().display(),
        program().display()
    );
    let server = Server::run(Command::new("unshare").args(["-m", "bash", "-c", &mounted]));
    let inside = format!("/proc/{}/root{}", server.pid(), folder.path().display());
    let content = bytes(200_000);
    let mut caller = server.connect();
    caller.line();
    let line = put("large", &content);
    assert_eq!(caller.ask(line.trim_end()), NO_ROOM);
    caller.say(&content);
    assert_eq!(caller.ask("LIST"), "210 0");
    let small = &content[..40_000];
    caller.say(put("small", small));
    caller.say(small);
    assert_eq!(caller.line(), kept(small));
    let line = put("other", small);
    assert_eq!(caller.ask(line.trim_end()), NO_ROOM);
    caller.say(small);
    assert_eq!(caller.ask("QUIT"), "221 Bye.");
    let names: Vec<_> = fs::read_dir(inside).expect("a folder").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn what_the_system_does_not_allow_ends_nobody() {
    if !have(&["prlimit"]) {
        return;
    }
    for model in MODELS {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path().to_str().expect("its name is text");
        let mut limited = Command::new("prlimit");
        limited.arg("--fsize=100000").arg(program());
        limited.args(["-v", "serve", "files", "--writable", "--root", root]);
        let server = Server::run(limited.args(["--listen", "0", "--model", model]));
        let content = bytes(100_001);
        let mut caller = server.connect();
        caller.line();
        assert_eq!(
            caller.ask(put("a", &content).trim_end()),
            NO_ROOM,
            "{model}"
        );
        caller.say(&content);
        let most = &content[..100_000];
        caller.say(put("a", most));
        caller.say(most);
        assert_eq!(caller.line(), kept(most), "{model}");
    }
}

const NO_ROOM: &str = "452 no space left on the disk";

#[test]
fn who_leaves_in_the_middle_leaves_nothing() {
    for model in MODELS {
        let shown = Shown::start(&format!("--writable --model {model}"));
        let content = bytes(1_000_000);
        let mut caller = shown.connect();
        caller.say(put("a", &content));
        caller.say(&content[..500_000]);
        shown.until_drafts(1);
        caller.reset();
        shown.server.log("end: ");
        shown.until_drafts(0);
        assert_eq!(shown.count(), 0, "{model}");
        let mut next = shown.connect();
        next.say(put("a", &content));
        next.say(&content);
        assert_eq!(next.line(), kept(&content), "{model}");
        assert_eq!(shown.read("a"), Some(content));
    }
}

#[test]
fn whoever_is_killed_leaves_a_whole_file_or_none() {
    let shown = Shown::start("--writable");
    let content = bytes(3_000_000);
    let mut whole = 0;
    for round in 0..20 {
        let mut caller = shown.connect();
        let [(child, _)] = shown.server.children()[..] else {
            panic!("one conversation");
        };
        // The last ones are killed while the file gets its name, or shortly before or after.
        let sent = match round {
            0..10 => rand::rng().random_range(0..content.len()),
            _ => content.len(),
        };
        let name = format!("a{round}");
        caller.say(put(&name, &content));
        caller.say(&content[..sent]);
        kill(child, Signal::SIGKILL).expect("it runs");
        shown.server.children_until("its end", <[_]>::is_empty);
        match shown.read(&name) {
            Some(read) => {
                assert!(read == content, "{round}: {} of {sent}", read.len());
                whole += 1;
            }
            None => drop(caller),
        }
    }
    assert_eq!(shown.count(), whole, "nothing else is there");
    let mut next = shown.connect();
    next.say(put("b", b""));
    assert_eq!(next.line(), kept(b""));
}

#[test]
fn one_of_two_gets_the_name() {
    for model in ["fork", "threads", "events"] {
        let shown = Shown::start(&format!("--writable --model {model}"));
        let contents = [bytes(100_000), bytes(100_001)];
        let mut callers = contents.each_ref().map(|content| {
            let mut caller = shown.connect();
            caller.say(put("a", content));
            (caller, content)
        });
        shown.until_drafts(2);
        for (caller, content) in &mut callers {
            caller.say(content);
        }
        let answers = callers.each_mut().map(|(caller, _)| caller.line());
        let lost = "554 a file or folder of this name exists already";
        let winner = answers.iter().position(|answer| answer != lost);
        let winner = winner.expect("one of them has it");
        assert_eq!(answers[winner], kept(&contents[winner]), "{model}");
        assert_eq!(answers[1 - winner], lost, "{model}");
        assert!(shown.read("a").as_ref() == Some(&contents[winner]));
    }
}

#[test]
fn two_at_once_do_not_share_the_same_room() {
    for model in ["fork", "threads", "events"] {
        let shown = Shown::start(&format!("--writable --quota 150k --model {model}"));
        let content = bytes(100_000);
        let mut callers = ["a", "b"].map(|name| {
            let mut caller = shown.connect();
            caller.say(put(name, &content));
            caller
        });
        shown.until_drafts(2);
        callers.iter_mut().for_each(|caller| caller.say(&content));
        let mut answers = callers.each_mut().map(Caller::line);
        answers.sort();
        let no_room = "452 quota exceeded: all files together may have 153600 bytes";
        assert_eq!(answers, [kept(&content).as_str(), no_room], "{model}");
        assert_eq!(shown.count(), 1);
    }
}

#[test]
fn a_name_does_nothing_to_a_terminal() {
    let shown = Shown::start("");
    for name in [
        &b"\x1b[31mred\x1b[0m"[..],
        b"\x1b]0;title\x07",
        b"two\nlines\r\n226 5",
        b"caf\xe9 \x9b2J",
        "\u{9b}2J \u{202e}txt.exe \u{2028}".as_bytes(),
        b"\"quoted\" \\ and blank",
        b"\x7f\x08\x08",
        "Grüße 你好".as_bytes(),
    ] {
        use std::os::unix::ffi::OsStrExt;
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        fs::write(shown.folder.path().join(name), "here").expect("there is room");
    }
    let mut caller = shown.connect();
    assert_eq!(caller.ask("LIST"), "210 8");
    let lines: Vec<String> = (0..8).map(|_| caller.line()).collect();
    for line in &lines {
        let acts = |c: char| c.is_control() || "\u{202e}\u{2028}\u{9b}".contains(c);
        assert!(
            !line.contains(acts) && !line.contains('\u{fffd}'),
            "{line:?}"
        );
        // What was told can be asked for.
        let (_, name) = line.split_once("Z ").expect("a time");
        assert_eq!(caller.ask(&format!("GET {name}")), "226 4");
        assert_eq!(caller.next(4), "here");
    }
    assert!(lines.iter().any(|line| line.ends_with("\"Grüße 你好\"")));
    let wrong = caller.ask("GET \"\x1b[2J\"");
    assert!(
        wrong.starts_with("501") && !wrong.contains('\x1b'),
        "{wrong:?}"
    );
}

#[test]
fn who_announces_much_and_says_little_is_sent_away() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = serve(&folder, "--writable --idle 300ms");
    let mut caller = server.connect();
    caller.line();
    caller.say(put("a", &[0; 10]));
    caller.say("012345678");
    server.log("end: idle");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn what_is_refused_is_read_to_its_end() {
    if !have(&["nc", "timeout"]) {
        return;
    }
    let shown = Shown::start("");
    let seconds = DEADLINE.as_secs();
    let said = format!(
        "(printf 'PUT a 50000000 {}\\n'; head -c 50000000 /dev/zero; echo QUIT) | \
         timeout {seconds} nc -N localhost {}",
        "0".repeat(64),
        shown.server.port()
    );
    let answer =
        "220 files, read-only. HELP lists the commands.\n555 files cannot be put here\n221 Bye.\n";
    assert_eq!(heard(&said, ""), answer);
}
