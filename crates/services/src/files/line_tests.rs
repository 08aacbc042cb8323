//! Sessions with the line protocol, without a socket.

use std::fs;
use std::os::unix::fs::symlink;

use switchboard_core::testing::{Chunks, Connection, drive_stream};
use switchboard_core::{CloseReason, Limits, Peer};
use switchboard_files::Digest;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::testing::{outbox_limit, parse_options};

/// A temporary folder, and the service that shares it.
struct Shared {
    folder: TempDir,
    files: Files,
}

impl Shared {
    fn new(options: &str) -> Self {
        let folder = tempdir().expect("a temporary folder");
        let files = open(&folder, options);
        Self { folder, files }
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).expect("there is room");
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(name)).ok()
    }

    /// The names of all files.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.flatten().map(name).collect();
        names.sort();
        names
    }

    /// The answers to `input`, without the greeting.
    fn answers(&self, input: impl AsRef<[u8]>) -> String {
        let chunks = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let (sent, _) = drive_stream(&self.files, input.as_ref(), chunks, &Limits::default());
        let sent = String::from_utf8_lossy(&sent).into_owned();
        let (_, answers) = sent.split_once('\n').expect("a greeting");
        answers.to_owned()
    }

    /// Checks that `input` is answered by this line, and that another request may follow.
    #[track_caller]
    fn check(&self, input: impl AsRef<[u8]>, answer: &str) {
        let input = [input.as_ref(), b"QUIT\n"].concat();
        assert_eq!(self.answers(input), format!("{answer}\n221 Bye.\n"));
    }
}

fn open(folder: &TempDir, options: &str) -> Files {
    let mut options: Options = parse_options(options);
    options.folder = folder.path().to_owned();
    Files::from_options(options).expect("it exists")
}

fn put(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("PUT {name} {} {}\n", content.len(), Digest::of(content));
    [head.as_bytes(), content].concat()
}

fn stored(content: &[u8]) -> String {
    format!("230 {} {}", content.len(), Digest::of(content))
}

/// Checks that a new service with these options answers `input` with `answer`, in every chunking.
#[track_caller]
fn every_chunking(options: &str, prepare: impl Fn(&Shared), input: &[u8], answer: &str) {
    for outbox_bytes in [1, 7, 64 * 1024] {
        let limits = outbox_limit(outbox_bytes);
        for size in (1..24).chain([input.len()]) {
            for taken in [1, 3, usize::MAX] {
                let shared = Shared::new(options);
                prepare(&shared);
                let chunks = Chunks {
                    input: size,
                    output: taken,
                };
                let (sent, _) = drive_stream(&shared.files, input, chunks, &limits);
                assert_eq!(
                    String::from_utf8_lossy(&sent),
                    answer,
                    "{chunks:?}, outbox of {outbox_bytes}"
                );
            }
        }
    }
}

#[test]
fn a_name_that_ends_with_a_slash_is_no_file() {
    let shared = Shared::new("--writable --overwrite");
    shared.write("hello.txt", b"hello");
    fs::create_dir(shared.folder.path().join("folder")).expect("there is room");
    for request in ["GET", "HASH", "STAT", "LIST"] {
        for name in ["hello.txt/", "/hello.txt/.", "hello.txt//"] {
            let answers = shared.answers(format!("{request} {name}\n").as_bytes());
            assert!(answers.contains("550 "), "{request} {name}: {answers}");
        }
    }
    let answers = shared.answers(b"LIST folder/\nSTAT folder/\n");
    assert!(!answers.contains("550 "), "{answers}");
    let answers = shared.answers(put("hello.txt/", b"new"));
    assert!(answers.contains("553 "), "{answers}");
    assert_eq!(shared.read("hello.txt").expect("it is there"), b"hello");
}

#[test]
fn reading_works_in_every_chunking() {
    let prepare = |shared: &Shared| {
        for (name, content) in [
            ("a b", &b"one\r\ntwo"[..]),
            ("empty", b""),
            ("\u{1b}[2J", b"x"),
        ] {
            shared.write(name, content);
            let file = fs::File::open(shared.folder.path().join(name)).expect("a file");
            file.set_modified(std::time::UNIX_EPOCH).expect("its own");
        }
        shared.write(".hidden", b"");
        symlink("/etc/passwd", shared.folder.path().join("link")).expect("room");
    };
    let input = b"list\nSTAT \"/a b\"\nGET \"a b\"\nGET \"a b\" 5\nGET \"a b\" 8\nGET \"a b\" 9\n\
        HASH empty\nHASH \"a b\" 3\nATTR \"a b\"\nATTR /\nGET empty\nGET link\nHASH .hidden\nLIST empty\nGET ..\n\n\
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
         557 the file has only 8 bytes, 1 fewer than expected\n\
         214 0 {}\n\
         214 3 {}\n\
         215 1970-01-01T00:00:00Z\n\
         550 not a regular file\n\
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
    // The content of the first PUT, "QUIT?", is discarded. The second has no size, and closes.
    every_chunking("", prepare, input, &answer);
}

#[test]
fn uploads_work_in_every_chunking() {
    let input = [
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
        stored(b"one\r\ntwo\n"),
        stored(b""),
    );
    every_chunking("--writable", |_| (), &input.concat(), &answer);
}

#[test]
fn the_content_of_a_refused_upload_is_discarded() {
    let shared = Shared::new("");
    shared.check(put("a", b"QUIT\n"), "555 files cannot be put here");
    let shared = Shared::new("--writable --max-file 4 --quota 6");
    shared.check(
        put("a", b"12345"),
        "552 the file is too large: the maximum is 4 bytes",
    );
    shared.check(put("a", b"1234"), &stored(b"1234"));
    let no_room = "452 quota exceeded: all files together may have 6 bytes";
    shared.check(put("b", b"123"), no_room);
    shared.check(put("b", b"12"), &stored(b"12"));
    shared.check(
        put("b", b"12"),
        "554 a file or folder of this name exists already",
    );
    shared.check(
        put(".c", b""),
        "553 names that begin with a dot are not allowed here",
    );
    shared.check(put("c", b""), &stored(b""));
    assert_eq!(shared.names(), ["a", "b", "c"]);
    let over = open(&shared.folder, "--writable --overwrite --hidden");
    let shared = Shared {
        files: over,
        ..shared
    };
    shared.check(put("a", b"other"), &stored(b"other"));
    shared.check(put(".c", b""), &stored(b""));
    assert_eq!(shared.read("a").as_deref(), Some(&b"other"[..]));
    let wrong = String::from_utf8(put("d", b"12")).expect("text");
    let wrong = wrong.replace("\n12", "\n21");
    shared.check(
        wrong,
        "556 the content does not match its length and digest",
    );
    assert_eq!(shared.names(), [".c", "a", "b", "c"]);
}

#[test]
fn an_incomplete_upload_is_not_stored() {
    let shared = Shared::new("--writable");
    let all = put("a", b"hello");
    let answer = shared.answers(&all[..all.len() - 1]);
    assert!(answer.starts_with("556 that was not all"), "{answer}");
    assert_eq!(shared.names(), [""; 0]);
    let mut connection = Connection::open(&shared.files, &Peer::stdio(), &Limits::default());
    connection.receive(&all[..all.len() - 1]);
    drop(connection);
    assert_eq!(shared.names(), [""; 0]);
}

#[test]
fn a_slow_upload_ends_and_frees_its_space() {
    let shared = Shared::new("--writable --min-upload-rate 100");
    shared.write("refused", b"");
    for (name, answer) in [("a", None), ("refused", Some("554"))] {
        let mut connection = Connection::open(&shared.files, &Peer::stdio(), &Limits::default());
        let all = put(name, &[b'x'; 20_000]);
        let line = all.len() - 20_000;
        connection.receive(&all[..line]);
        let minute = Some(Duration::from_secs(60));
        assert_eq!(connection.take_timer(), minute);
        for minutes in 0..2 {
            let sent = line + minutes * 6000;
            connection.receive(&all[sent..sent + 6000]);
            connection.timer_expired();
            assert_eq!(connection.take_timer(), minute);
        }
        connection.receive(&all[line + 12_000..line + 17_999]);
        connection.timer_expired();
        let output = String::from_utf8_lossy(connection.output()).into_owned();
        let lines: Vec<&str> = output.lines().skip(1).collect();
        let slow = "408 the upload is slower than 100 bytes per second";
        assert_eq!(lines[lines.len() - 1], slow);
        assert_eq!(lines.len(), 1 + usize::from(answer.is_some()));
        assert!(answer.is_none_or(|answer| lines[0].starts_with(answer)));
        assert!(matches!(
            connection.close_reason(),
            Some(CloseReason::Closed)
        ));
    }
    assert_eq!(shared.names(), ["refused"]);
    let fast = Shared::new("--writable --min-upload-rate none");
    let mut connection = Connection::open(&fast.files, &Peer::stdio(), &Limits::default());
    connection.receive(&put("a", b"12")[..68]);
    connection.timer_expired();
    assert!(connection.close_reason().is_none());
}

#[test]
fn a_large_file_is_hashed_in_steps() {
    let shared = Shared::new("");
    let content = vec![b'x'; 9 << 20];
    shared.write("a", &content);
    let digest = Digest::of(&content);
    shared.check("HASH a\n", &format!("214 {} {digest}", content.len()));
    let mut connection = Connection::open(&shared.files, &Peer::stdio(), &Limits::default());
    connection.receive(b"HASH a\n");
    assert!(!connection.wants_input() && connection.close_reason().is_none());
}

#[test]
fn a_large_folder_is_listed_in_pages() {
    let shared = Shared::new("");
    for number in 0..2100 {
        shared.write(&format!("{number:0>50}"), b"");
    }
    for outbox_bytes in [1, 10_000, 10_000_000] {
        let chunks = Chunks {
            input: usize::MAX,
            output: 100_000,
        };
        let limits = outbox_limit(outbox_bytes);
        let (sent, _) = drive_stream(&shared.files, b"LIST\nSTAT /\n", chunks, &limits);
        let sent = String::from_utf8(sent).expect("text");
        let lines: Vec<_> = sent.lines().skip(1).collect();
        assert_eq!(lines.len(), 3 + 2100 + 1);
        assert_eq!((lines[0], lines[1001]), ("211 1000", "211 1000"));
        assert_eq!(lines[2002], "210 100");
        assert!(lines[1..1001].is_sorted());
        assert!(lines[2103].starts_with("213 folder"));
    }
}

#[test]
fn a_stopped_reader_of_a_listing_takes_one_page_of_memory() {
    let shared = Shared::new("");
    for number in 0..3000 {
        shared.write(&format!("{number:0>50}"), b"");
    }
    let mut connection = Connection::open(&shared.files, &Peer::stdio(), &Limits::default());
    connection.receive(b"LIST\n");
    let mut turns = 0;
    while connection.take_timer().is_some() {
        turns += 1;
        connection.timer_expired();
        assert!(turns < 100, "it goes on without a reader");
    }
    assert!(2 < turns, "the folder was read in one turn");
    let output = String::from_utf8_lossy(connection.output()).into_owned();
    assert_eq!(output.matches("\n211 1000").count(), 1, "one page was read");
}

#[test]
fn an_upload_in_progress_completes_when_the_server_stops() {
    let shared = Shared::new("--writable");
    shared.write("b", b"b");
    let stop = |input: &[u8], limits: &Limits| {
        let mut connection = Connection::open(&shared.files, &Peer::stdio(), limits);
        connection.receive(input);
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
    assert_eq!(last(&mut connection), [stored(b"hello").as_str(), stopping]);
    assert_eq!(shared.read("a").as_deref(), Some(&b"hello"[..]));
    let small = outbox_limit(50); // the greeting, but not all of a list
    let answers = last(&mut stop(b"LIST\n", &small));
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(answers[0], "210 2");
    assert_eq!(answers[3], stopping);
    let refused = put("a", b"other");
    let answers = last(&mut stop(&refused[..refused.len() - 1], &limits));
    assert_eq!(
        answers,
        ["554 a file or folder of this name exists already", stopping]
    );
}

#[test]
fn only_a_folder_is_accepted() {
    let folder = tempdir().expect("a temporary folder");
    Files::new(&folder.path().join("none"))
        .map(drop)
        .expect_err("nothing");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("room");
    Files::new(&file).map(drop).expect_err("a file");
    Files::new(folder.path()).expect("a folder");
}
