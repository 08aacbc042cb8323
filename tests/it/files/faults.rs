//! The `files` service against hostile clients and failing disks.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rand::RngExt;

use crate::support::files::{
    SharedFolder, content, put_line, serve_files, stored, wait_for_uploads,
};
use crate::support::{
    Client, DEADLINE, MODELS, Server, installed, is_root, program, stdout_of, temp_dir, wait_until,
};

#[test]
fn no_path_leads_out_of_the_folder() {
    let shared = SharedFolder::start("--writable");
    let top = shared.folder.path();
    let outside = temp_dir();
    fs::write(outside.path().join("secret"), "secret").expect("the disk has room");
    shared.write("file", "inside");
    shared.write(".hidden", "secret");
    fs::create_dir(top.join("folder")).expect("the disk has room");
    symlink(outside.path(), top.join("folder/out")).expect("the disk has room");
    symlink(outside.path().join("secret"), top.join("link")).expect("the disk has room");
    symlink("/", top.join("root")).expect("the disk has room");
    symlink("/proc/self", top.join("self")).expect("the disk has room");
    mkfifo(&top.join("pipe"), Mode::S_IRWXU).expect("the disk has room");
    let secret = outside.path().join("secret").display().to_string();
    let mut client = shared.connect();
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
        for verb in ["GET", "HASH", "STAT", "ATTR", "LIST"] {
            let answer = client.ask(&format!("{verb} {name}"));
            let code = answer.split(' ').next().unwrap_or_default();
            assert!(["550", "553"].contains(&code), "{verb} {name}: {answer}");
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
        let answer = client.ask(&put_line(name, b"")[..put_line(name, b"").len() - 1]);
        assert!(answer.starts_with("55"), "{name}: {answer}");
    }
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    assert_eq!(shared.count(), 7);
}

#[test]
fn a_folder_swapped_for_a_symlink_does_not_lead_outside() {
    let shared = SharedFolder::start("--writable");
    let outside = temp_dir();
    fs::write(outside.path().join("x"), "outside").expect("the disk has room");
    let top = shared.folder.path();
    let (one, other) = (top.join("one"), top.join("other"));
    fs::create_dir(&one).expect("the disk has room");
    fs::write(one.join("x"), "inside").expect("the disk has room");
    symlink(outside.path(), &other).expect("the disk has room");
    let done = AtomicBool::new(false);
    let mut answers = HashSet::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let flags = RenameFlags::RENAME_EXCHANGE;
                renameat2(AT_FDCWD, &one, AT_FDCWD, &other, flags).expect("both are there");
            }
        });
        let _stop = SetOnDrop(&done); // also when this thread panics: the scope waits for the other
        let mut client = shared.connect();
        let mut stream = client.stream.try_clone().expect("a socket can be cloned");
        scope.spawn(move || stream.write_all(&b"GET one/x\n".repeat(10_000)));
        for _ in 0..10_000 {
            let answer = client.line();
            if answer.starts_with("226") {
                assert_eq!(answer, "226 6");
                assert_eq!(client.text(6), "inside");
            }
            answers.insert(answer);
        }
        let mut count = 0;
        let deadline = Instant::now() + DEADLINE;
        let kept = stored(b"");
        let all = ["226 6", "550 not a folder", &kept];
        while count <= 500 || !all.iter().all(|&answer| answers.contains(answer)) {
            assert!(Instant::now() < deadline, "{answers:?}");
            count += 1;
            answers.insert(client.ask(put_line(&format!("one/{count}"), b"").trim_end()));
        }
    });
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
}

/// Sets a flag when it is dropped.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_full_disk_is_reported_before_the_content_is_sent() {
    if !is_root() || !installed(&["unshare", "mount"]) {
        return;
    }
    let folder = temp_dir();
    // The mount namespace keeps the file system from outliving the test.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {0} && exec {1} -v serve files --writable {0} --listen 0",
        folder.path().display(),
        program().display()
    );
    let server = Server::run(Command::new("unshare").args(["-m", "bash", "-c", &script]));
    let inside = format!("/proc/{}/root{}", server.pid(), folder.path().display());
    let content = content(200_000);
    let mut client = server.connect();
    client.line();
    let line = put_line("large", &content);
    assert_eq!(client.ask(line.trim_end()), NO_ROOM);
    client.send(&content);
    assert_eq!(client.ask("LIST"), "210 0");
    let small = &content[..40_000];
    client.send(put_line("small", small));
    client.send(small);
    assert_eq!(client.line(), stored(small));
    let line = put_line("other", small);
    assert_eq!(client.ask(line.trim_end()), NO_ROOM);
    client.send(small);
    assert_eq!(client.ask("QUIT"), "221 Bye.");
    let names: Vec<_> = fs::read_dir(inside).expect("a folder").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn an_announced_upload_leaves_the_disk_to_others() {
    if !is_root() || !installed(&["unshare", "mount"]) {
        return;
    }
    let folder = temp_dir();
    let script = format!(
        "mount -t tmpfs -o size=8m tmpfs {0} && exec {1} -v serve files --writable {0} --listen 0",
        folder.path().display(),
        program().display()
    );
    let server = Server::run(Command::new("unshare").args(["-m", "bash", "-c", &script]));
    let connect = || {
        let mut client = server.connect();
        client.line();
        client
    };
    let (large, small) = (content(7_000_000), content(5_000_000));
    let mut slow = connect();
    slow.send(put_line("empty", b""));
    assert_eq!(slow.line(), stored(b""));
    slow.send(put_line("large", &large));
    slow.send(&large[..1]);
    let children = server.children();
    let [(child, _)] = children[..] else {
        panic!("one session, not {children:?}");
    };
    wait_until("the upload", || {
        let files = fs::read_dir(format!("/proc/{child}/fd")).expect("it runs");
        let lengths = files.flatten().map(|file| fs::metadata(file.path()));
        lengths
            .flatten()
            .any(|file| file.is_file() && file.len() == 1)
    });
    let mut other = connect();
    other.send(put_line("small", &small));
    other.send(&small);
    assert_eq!(other.line(), stored(&small));
}

#[test]
fn the_file_size_limit_is_reported_and_does_not_end_the_session() {
    if !installed(&["prlimit"]) {
        return;
    }
    for model in MODELS {
        let folder = temp_dir();
        let root = folder.path().to_str().expect("its name is text");
        let mut limited = Command::new("prlimit");
        limited.arg("--fsize=100000").arg(program());
        limited.args(["-v", "serve", "files", "--writable", root]);
        let server = Server::run(limited.args(["--listen", "0", "--model", model]));
        let content = content(100_001);
        let mut client = server.connect();
        client.line();
        assert_eq!(
            client.ask(put_line("a", &content).trim_end()),
            NO_ROOM,
            "{model}"
        );
        client.send(&content);
        let largest = &content[..100_000];
        client.send(put_line("a", largest));
        client.send(largest);
        assert_eq!(client.line(), stored(largest), "{model}");
    }
}

const NO_ROOM: &str = "452 no space left on the disk";

#[test]
fn an_interrupted_upload_leaves_nothing() {
    for model in MODELS {
        let shared = SharedFolder::start(&format!("--writable --model {model}"));
        let content = content(1_000_000);
        let mut client = shared.connect();
        client.send(put_line("a", &content));
        client.send(&content[..500_000]);
        shared.wait_for_uploads(1);
        client.reset();
        shared.server.log("end: ");
        shared.wait_for_uploads(0);
        assert_eq!(shared.count(), 0, "{model}");
        let mut next = shared.connect();
        next.send(put_line("a", &content));
        next.send(&content);
        assert_eq!(next.line(), stored(&content), "{model}");
        assert_eq!(shared.read("a"), Some(content));
    }
}

#[test]
fn a_killed_session_leaves_the_whole_file_or_nothing() {
    let shared = SharedFolder::start("--writable");
    let content = content(3_000_000);
    let mut whole = 0;
    for round in 0..20 {
        let mut client = shared.connect();
        let [(child, _)] = shared.server.children()[..] else {
            panic!("one session");
        };
        // In the last rounds, the session is killed about when the file gets its name.
        let sent = match round {
            0..10 => rand::rng().random_range(0..content.len()),
            _ => content.len(),
        };
        let name = format!("a{round}");
        client.send(put_line(&name, &content));
        client.send(&content[..sent]);
        kill(child, Signal::SIGKILL).expect("it runs");
        shared.server.wait_until_reaped();
        match shared.read(&name) {
            Some(read) => {
                assert!(read == content, "{round}: {} of {sent}", read.len());
                whole += 1;
            }
            None => drop(client),
        }
    }
    assert_eq!(shared.count(), whole, "no other entry may exist");
    let mut next = shared.connect();
    next.send(put_line("b", b""));
    assert_eq!(next.line(), stored(b""));
}

#[test]
fn one_of_two_uploads_gets_the_name() {
    for model in ["fork", "threads", "events"] {
        let shared = SharedFolder::start(&format!("--writable --model {model}"));
        let contents = [content(100_000), content(100_001)];
        let mut clients = contents.each_ref().map(|content| {
            let mut client = shared.connect();
            client.send(put_line("a", content));
            (client, content)
        });
        shared.wait_for_uploads(2);
        for (client, content) in &mut clients {
            client.send(content);
        }
        let answers = clients.each_mut().map(|(client, _)| client.line());
        let refused = "554 a file or folder of this name exists already";
        let winner = answers.iter().position(|answer| answer != refused);
        let winner = winner.expect("one of them has it");
        assert_eq!(answers[winner], stored(&contents[winner]), "{model}");
        assert_eq!(answers[1 - winner], refused, "{model}");
        assert!(shared.read("a").as_ref() == Some(&contents[winner]));
    }
}

#[test]
fn simultaneous_uploads_do_not_exceed_the_quota() {
    for model in ["fork", "threads", "events"] {
        let shared = SharedFolder::start(&format!("--writable --quota 150k --model {model}"));
        let content = content(100_000);
        let mut clients = ["a", "b"].map(|name| {
            let mut client = shared.connect();
            client.send(put_line(name, &content));
            client
        });
        clients.iter_mut().for_each(|client| client.send(&content));
        let mut answers = clients.each_mut().map(Client::line);
        answers.sort();
        let no_room = "452 quota exceeded: all files together may have 153600 bytes";
        assert_eq!(answers, [stored(&content).as_str(), no_room], "{model}");
        assert_eq!(shared.count(), 1);
    }
}

#[test]
fn unfinished_uploads_count_against_the_quota() {
    for model in ["fork", "threads", "events"] {
        let shared = SharedFolder::start(&format!("--writable --quota 2M --model {model}"));
        let content = content(2_000_000);
        let mut clients = Vec::new();
        let mut start = |count| {
            let mut client = shared.connect();
            client.send(put_line(&format!("file{count}"), &content));
            client.send(&content[..1_500_000]);
            clients.push(client);
        };
        start(0);
        wait_for_uploads(&shared.server, shared.folder.path(), &[1_500_000]);
        (1..20).for_each(&mut start);
        for client in &mut clients[1..] {
            let answer = client.line();
            assert!(answer.starts_with("452 quota"), "{model}: {answer}");
        }
        clients[0].send(&content[1_500_000..]);
        assert_eq!(clients[0].line(), stored(&content), "{model}");
    }
}

#[test]
fn file_names_are_escaped_in_listings() {
    let shared = SharedFolder::start("");
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
        fs::write(shared.folder.path().join(name), "here").expect("the disk has room");
    }
    let mut client = shared.connect();
    assert_eq!(client.ask("LIST"), "210 8");
    let lines: Vec<String> = (0..8).map(|_| client.line()).collect();
    for line in &lines {
        let controls = |c: char| c.is_control() || "\u{202e}\u{2028}\u{9b}".contains(c);
        assert!(
            !line.contains(controls) && !line.contains('\u{fffd}'),
            "{line:?}"
        );
        // A name as listed can be requested.
        let (_, name) = line.split_once("Z ").expect("a time");
        assert_eq!(client.ask(&format!("GET {name}")), "226 4");
        assert_eq!(client.text(4), "here");
    }
    assert!(lines.iter().any(|line| line.ends_with("\"Grüße 你好\"")));
    let wrong = client.ask("GET \"\x1b[2J\"");
    assert!(
        wrong.starts_with("501") && !wrong.contains('\x1b'),
        "{wrong:?}"
    );
}

#[test]
fn an_unfinished_upload_times_out() {
    let folder = temp_dir();
    let server = serve_files(folder.path(), "--writable --idle-timeout 300ms");
    let mut client = server.connect();
    client.line();
    client.send(put_line("a", &[0; 10]));
    client.send("012345678");
    server.log("end: idle");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_refused_upload_is_read_to_its_end() {
    if !installed(&["nc", "timeout"]) {
        return;
    }
    let shared = SharedFolder::start("");
    let seconds = DEADLINE.as_secs();
    let command = format!(
        "(printf 'PUT a 50000000 {}\\n'; head -c 50000000 /dev/zero; echo QUIT) | \
         timeout {seconds} nc -N localhost {}",
        "0".repeat(64),
        shared.server.port()
    );
    let answer =
        "220 files, read-only. HELP lists the commands.\n555 files cannot be put here\n221 Bye.\n";
    assert_eq!(stdout_of(&command, ""), answer);
}

#[test]
fn stopped_readers_of_a_large_listing_do_not_exhaust_the_memory() {
    if !installed(&["prlimit"]) {
        return;
    }
    let folder = temp_dir();
    for number in 0..20_000 {
        let path = folder.path().join(format!("{number:0>200}"));
        fs::write(path, "").expect("the disk has room");
    }
    fs::write(folder.path().join("file"), "hello").expect("the disk has room");
    let mut command = Command::new("prlimit");
    command.args(["--as=268435456", "--"]).arg(program());
    // The kernel buffers less of a Unix socket than of TCP.
    let socket = temp_dir();
    let socket = socket.path().join("socket");
    let address = format!("unix:{}", socket.display());
    command.args([
        "-v", "serve", "files", "--model", "events", "--listen", &address,
    ]);
    let mut server = Server::run(command.arg(folder.path()));
    let connect = || {
        let mut client = Client::connect_unix(&socket);
        client.line();
        client
    };
    // All their names together would take 800 MB.
    let stopped: Vec<Client> = (0..150)
        .map(|_| {
            let mut client = connect();
            client.send("LIST\n");
            let answer = client.line();
            assert!(answer.starts_with("21"), "{answer}");
            client
        })
        .collect();
    let mut other = connect();
    assert_eq!(other.ask("GET file"), "226 5");
    assert_eq!(other.text(5), "hello");
    let listed = stdout_of(&format!("$PROGRAM ls {address}"), "");
    let names = listed.lines().map(|line| line.rsplit(' ').next());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 20_001);
    assert!(names.is_sorted());
    drop(stopped);
    server.signal(Signal::SIGTERM);
    assert!(server.wait().success());
}
