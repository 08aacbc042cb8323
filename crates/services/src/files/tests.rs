//! Conversations over a folder of their own, without a socket.

use std::fs;
use std::os::unix::fs::symlink;

use switchboard_core::testing::{Chunks, Connection, drive_stream};
use switchboard_core::{Limits, Peer};
use switchboard_files::Digest;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::talk::from_words;

/// A folder of its own, and the service that shows it.
struct Place {
    folder: TempDir,
    files: Files,
}

impl Place {
    fn new(words: &str) -> Self {
        let folder = tempdir().expect("a temporary folder");
        let files = open(&folder, words);
        Self { folder, files }
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).expect("there is room");
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(name)).ok()
    }

    /// Everything there is, by name.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.flatten().map(name).collect();
        names.sort();
        names
    }

    /// What is answered behind the greeting.
    fn ask(&self, said: impl AsRef<[u8]>) -> String {
        let pieces = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let (heard, _) = drive_stream(&self.files, said.as_ref(), pieces, &Limits::default());
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let (_, answers) = heard.split_once('\n').expect("a greeting");
        answers.to_owned()
    }

    /// `said` has this one line for an answer, and then the conversation is as it was.
    #[track_caller]
    fn check(&self, said: impl AsRef<[u8]>, answer: &str) {
        let said = [said.as_ref(), b"QUIT\n"].concat();
        assert_eq!(self.ask(said), format!("{answer}\n221 Bye.\n"));
    }
}

fn open(folder: &TempDir, words: &str) -> Files {
    let mut options: Options = from_words(words);
    options.root = folder.path().to_owned();
    Files::from_options(options).expect("it is there")
}

fn put(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("PUT {name} {} {}\n", content.len(), Digest::of(content));
    [head.as_bytes(), content].concat()
}

fn kept(content: &[u8]) -> String {
    format!("230 {} {}", content.len(), Digest::of(content))
}

/// With these words the service is made anew and `prepare`d, and answers `said` with `answer` in
/// whatever pieces.
#[track_caller]
fn every_chunking(words: &str, prepare: impl Fn(&Place), said: &[u8], answer: &str) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        let mut limits = Limits::default();
        limits.outbox_bytes = outbox_bytes;
        for size in (1..24).chain([said.len()]) {
            for taken in [1, 3, usize::MAX] {
                let place = Place::new(words);
                prepare(&place);
                let pieces = Chunks {
                    input: size,
                    output: taken,
                };
                let (heard, _) = drive_stream(&place.files, said, pieces, &limits);
                assert_eq!(
                    String::from_utf8_lossy(&heard),
                    answer,
                    "{pieces:?}, outbox of {outbox_bytes}"
                );
            }
        }
    }
}

#[test]
fn a_folder_is_read_in_whatever_pieces() {
    let prepare = |place: &Place| {
        for (name, content) in [
            ("a b", &b"one\r\ntwo"[..]),
            ("empty", b""),
            ("\u{1b}[2J", b"x"),
        ] {
            place.write(name, content);
            let file = fs::File::open(place.folder.path().join(name)).expect("a file");
            file.set_modified(std::time::UNIX_EPOCH).expect("its own");
        }
        place.write(".hidden", b"");
        symlink("/etc/passwd", place.folder.path().join("link")).expect("room");
    };
    let said = b"list\nSTAT \"/a b\"\nGET \"a b\"\nGET \"a b\" 5\nGET \"a b\" 8\nGET \"a b\" 9\n\
        HASH empty\nHASH \"a b\" 3\nGET empty\nGET link\nHASH .hidden\nLIST empty\nGET ..\n\n\
        DELE a\nPUT a 5 x\nQUIT?PUT x\nQUIT\nHELP\n";
    let answer = format!(
        "220 files, read-only. HELP lists the commands.\n\
         210 3\n\
         file 1 1970-01-01T00:00:00Z \"\\x1b[2J\"\n\
         file 8 1970-01-01T00:00:00Z \"a b\"\n\
         file 0 1970-01-01T00:00:00Z empty\n\
         213 file 8 1970-01-01T00:00:00Z \"a b\"\n\
         226 8\none\r\ntwo\
         226 3\ntwo\
         226 0\n\
         557 the file has only 8 bytes\n\
         214 0 {}\n\
         214 3 {}\n\
         226 0\n\
         550 no such file or folder\n\
         550 no such file or folder\n\
         550 not a folder\n\
         553 a name must not lead up (..)\n\
         500 unknown command; HELP lists the commands\n\
         500 unknown command; HELP lists the commands\n\
         501 PUT NAME SIZE SHA256: a SHA-256 has 64 hexadecimal digits\n\
         501 PUT NAME SIZE SHA256: an argument is missing\n",
        Digest::of(b""),
        Digest::of(b"one"),
    );
    // Five bytes of the PUT are forgotten: "QUIT?". The other has no size, and ends it.
    every_chunking("", prepare, said, &answer);
}

#[test]
fn a_file_is_put_in_whatever_pieces() {
    let said = [
        &put("a", b"one\r\ntwo\n")[..],
        &put("\"x y/b\"", b""),
        &put("a", b"other"),
        b"GET a\n",
        &put("..", b"QUIT\n"),
        b"quit\r\n",
    ];
    let answer = format!(
        "220 files. HELP lists the commands.\n{}\n{}\n\
         554 a file or folder of this name exists already\n\
         226 9\none\r\ntwo\n\
         553 a name must not lead up (..)\n\
         221 Bye.\r\n",
        kept(b"one\r\ntwo\n"),
        kept(b""),
    );
    every_chunking("--writable", |_| (), &said.concat(), &answer);
}

#[test]
fn what_is_not_taken_is_answered_and_forgotten() {
    let place = Place::new("");
    place.check(put("a", b"QUIT\n"), "555 files cannot be put here");
    let place = Place::new("--writable --max-file 4 --quota 6");
    place.check(
        put("a", b"12345"),
        "552 the file is too large: at most 4 bytes are allowed",
    );
    place.check(put("a", b"1234"), &kept(b"1234"));
    let no_room = "452 quota exceeded: all files together may have 6 bytes";
    place.check(put("b", b"123"), no_room);
    place.check(put("b", b"12"), &kept(b"12"));
    place.check(
        put("b", b"12"),
        "554 a file or folder of this name exists already",
    );
    place.check(
        put(".c", b""),
        "553 names that begin with a dot are not allowed here",
    );
    place.check(put("c", b""), &kept(b""));
    assert_eq!(place.names(), ["a", "b", "c"]);
    let over = open(&place.folder, "--writable --overwrite --hidden");
    let place = Place {
        files: over,
        ..place
    };
    place.check(put("a", b"other"), &kept(b"other"));
    place.check(put(".c", b""), &kept(b""));
    assert_eq!(place.read("a").as_deref(), Some(&b"other"[..]));
    let wrong = String::from_utf8(put("d", b"12")).expect("text");
    let wrong = wrong.replace("\n12", "\n21");
    place.check(
        wrong,
        "556 the content does not match its length and digest",
    );
    assert_eq!(place.names(), [".c", "a", "b", "c"]);
}

#[test]
fn what_is_not_all_is_not_kept() {
    let place = Place::new("--writable");
    let all = put("a", b"hello");
    let answer = place.ask(&all[..all.len() - 1]);
    assert!(answer.starts_with("556 that was not all"), "{answer}");
    assert_eq!(place.names(), [""; 0]);
    let mut connection = Connection::open(&place.files, &Peer::stdio(), &Limits::default());
    connection.receive(&all[..all.len() - 1]);
    drop(connection);
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_long_digest_is_made_in_pieces() {
    let place = Place::new("");
    let content = vec![b'x'; 9 << 20];
    place.write("a", &content);
    let digest = Digest::of(&content);
    place.check("HASH a\n", &format!("214 {} {digest}", content.len()));
    let mut connection = Connection::open(&place.files, &Peer::stdio(), &Limits::default());
    connection.receive(b"HASH a\n");
    assert!(!connection.wants_input() && connection.close_reason().is_none());
}

#[test]
fn a_stop_lets_a_file_be_completed() {
    let place = Place::new("--writable");
    place.write("b", b"b");
    let stop = |said: &[u8], limits: &Limits| {
        let mut connection = Connection::open(&place.files, &Peer::stdio(), limits);
        connection.receive(said);
        connection.shut_down();
        connection
    };
    let last = |connection: &mut Connection| {
        let mut all = Vec::new();
        while !connection.output().is_empty() {
            let output = connection.output().to_vec();
            connection.sent(output.len());
            all.extend(output);
        }
        assert!(connection.is_done());
        let all = String::from_utf8(all).expect("text");
        all.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let stopping = "421 The server is stopping.";
    let limits = Limits::default();
    assert_eq!(last(&mut stop(b"", &limits)), [stopping]);
    let all = put("a", b"hello");
    let mut connection = stop(&all[..all.len() - 1], &limits);
    assert!(connection.wants_input());
    connection.receive(b"oLIST\n");
    assert_eq!(last(&mut connection), [kept(b"hello").as_str(), stopping]);
    assert_eq!(place.read("a").as_deref(), Some(&b"hello"[..]));
    let mut small = limits;
    small.outbox_bytes = 50;
    let told = last(&mut stop(b"LIST\n", &small));
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], "210 2");
    assert_eq!(told[3], stopping);
    let refused = put("a", b"other");
    let told = last(&mut stop(&refused[..refused.len() - 1], &limits));
    assert_eq!(
        told,
        ["554 a file or folder of this name exists already", stopping]
    );
}

#[test]
fn what_is_no_folder_is_not_shown() {
    let folder = tempdir().expect("a temporary folder");
    Files::new(&folder.path().join("none"))
        .map(drop)
        .expect_err("nothing");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("room");
    Files::new(&file).map(drop).expect_err("a file");
    Files::new(folder.path()).expect("a folder");
}
