//! A folder that is shown, through the whole program.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread;

use nix::sys::signal::Signal;
use switchboard_files::{Content, Digest, Response};
use tempfile::TempDir;

use crate::drafts::until_drafts;
use crate::harness::{Caller, MODELS, Server, have, heard, peak_memory_kib, program, shell, until};

/// A folder, and the server that shows it.
pub(crate) struct Shown {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl Shown {
    /// With these words, at a port that the system chooses.
    pub(crate) fn start(words: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let server = serve(&folder, words);
        Self { folder, server }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).expect("there is room");
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(name)).ok()
    }

    /// How many files and folders there are, hidden ones too.
    pub(crate) fn count(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        entries.count()
    }

    /// Waits until so many files are on their way.
    pub(crate) fn until_drafts(&self, count: usize) {
        until_drafts(&self.server, self.folder.path(), |lengths| {
            lengths.len() == count
        });
    }

    /// Somebody who was greeted.
    pub(crate) fn connect(&self) -> Caller {
        let mut caller = self.server.connect();
        let greeting = caller.line();
        assert!(greeting.starts_with("220 files"), "{greeting}");
        caller
    }
}

pub(crate) fn serve(folder: &TempDir, words: &str) -> Server {
    let root = folder.path().display();
    Server::start(&format!("files --root {root} {words}"))
}

/// The line that is in front of this content.
pub(crate) fn put(name: &str, content: &[u8]) -> String {
    format!("PUT {name} {} {}\n", content.len(), Digest::of(content))
}

/// What is answered when it was put.
pub(crate) fn kept(content: &[u8]) -> String {
    let length = content.len() as u64;
    let sha256 = Digest::of(content);
    Response::Stored(Content { length, sha256 }).to_string()
}

/// So many bytes, which are no lines.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n * n / 7).to_le_bytes()[0]).collect()
}

#[test]
fn everybody_s_programs_get_and_put() {
    for model in MODELS {
        let shown = Shown::start(&format!("--writable --model {model}"));
        let content = bytes(300_000);
        shown.write("here", &content);
        let port = shown.server.port();
        let folder = shown.folder.path().display();
        let nc = format!(
            "(printf 'PUT there %d %s\\n' $(stat -c %s {folder}/here) \
             $(sha256sum < {folder}/here | cut -c 1-64); cat {folder}/here) | nc -N localhost {port}"
        );
        let python = format!(
            "python3 -c '\nimport hashlib, socket\n\
             s = socket.create_connection((\"localhost\", {port}), 30).makefile(\"rwb\")\n\
             s.write(b\"GET there\\r\\nHASH there\\r\\nQUIT\\r\\n\"); s.flush(); s.readline()\n\
             content = s.read(int(s.readline()[4:]))\n\
             assert s.readline().split()[2].decode() == hashlib.sha256(content).hexdigest()\n\
             print(s.read().decode().strip(), len(content))'"
        );
        if have(&["nc", "sha256sum", "python3"]) {
            let greeting = "220 files. HELP lists the commands.";
            let answer = format!("{greeting}\n{}\n", kept(&content));
            assert_eq!(heard(&nc, ""), answer, "{model}");
            assert_eq!(shown.read("there"), Some(content));
            assert_eq!(heard(&python, ""), "221 Bye. 300000\n", "{model}");
        }
    }
}

#[test]
fn what_is_asked_for_at_once_is_answered_in_order() {
    for model in MODELS {
        let shown = Shown::start(&format!("--writable --model {model}"));
        let content = bytes(1_000_000);
        let mut caller = shown.connect();
        let mut says = caller.stream.try_clone().expect("a socket can be cloned");
        let line = put("a", &content);
        let asked = b"GET a\nGET a 999999\nHASH a\n".repeat(10);
        let said = [line.as_bytes(), &content, &asked, b"QUIT\n"].concat();
        let saying = thread::spawn(move || says.write_all(&said));
        assert_eq!(caller.line(), kept(&content));
        for _ in 0..10 {
            assert_eq!(caller.line(), "226 1000000", "{model}");
            assert!(caller.next_bytes(content.len()) == content);
            assert_eq!(caller.line(), "226 1");
            assert!(caller.next_bytes(1) == content[999_999..]);
            let hash = kept(&content).replace("230", "214");
            assert_eq!(caller.line(), hash);
        }
        assert_eq!(caller.line(), "221 Bye.");
        assert_eq!(caller.rest(), b"");
        saying.join().expect("no panic").expect("the server reads");
    }
}

#[test]
fn much_needs_no_memory() {
    let shown = Shown::start("--writable");
    let content = bytes(50_000_000);
    let mut caller = shown.connect();
    caller.say(put("a", &content));
    caller.say(&content);
    assert_eq!(caller.line(), kept(&content));
    caller.say("GET a\n");
    assert_eq!(caller.line(), "226 50000000");
    assert!(caller.next_bytes(content.len()) == content);
    let children = shown.server.children();
    let [(child, _)] = children[..] else {
        panic!("one conversation: {children:?}");
    };
    let peak = peak_memory_kib(child).expect("it runs");
    assert!(peak < 24 * 1024, "{peak} KiB");
}

#[test]
fn a_file_that_becomes_shorter_is_broken_off() {
    for model in MODELS {
        let shown = Shown::start(&format!("--model {model}"));
        shown.write("a", vec![b'x'; 20_000_000]);
        let mut caller = shown.connect();
        caller.say("GET a\nGET a\n");
        assert_eq!(caller.line(), "226 20000000");
        caller.next_bytes(1000);
        shown.write("a", "");
        let end = until("the end", || {
            let mut piece = vec![0; 1 << 16];
            match std::io::Read::read(&mut caller.stream, &mut piece) {
                Ok(0) => Some(None),
                Ok(_) => None,
                Err(error) => Some(Some(error.kind())),
            }
        });
        assert_eq!(end, Some(std::io::ErrorKind::ConnectionReset), "{model}");
        shown.server.log("the file became shorter");
    }
}

#[test]
fn a_stop_lets_a_file_be_completed() {
    for model in MODELS {
        let mut shown = Shown::start(&format!("--writable --model {model}"));
        let content = bytes(100_000);
        let mut caller = shown.connect();
        caller.say(put("b", b""));
        assert_eq!(caller.line(), kept(b""));
        caller.say(put("a", &content));
        caller.say(&content[..50_000]);
        shown.until_drafts(1);
        shown.server.signal(Signal::SIGTERM);
        shown.server.log("stop");
        caller.say(&content[50_000..]);
        assert_eq!(caller.line(), kept(&content), "{model}");
        assert!(caller.line().starts_with("421 "), "{model}");
        assert_eq!(caller.rest(), b"");
        assert!(shown.server.wait().success());
        assert_eq!(shown.read("a"), Some(content));
    }
}

#[test]
fn what_cannot_be_served_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let serve = |words: &str| {
        let output = Command::new(program())
            .args(["serve", "files", "--listen", "0"])
            .args(words.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), words)
    };
    let (code, words) = serve("--root none");
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("none: No such file"), "{words}");
    for wrong in [
        "--overwrite",
        "--writable --quota much",
        "--writable --max-file 1X",
    ] {
        let (code, words) = serve(wrong);
        assert_eq!(code, Some(2), "{words}");
    }
}

#[test]
fn one_conversation_on_standard_input() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("a"), "hello\n").expect("there is room");
    let command = format!(
        "\"$PROGRAM\" serve files --root {} --listen stdio:",
        folder.path().display()
    );
    let output = shell(&command, b"GET a\nQUIT\n");
    let heard = String::from_utf8_lossy(&output.stdout).into_owned();
    let greeting = "220 files, read-only. HELP lists the commands.\n";
    assert_eq!(
        heard,
        format!("{greeting}226 6\nhello\n221 Bye.\n"),
        "{output:?}"
    );
}
