//! Sessions with TFTP, without a socket.

use std::fs;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use switchboard_core::testing::{Datagram, drive_datagrams};
use switchboard_core::{Limits, Service};
use switchboard_files::FileError;
use switchboard_files::tftp::{ErrorCode, Mode, Options, Packet, Request, RequestKind};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::testing::parse_options;

/// A temporary folder that is shared with these options.
struct Shared(TempDir, &'static str);

impl Shared {
    fn new(options: &'static str) -> Self {
        Self(tempdir().expect("a temporary folder"), options)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(name), content).expect("there is room");
        self
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.path().join(name)).ok()
    }

    fn names(&self) -> usize {
        fs::read_dir(self.0.path()).expect("it is there").count()
    }

    fn files(&self) -> Arc<dyn Service> {
        let folder = self.0.path().display();
        let options = parse_options(&format!("{folder} {}", self.1));
        let files = Files::from_options(options).expect("a folder");
        Arc::new(Files {
            clock: || Duration::ZERO, // only the timers advance the time
            ..files
        })
    }

    /// What the server sends to each of two peers for these datagrams: the milliseconds before each,
    /// its peer, and its content.
    fn exchange(&self, datagrams: &[(u64, u8, &[u8])]) -> [Vec<Vec<u8>>; 2] {
        let datagrams = datagrams.iter().map(|&(wait, peer, bytes)| Datagram {
            wait: Duration::from_millis(wait),
            peer,
            bytes,
        });
        let sent = drive_datagrams(self.files(), datagrams, &Limits::default());
        [1, 2].map(|peer| {
            let to = sent.iter().filter(|(to, _)| *to == peer);
            to.map(|(_, bytes)| bytes.clone()).collect()
        })
    }

    /// The same for one peer, with a millisecond before each datagram.
    fn replies(&self, datagrams: &[&[u8]]) -> Vec<Vec<u8>> {
        let datagrams: Vec<_> = datagrams.iter().map(|&bytes| (1, 1, bytes)).collect();
        let [sent, _] = self.exchange(&datagrams);
        sent
    }

    /// Checks that a datagram is answered by this error, or by nothing.
    #[track_caller]
    fn check_refused(&self, datagram: &[u8], code: Option<ErrorCode>) {
        let sent = self.replies(&[datagram]);
        let codes: Vec<_> = sent.iter().map(|packet| error(packet)).collect();
        let code: Vec<_> = code.into_iter().map(|code| code as u16).collect();
        assert_eq!(codes, code, "{}", datagram.escape_ascii());
    }
}

/// The code of an error.
#[track_caller]
fn error(packet: &[u8]) -> u16 {
    match Packet::parse(packet) {
        Ok(Packet::Error { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn request(kind: RequestKind, name: &str, mode: Mode, options: Options) -> Vec<u8> {
    let name = name.as_bytes();
    Packet::Request(Request {
        kind,
        name,
        mode,
        options,
    })
    .to_bytes()
}

fn get(name: &str) -> Vec<u8> {
    request(RequestKind::Read, name, Mode::Octet, Options::default())
}

fn put(name: &str) -> Vec<u8> {
    request(RequestKind::Write, name, Mode::Octet, Options::default())
}

fn ack(block: u16) -> Vec<u8> {
    Packet::Ack(block).to_bytes()
}

fn data(block: u16, bytes: &[u8]) -> Vec<u8> {
    Packet::Data { block, bytes }.to_bytes()
}

#[test]
fn a_file_is_sent_block_by_block() {
    let content = [b'x'; 700];
    let shared = Shared::new("").with("notes", content);
    let sent = shared.replies(&[&get("notes"), &ack(1), &ack(2)]);
    assert_eq!(sent, [data(1, &content[..512]), data(2, &content[512..])]);
    let empty = Shared::new("").with("notes", "");
    assert_eq!(empty.replies(&[&get("/notes"), &ack(1)]), [data(1, b"")]);
}

#[test]
fn options_are_negotiated() {
    let shared = Shared::new("").with("notes", [b'x'; 50]);
    let options = Options {
        blksize: Some(8),
        tsize: Some(0),
        windowsize: Some(4),
        ..Options::default()
    };
    let asked = request(RequestKind::Read, "notes", Mode::Octet, options);
    let sent = shared.replies(&[&asked, &ack(0), &ack(4), &ack(7)]);
    assert_eq!(
        sent[0],
        b"\0\x06blksize\x008\0tsize\x0050\0windowsize\x004\0"
    );
    let blocks: Vec<_> = (1..=7)
        .map(|block| data(block, &[b'x'; 8][..if block < 7 { 8 } else { 2 }]))
        .collect();
    assert_eq!(sent[1..], blocks);
    // The length as netascii is not known in advance.
    let text = request(
        RequestKind::Read,
        "notes",
        Mode::Netascii,
        Options {
            blksize: None,
            ..options
        },
    );
    let sent = shared.replies(&[&text]);
    assert_eq!(sent[0], b"\0\x06windowsize\x004\0");
    let empty = Shared::new("").with("notes", "");
    let tsize = Options {
        tsize: Some(0),
        ..Options::default()
    };
    let sent = empty.replies(&[&request(RequestKind::Read, "notes", Mode::Octet, tsize)]);
    assert_eq!(sent[0], data(1, b""), "its size is not sent");
}

#[test]
fn netascii_converts_line_ends() {
    let shared = Shared::new("--writable").with("notes", "one\ntwo\r");
    let asked = request(
        RequestKind::Read,
        "notes",
        Mode::Netascii,
        Options::default(),
    );
    assert_eq!(
        shared.replies(&[&asked, &ack(1)]),
        [data(1, b"one\r\ntwo\r\0")]
    );
    let asked = request(
        RequestKind::Write,
        "new",
        Mode::Netascii,
        Options::default(),
    );
    shared.replies(&[&asked, &data(1, b"one\r\ntwo\r\0")]);
    assert_eq!(shared.read("new").expect("it was put"), b"one\ntwo\r");
}

#[test]
fn only_a_complete_upload_is_stored() {
    let shared = Shared::new("--writable");
    let (first, second) = ([b'a'; 512], [b'b'; 100]);
    let datagrams = [put("folder/new"), data(1, &first), data(2, &second)];
    let datagrams = datagrams.each_ref().map(Vec::as_slice);
    assert_eq!(shared.replies(&datagrams), [ack(0), ack(1), ack(2)]);
    let whole = [&first[..], &second].concat();
    assert_eq!(shared.read("folder/new").expect("it was put"), whole);
    // Incomplete, or ended by an error.
    let shared = Shared::new("--writable");
    assert_eq!(
        shared.replies(&[&put("new"), &data(1, &first)]),
        [ack(0), ack(1)]
    );
    let no_more = Packet::error(ErrorCode::Undefined, "no more");
    assert_eq!(
        shared.replies(&[&put("new"), &data(1, &first), &no_more]),
        [ack(0), ack(1)]
    );
    // A client that gets the OACK twice may skip its first block.
    let sized = |tsize| {
        let options = Options {
            tsize: Some(tsize),
            ..Options::default()
        };
        request(RequestKind::Write, "new", Mode::Octet, options)
    };
    let sent = shared.replies(&[&sized(612), &data(1, &second)]);
    assert_eq!(error(&sent[1]), ErrorCode::Undefined as u16);
    assert_eq!(shared.names(), 0);
    let sent = shared.replies(&[&sized(100), &data(1, &second)]);
    assert_eq!(sent[1], ack(1));
    assert_eq!(shared.read("new").expect("it was put"), second);
}

#[test]
fn a_refused_upload_gets_an_error() {
    let shared = Shared::new("").with("notes", "old");
    shared.check_refused(&put("new"), Some(ErrorCode::Access));
    let shared = Shared::new("--writable --max-file 600").with("notes", "old");
    shared.check_refused(&put("notes"), Some(ErrorCode::Exists));
    let tsize = |tsize| Options {
        tsize: Some(tsize),
        ..Options::default()
    };
    shared.check_refused(
        &request(RequestKind::Write, "new", Mode::Octet, tsize(601)),
        Some(ErrorCode::Full),
    );
    assert_eq!(
        shared.replies(&[&request(RequestKind::Write, "new", Mode::Octet, tsize(600))])[0],
        b"\0\x06tsize\x00600\0"
    );
    let sent = shared.replies(&[&put("new"), &data(1, &[0; 512]), &data(2, &[0; 89])]);
    assert_eq!(error(&sent[2]), ErrorCode::Full as u16);
    let sent = shared.replies(&[&put("new"), &data(1, &[0; 513])]);
    assert_eq!(error(&sent[1]), ErrorCode::Illegal as u16);
    assert_eq!(shared.names(), 1);
    let shared = Shared::new("--writable --overwrite").with("notes", "old");
    shared.replies(&[&put("notes"), &data(1, b"new")]);
    assert_eq!(shared.read("notes").expect("it is there"), b"new");
}

#[test]
fn nothing_outside_the_folder_is_accessible() {
    let shared = Shared::new("--writable")
        .with("notes", "inside")
        .with(".hidden", "");
    for name in ["../notes", "a/../../etc/passwd", "..", "/../.."] {
        shared.check_refused(&get(name), Some(ErrorCode::Access));
        shared.check_refused(&put(name), Some(ErrorCode::Access));
    }
    for name in [
        "none",
        "/etc/passwd",
        ".hidden",
        "",
        "/",
        "notes/a",
        "notes/",
        "notes/.",
        "\\notes\\",
    ] {
        shared.check_refused(&get(name), Some(ErrorCode::NotFound));
    }
    shared.check_refused(&get("..\\notes"), Some(ErrorCode::Access));
    shared.check_refused(&get("\\a\\..\\..\\notes"), Some(ErrorCode::Access));
    shared.check_refused(&put("new/"), Some(ErrorCode::Access));
    shared.check_refused(&put(".new"), Some(ErrorCode::Access));
}

#[test]
fn other_packets_start_no_transfer() {
    let shared = Shared::new("").with("notes", "x");
    for datagram in [
        ack(1),
        data(1, b"x"),
        Packet::OptionAck(Options::default()).to_bytes(),
    ] {
        shared.check_refused(&datagram, Some(ErrorCode::UnknownTransfer));
    }
    for datagram in [
        &b"\0\x01notes\0mail\0"[..],
        b"\0\x01notes",
        b"\0\x09",
        b"hello",
    ] {
        shared.check_refused(datagram, Some(ErrorCode::Illegal));
    }
    for datagram in [&b""[..], b"\0", b"\0\x05\0\x01no\0"] {
        shared.check_refused(datagram, None);
    }
}

#[test]
fn a_peer_that_does_not_answer_is_sent_little() {
    let shared = Shared::new("--writable").with("notes", [b'x'; 5000]);
    let options = Options {
        blksize: Some(1428),
        windowsize: Some(64),
        ..Options::default()
    };
    let options = request(RequestKind::Read, "notes", Mode::Octet, options);
    for (datagram, count) in [(get("notes"), 1), (put("new"), 3), (options, 3)] {
        // The other peer only lets a minute pass.
        let [sent, _] = shared.exchange(&[(0, 1, &datagram), (60_000, 2, b"")]);
        assert_eq!(sent.len(), count, "{}", datagram.escape_ascii());
        assert!(sent.iter().all(|packet| packet == &sent[0]));
        let total: usize = sent.iter().map(Vec::len).sum();
        let limit = 3 * datagram.len() + 128;
        assert!(total <= if count == 1 { 516 } else { limit });
    }
    assert_eq!(shared.names(), 1);
}

#[test]
fn a_refusal_is_at_most_three_times_as_long() {
    let shared = Shared::new("--writable --max-file 10").with("notes", "");
    let long = "x".repeat(256);
    for datagram in [
        get("none"),
        get(""),
        get(".a"),
        put("notes"),
        put("."),
        get(".."),
        get(&long),
        ack(1),
        b"hello".to_vec(),
        b"\0\x09".to_vec(),
        b"\0\x01".to_vec(),
        b"\0\x01a\0mail\0".to_vec(),
    ] {
        let sent = shared.replies(&[&datagram]);
        let shown = datagram.escape_ascii();
        assert_eq!(sent.len(), 1, "{shown}");
        assert!(sent[0].len() <= 3 * datagram.len(), "{shown}");
        assert!(sent[0].ends_with(b"\0"), "{shown}");
        error(&sent[0]);
    }
}

#[test]
fn backslashes_are_taken_as_slashes_unless_a_file_has_them() {
    let shared = Shared::new("--writable").with("plain\\name", "plain");
    fs::create_dir_all(shared.0.path().join("boot/x64")).expect("there is room");
    let shared = shared.with("boot/x64/file", "boot");
    for (name, content) in [
        ("\\boot\\x64\\file", "boot"),
        ("boot\\x64/file", "boot"),
        ("plain\\name", "plain"),
        ("/plain\\name", "plain"),
    ] {
        let sent = shared.replies(&[&get(name), &ack(1)]);
        assert_eq!(sent, [data(1, content.as_bytes())], "{name}");
    }
    let sent = shared.replies(&[&put("\\boot\\new"), &data(1, b"x")]);
    assert_eq!(sent, [ack(0), ack(1)]);
    assert_eq!(shared.read("boot/new").expect("it was put"), b"x");
}

#[test]
fn a_repeated_request_starts_no_second_transfer() {
    let shared = Shared::new("").with("notes", [b'x'; 600]);
    // The repeated request is too early for a retransmission.
    let [sent, _] = shared.exchange(&[
        (0, 1, &get("notes")),
        (10, 1, &get("notes")),
        (10, 1, &ack(1)),
        (10, 1, &ack(2)),
    ]);
    assert_eq!(sent.len(), 2);
    let shared = Shared::new("--writable");
    let datagrams = [put("new"), put("new"), data(1, b"x")];
    let datagrams = datagrams.each_ref().map(Vec::as_slice);
    assert_eq!(shared.replies(&datagrams), [ack(0), ack(1)]);
    assert_eq!(shared.read("new").expect("it was put"), b"x");
}

#[test]
fn the_last_ack_is_repeated_and_another_request_may_follow() {
    let shared = Shared::new("--writable");
    let last = data(1, b"x");
    let datagrams = [
        put("one"),
        last.clone(),
        last.clone(),
        put("two"),
        last.clone(),
        get("one"),
        ack(1),
    ];
    let sent = shared.replies(&datagrams.each_ref().map(Vec::as_slice));
    assert_eq!(sent, [ack(0), ack(1), ack(1), ack(0), ack(1), last]);
    assert_eq!(shared.names(), 2);
}

#[test]
fn a_repeated_ack_sends_no_block_twice() {
    let shared = Shared::new("").with("notes", [b'x'; 1200]);
    let [one, two, three] = [ack(1), ack(2), ack(3)];
    let sent = shared.replies(&[&get("notes"), &one, &one, &two, &one, &two, &three]);
    assert_eq!(sent.len(), 3);
}

#[test]
fn each_peer_has_a_transfer_of_its_own() {
    let shared = Shared::new("")
        .with("a", [b'a'; 600])
        .with("b", [b'b'; 600]);
    let sent = shared.exchange(&[
        (0, 1, &get("a")),
        (0, 2, &get("b")),
        (0, 1, &ack(1)),
        (0, 2, &ack(1)),
    ]);
    for (sent, byte) in sent.iter().zip([b'a', b'b']) {
        assert_eq!(sent[..2], [data(1, &[byte; 512]), data(2, &[byte; 88])]);
    }
}

#[test]
fn a_file_that_shrinks_fails_to_be_read() {
    let shared = Shared::new("").with("notes", [b'x'; 2000]);
    let mut source =
        switchboard_files::Source::open(shared.0.path().join("notes")).expect("a file");
    fs::write(shared.0.path().join("notes"), "x").expect("there is room");
    let failed = source
        .read_to_end(&mut Vec::new())
        .expect_err("it is short");
    assert!(matches!(failed.into(), FileError::Short { length: 1, .. }));
}
