//! Transfers by TFTP, without a socket.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use switchboard_core::testing::{Datagram, drive_datagrams};
use switchboard_core::{Limits, Service};
use switchboard_files::tftp::Options;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::files::Files;
use crate::talk::from_words;

/// A folder that is served with these options.
struct Place(TempDir, &'static str);

impl Place {
    fn new(words: &'static str) -> Self {
        Self(tempdir().expect("a temporary folder"), words)
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
        let root = self.0.path().display();
        let options = from_words(&format!("{} --root {root}", self.1));
        let files = Files::from_options(options).expect("a folder");
        Arc::new(Files {
            clock: || Duration::ZERO, // time goes on because of those who wait
            ..files
        })
    }

    /// What the server says to each of two peers, when these say so after so many milliseconds.
    fn said(&self, said: &[(u64, u8, &[u8])]) -> [Vec<Vec<u8>>; 2] {
        let said = said.iter().map(|&(wait, peer, bytes)| Datagram {
            wait: Duration::from_millis(wait),
            peer,
            bytes,
        });
        let heard = drive_datagrams(self.files(), said, &Limits::default());
        [1, 2].map(|peer| {
            let to = heard.iter().filter(|(to, _)| *to == peer);
            to.map(|(_, bytes)| bytes.clone()).collect()
        })
    }

    /// The same for one peer, that says one thing after the other.
    fn asked(&self, said: &[&[u8]]) -> Vec<Vec<u8>> {
        let said: Vec<_> = said.iter().map(|&bytes| (1, 1, bytes)).collect();
        let [heard, _] = self.said(&said);
        heard
    }

    /// One datagram is answered by this error, or by nothing at all.
    #[track_caller]
    fn check_refused(&self, said: &[u8], code: Option<ErrorCode>) {
        let heard = self.asked(&[said]);
        let codes: Vec<_> = heard.iter().map(|packet| error(packet)).collect();
        let code: Vec<_> = code.into_iter().map(|code| code as u16).collect();
        assert_eq!(codes, code, "{}", said.escape_ascii());
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
    let place = Place::new("").with("notes", content);
    let heard = place.asked(&[&get("notes"), &ack(1), &ack(2)]);
    assert_eq!(heard, [data(1, &content[..512]), data(2, &content[512..])]);
    let empty = Place::new("").with("notes", "");
    assert_eq!(empty.asked(&[&get("/notes"), &ack(1)]), [data(1, b"")]);
}

#[test]
fn options_are_agreed_to() {
    let place = Place::new("").with("notes", [b'x'; 50]);
    let options = Options {
        blksize: Some(8),
        tsize: Some(0),
        windowsize: Some(4),
        ..Options::default()
    };
    let asked = request(RequestKind::Read, "notes", Mode::Octet, options);
    let heard = place.asked(&[&asked, &ack(0), &ack(4), &ack(7)]);
    assert_eq!(
        heard[0],
        b"\0\x06blksize\x008\0tsize\x0050\0windowsize\x004\0"
    );
    let blocks: Vec<_> = (1..=7)
        .map(|block| data(block, &[b'x'; 8][..if block < 7 { 8 } else { 2 }]))
        .collect();
    assert_eq!(heard[1..], blocks);
    // How long a text becomes is not known before.
    let text = request(
        RequestKind::Read,
        "notes",
        Mode::Netascii,
        Options {
            blksize: None,
            ..options
        },
    );
    let heard = place.asked(&[&text]);
    assert_eq!(heard[0], b"\0\x06windowsize\x004\0");
    let empty = Place::new("").with("notes", "");
    let tsize = Options {
        tsize: Some(0),
        ..Options::default()
    };
    let heard = empty.asked(&[&request(RequestKind::Read, "notes", Mode::Octet, tsize)]);
    assert_eq!(heard[0], data(1, b""), "its size is not told");
}

#[test]
fn text_has_the_lines_of_both_sides() {
    let place = Place::new("--writable").with("notes", "one\ntwo\r");
    let asked = request(
        RequestKind::Read,
        "notes",
        Mode::Netascii,
        Options::default(),
    );
    assert_eq!(
        place.asked(&[&asked, &ack(1)]),
        [data(1, b"one\r\ntwo\r\0")]
    );
    let asked = request(
        RequestKind::Write,
        "new",
        Mode::Netascii,
        Options::default(),
    );
    place.asked(&[&asked, &data(1, b"one\r\ntwo\r\0")]);
    assert_eq!(place.read("new").expect("it was put"), b"one\ntwo\r");
}

#[test]
fn a_file_is_taken_whole_or_not_at_all() {
    let place = Place::new("--writable");
    let (first, second) = ([b'a'; 512], [b'b'; 100]);
    let said = [put("folder/new"), data(1, &first), data(2, &second)];
    let said = said.each_ref().map(Vec::as_slice);
    assert_eq!(place.asked(&said), [ack(0), ack(1), ack(2)]);
    let whole = [&first[..], &second].concat();
    assert_eq!(place.read("folder/new").expect("it was put"), whole);
    // Cut off, or given up.
    let place = Place::new("--writable");
    assert_eq!(
        place.asked(&[&put("new"), &data(1, &first)]),
        [ack(0), ack(1)]
    );
    let no_more = Packet::error(ErrorCode::Undefined, "no more");
    assert_eq!(
        place.asked(&[&put("new"), &data(1, &first), &no_more]),
        [ack(0), ack(1)]
    );
    // A client that is answered its options for the second time may leave out its first block.
    let sized = |tsize| {
        let options = Options {
            tsize: Some(tsize),
            ..Options::default()
        };
        request(RequestKind::Write, "new", Mode::Octet, options)
    };
    let heard = place.asked(&[&sized(612), &data(1, &second)]);
    assert_eq!(error(&heard[1]), ErrorCode::Undefined as u16);
    assert_eq!(place.names(), 0);
    let heard = place.asked(&[&sized(100), &data(1, &second)]);
    assert_eq!(heard[1], ack(1));
    assert_eq!(place.read("new").expect("it was put"), second);
}

#[test]
fn who_may_not_put_is_told_so() {
    let place = Place::new("").with("notes", "old");
    place.check_refused(&put("new"), Some(ErrorCode::Access));
    let place = Place::new("--writable --max-file 600").with("notes", "old");
    place.check_refused(&put("notes"), Some(ErrorCode::Exists));
    let tsize = |tsize| Options {
        tsize: Some(tsize),
        ..Options::default()
    };
    place.check_refused(
        &request(RequestKind::Write, "new", Mode::Octet, tsize(601)),
        Some(ErrorCode::Full),
    );
    assert_eq!(
        place.asked(&[&request(RequestKind::Write, "new", Mode::Octet, tsize(600))])[0],
        b"\0\x06tsize\x00600\0"
    );
    let heard = place.asked(&[&put("new"), &data(1, &[0; 512]), &data(2, &[0; 89])]);
    assert_eq!(error(&heard[2]), ErrorCode::Full as u16);
    let heard = place.asked(&[&put("new"), &data(1, &[0; 513])]);
    assert_eq!(error(&heard[1]), ErrorCode::Illegal as u16);
    assert_eq!(place.names(), 1);
    let place = Place::new("--writable --overwrite").with("notes", "old");
    place.asked(&[&put("notes"), &data(1, b"new")]);
    assert_eq!(place.read("notes").expect("it is there"), b"new");
}

#[test]
fn nothing_outside_is_there() {
    let place = Place::new("--writable")
        .with("notes", "inside")
        .with(".hidden", "");
    for name in ["../notes", "a/../../etc/passwd", "..", "/../.."] {
        place.check_refused(&get(name), Some(ErrorCode::Access));
        place.check_refused(&put(name), Some(ErrorCode::Access));
    }
    for name in [
        "none",
        "/etc/passwd",
        ".hidden",
        "",
        "/",
        "notes/a",
        "..\\notes",
    ] {
        place.check_refused(&get(name), Some(ErrorCode::NotFound));
    }
    place.check_refused(&put(".new"), Some(ErrorCode::Access));
}

#[test]
fn what_is_no_request_begins_nothing() {
    let place = Place::new("").with("notes", "x");
    for said in [
        ack(1),
        data(1, b"x"),
        Packet::OptionAck(Options::default()).to_bytes(),
    ] {
        place.check_refused(&said, Some(ErrorCode::UnknownTransfer));
    }
    for said in [
        &b"\0\x01notes\0mail\0"[..],
        b"\0\x01notes",
        b"\0\x09",
        b"hello",
    ] {
        place.check_refused(said, Some(ErrorCode::Illegal));
    }
    for said in [&b""[..], b"\0", b"\0\x05\0\x01no\0"] {
        place.check_refused(said, None);
    }
}

#[test]
fn nobody_who_does_not_answer_is_sent_much() {
    let place = Place::new("--writable").with("notes", [b'x'; 5000]);
    let options = Options {
        blksize: Some(1428),
        windowsize: Some(64),
        ..Options::default()
    };
    let options = request(RequestKind::Read, "notes", Mode::Octet, options);
    for said in [get("notes"), put("new"), options] {
        // Somebody else says something after a minute.
        let [heard, _] = place.said(&[(0, 1, &said), (60_000, 2, b"")]);
        assert_eq!(heard.len(), 6, "{}", said.escape_ascii());
        assert!(
            heard
                .iter()
                .all(|packet| packet == &heard[0] && packet.len() <= 516)
        );
    }
    assert_eq!(place.names(), 1);
}

#[test]
fn a_request_that_comes_twice_is_one() {
    let place = Place::new("").with("notes", [b'x'; 600]);
    // The second is too early for another answer, the third is not.
    let [heard, _] = place.said(&[
        (0, 1, &get("notes")),
        (10, 1, &get("notes")),
        (10, 1, &ack(1)),
        (10, 1, &ack(2)),
    ]);
    assert_eq!(heard.len(), 2);
    let place = Place::new("--writable");
    let said = [put("new"), put("new"), data(1, b"x")];
    let said = said.each_ref().map(Vec::as_slice);
    assert_eq!(place.asked(&said), [ack(0), ack(1)]);
    assert_eq!(place.read("new").expect("it was put"), b"x");
}

#[test]
fn the_last_answer_is_given_again_and_another_file_may_follow() {
    let place = Place::new("--writable");
    let last = data(1, b"x");
    let said = [
        put("one"),
        last.clone(),
        last.clone(),
        put("two"),
        last.clone(),
        get("one"),
        ack(1),
    ];
    let heard = place.asked(&said.each_ref().map(Vec::as_slice));
    assert_eq!(heard, [ack(0), ack(1), ack(1), ack(0), ack(1), last]);
    assert_eq!(place.names(), 2);
}

#[test]
fn an_answer_that_comes_twice_is_not_followed_twice() {
    let place = Place::new("").with("notes", [b'x'; 1200]);
    let [one, two, three] = [ack(1), ack(2), ack(3)];
    let heard = place.asked(&[&get("notes"), &one, &one, &two, &one, &two, &three]);
    assert_eq!(heard.len(), 3);
}

#[test]
fn each_peer_has_its_own() {
    let place = Place::new("").with("a", [b'a'; 600]).with("b", [b'b'; 600]);
    let heard = place.said(&[
        (0, 1, &get("a")),
        (0, 2, &get("b")),
        (0, 1, &ack(1)),
        (0, 2, &ack(1)),
    ]);
    for (heard, byte) in heard.iter().zip([b'a', b'b']) {
        assert_eq!(heard[..2], [data(1, &[byte; 512]), data(2, &[byte; 88])]);
    }
}

#[test]
fn a_file_that_becomes_shorter_is_not_whole() {
    let place = Place::new("").with("notes", [b'x'; 2000]);
    let mut source = switchboard_files::Source::open(place.0.path().join("notes")).expect("a file");
    fs::write(place.0.path().join("notes"), "x").expect("there is room");
    let failed = source
        .read_to_end(&mut Vec::new())
        .expect_err("it is short");
    assert!(matches!(failed.into(), FileError::Short { length: 1 }));
}
