//! Whole transfers without a socket, with a simulated server.

mod fake_server;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use switchboard_files::{Attributes, Content, Name, Quoted, Source, Status, Timestamp};
use tempfile::{TempDir, tempdir};

use crate::files::client::Client;
use crate::files::destination::{Destination, Target};
use crate::files::error::Error;
use crate::files::progress::Outcome;
use crate::files::remote_walk::RemoteWalk;
use fake_server::{Fault, Notes, name, server};

/// A local folder, and how files are transferred to and from it.
struct Local {
    directory: TempDir,
    destination: Destination,
    overwrite: bool,
    resume: bool,
    preserve: bool,
    notes: Notes,
}

impl Local {
    fn new() -> Self {
        let directory = tempdir().expect("a temporary folder");
        Self {
            destination: Destination::open(directory.path()).expect("it is there"),
            directory,
            overwrite: false,
            resume: false,
            preserve: true,
            notes: Notes::default(),
        }
    }

    fn get(&mut self, client: &mut Client, own: &str) -> Result<Outcome, Error> {
        let target = Target::File {
            destination: &self.destination,
            name: &name(own),
            overwrite: self.overwrite,
            resume: self.resume,
            preserve: self.preserve,
        };
        client.get(&name(own), target, &mut self.notes)
    }

    fn put(&mut self, client: &mut Client, own: &str, resume: bool) -> Result<Outcome, Error> {
        let path = self.directory.path().join(own);
        let source = Source::open(&path).expect("it is there");
        client.put(&path, source, &name(own), resume, &mut self.notes)
    }

    fn write(&self, own: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(own), bytes).expect("the disk has room");
    }

    /// Checks all files in the folder, sorted by name.
    #[track_caller]
    fn has(&self, files: &[(&str, &[u8])]) {
        let mut found = Vec::new();
        collect(self.directory.path(), self.directory.path(), &mut found);
        found.sort();
        let expected: Vec<_> = files
            .iter()
            .map(|(own, bytes)| ((*own).to_owned(), bytes.to_vec()))
            .collect();
        assert_eq!(found, expected);
    }
}

fn collect(top: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(top, &path, found);
        } else {
            let own = path.strip_prefix(top).expect("it is below").display();
            found.push((own.to_string(), fs::read(&path).expect("a file")));
        }
    }
}

#[track_caller]
fn rejected(result: Result<Outcome, Error>) -> Status {
    match result {
        Err(Error::Rejected(code, _)) => code,
        other => panic!("{other:?}"),
    }
}

const LONG: &[u8] = &[b'x'; 3000];

#[test]
fn files_arrive_in_pieces_of_any_size() {
    for piece in [1, 2, 3, 7, 100, 100_000] {
        let files: [(&str, &[u8]); 3] = [("a", b"hello\n"), ("d/b", LONG), ("e", b"")];
        let (mut client, server) = server(&files, Fault::None, piece);
        let mut local = Local::new();
        for (own, bytes) in files {
            let done = local.get(&mut client, own).expect("it is there");
            let expected = Outcome {
                bytes: bytes.len() as u64,
                sha256: Some(Content::of(bytes).sha256),
                resumed_from: None,
                already_there: false,
            };
            assert_eq!(done, expected);
            assert_eq!(
                rejected(local.get(&mut client, "nothing")),
                Status::NOT_FOUND
            );
        }
        local.has(&files);
        assert_eq!(server.borrow().connections, 1);
    }
}

#[test]
fn output_is_compared_too() {
    for fault in [Fault::None, Fault::Damages] {
        let (mut client, _) = server(&[("a", LONG)], fault.clone(), 1000);
        let mut out = Vec::new();
        let target = Target::Output(&mut out);
        let done = client.get(&name("a"), target, &mut Notes::default());
        match fault {
            Fault::None => assert_eq!(done.expect("it is the same").bytes, 3000),
            _ => assert!(matches!(done, Err(Error::Mismatch))),
        }
        assert_eq!(out.len(), 3000);
    }
}

#[test]
fn a_file_is_complete_or_absent() {
    for resume in [false, true] {
        let (mut client, _) = server(&[("a", LONG)], Fault::Damages, 1000);
        let mut local = Local::new();
        local.resume = resume;
        assert!(matches!(local.get(&mut client, "a"), Err(Error::Mismatch)));
        local.has(&[]);
    }
    let (mut client, server) = server(&[("a", LONG)], Fault::Breaks(1000), 300);
    let mut local = Local::new();
    assert!(matches!(local.get(&mut client, "a"), Err(Error::Lost(_))));
    local.has(&[]);
    server.borrow_mut().fault = Fault::None;
    local
        .get(&mut client, "a")
        .expect("over another connection");
    assert_eq!(server.borrow().connections, 2);
}

#[test]
fn attributes_are_restored_if_the_server_has_them() {
    let (mut client, server) = server(&[("a", b"hello")], Fault::None, 300);
    let mut local = Local::new();
    let attributes = Attributes {
        modified: Timestamp::from_seconds(1_000_000_000),
        is_executable: true,
    };
    for (known, preserve, expected) in [
        (Some(attributes), true, true),
        (Some(attributes), false, false),
        (None, true, false),
    ] {
        server.borrow_mut().attributes = known;
        local.preserve = preserve;
        local.get(&mut client, "a").expect("a file");
        let path = local.directory.path().join("a");
        let found = fs::metadata(&path).expect("a file");
        assert_eq!(found.mtime() == 1_000_000_000, expected);
        assert_eq!(found.mode() & 0o100 != 0, expected);
        fs::remove_file(path).expect("a file");
    }
    assert_eq!(server.borrow().connections, 1, "no response was left over");
}

#[test]
fn an_interrupted_transfer_is_resumed() {
    let (mut client, server) = server(&[("a", LONG)], Fault::Breaks(1000), 300);
    let mut local = Local::new();
    local.resume = true;
    assert!(matches!(local.get(&mut client, "a"), Err(Error::Lost(_))));
    local.has(&[("a.part", &LONG[..1000])]);
    assert!(
        local.notes.0[0].contains("kept 1000 bytes in"),
        "{:?}",
        local.notes.0
    );
    local.get(&mut client, "a").expect_err("it breaks again");
    local.has(&[("a.part", &LONG[..2000])]);
    server.borrow_mut().fault = Fault::None;
    let done = local.get(&mut client, "a").expect("the rest");
    assert_eq!((done.bytes, done.resumed_from), (3000, Some(2000)));
    local.has(&[("a", LONG)]);
    let requests = server.borrow().requests.clone();
    assert_eq!(
        requests[requests.len() - 4..],
        ["HASH a 2000", "GET a 2000", "HASH a 3000", "ATTR a"]
    );
}

#[test]
fn a_part_of_another_file_is_not_resumed() {
    for (part, why) in [
        (vec![b'y'; 1000], "differs from the file"),
        (vec![b'x'; 3001], "is longer than the file"),
    ] {
        let (mut client, _) = server(&[("a", LONG)], Fault::None, 300);
        let mut local = Local::new();
        local.write("a.part", &part);
        local.resume = true;
        let done = local.get(&mut client, "a").expect("from the beginning");
        assert_eq!(done.resumed_from, None);
        assert!(local.notes.0[0].contains(why), "{:?}", local.notes.0);
        local.has(&[("a", LONG)]);
    }
    // The part is complete.
    let (mut client, _) = server(&[("a", LONG)], Fault::None, 300);
    let mut local = Local::new();
    local.write("a.part", LONG);
    local.resume = true;
    let done = local.get(&mut client, "a").expect("nothing is missing");
    assert_eq!(done.resumed_from, Some(3000));
    local.has(&[("a", LONG)]);
}

#[test]
fn no_empty_part_is_kept() {
    let (mut client, _) = server(&[], Fault::None, 300);
    let mut local = Local::new();
    local.resume = true;
    assert_eq!(rejected(local.get(&mut client, "a")), Status::NOT_FOUND);
    local.has(&[]);
}

#[test]
fn an_existing_file_is_compared_or_replaced() {
    for resume in [false, true] {
        let (mut client, server) = server(&[("a", b"hello")], Fault::None, 300);
        let mut local = Local::new();
        local.resume = resume;
        local.write("a", b"hello");
        assert!(local.get(&mut client, "a").expect("the same").already_there);
        for other in [&b"hullo"[..], b"hell"] {
            local.write("a", other);
            assert!(matches!(local.get(&mut client, "a"), Err(Error::Exists(_))));
            local.has(&[("a", other)]);
        }
        // A file of another length is not compared.
        let requests = server.borrow().requests.clone();
        assert_eq!(
            requests,
            ["STAT a", "HASH a", "STAT a", "HASH a", "STAT a"],
            "a digest costs much"
        );
        assert!(
            !server
                .borrow()
                .requests
                .iter()
                .any(|line| line.starts_with("GET"))
        );
        local.overwrite = true;
        assert!(!local.get(&mut client, "a").expect("replaced").already_there);
        local.has(&[("a", b"hello")]);
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    for resume in [false, true] {
        let outside = tempdir().expect("a temporary folder");
        let secret = outside.path().join("secret");
        fs::write(&secret, "old").expect("the disk has room");
        let (mut client, _) = server(&[("a", b"new"), ("d/b", b"new")], Fault::None, 300);
        let mut local = Local::new();
        (local.resume, local.overwrite) = (resume, true);
        let link = |to: &Path, own: &str| {
            std::os::unix::fs::symlink(to, local.directory.path().join(own))
                .expect("the disk has room");
        };
        link(&secret, "a");
        link(&secret, "a.part");
        link(outside.path(), "d");
        local.get(&mut client, "a").expect_err("a link");
        local.get(&mut client, "d/b").expect_err("a link");
        assert_eq!(fs::read(&secret).expect("it is there"), b"old");
        assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn files_are_put_in_pieces_of_any_size() {
    for piece in [1, 2, 7, 100_000] {
        let (mut client, server) = server(&[], Fault::None, piece);
        let mut local = Local::new();
        for (own, bytes) in [("a", LONG), ("b", b"")] {
            local.write(own, bytes);
            let done = local.put(&mut client, own, false).expect("it is kept");
            assert_eq!(done.bytes, bytes.len() as u64);
            assert_eq!(server.borrow().files[&name(own)], bytes);
        }
        assert_eq!(server.borrow().connections, 1);
    }
}

#[test]
fn a_rejected_file_is_not_sent() {
    let (mut client, server) = server(&[("a", b"other")], Fault::None, 300);
    let mut local = Local::new();
    local.write("a", &[b'x'; 1_000_000]);
    local.write("b", b"hello");
    assert_eq!(rejected(local.put(&mut client, "a", false)), Status::EXISTS);
    local
        .put(&mut client, "b", false)
        .expect("over another connection");
    assert_eq!(server.borrow().content, 5);
    assert_eq!(server.borrow().connections, 2);
}

#[test]
fn an_equal_file_is_not_put_again() {
    let (mut client, server) = server(&[("a", b"hello"), ("b", b"hello")], Fault::None, 300);
    let mut local = Local::new();
    local.write("a", b"hello");
    assert!(
        local
            .put(&mut client, "a", true)
            .expect("the same")
            .already_there
    );
    local.write("b", b"hullo");
    assert_eq!(rejected(local.put(&mut client, "b", true)), Status::EXISTS);
    local.write("c", b"hello");
    assert!(
        !local
            .put(&mut client, "c", true)
            .expect("kept")
            .already_there
    );
    assert_eq!(server.borrow().files.len(), 3);
}

#[test]
fn listings_have_valid_entries() {
    let names = |client: &mut Client, folder: &str| {
        let entries = client.list(&name(folder))?.into_iter();
        let names = entries.map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
        Ok::<_, Error>(names.collect::<Vec<_>>())
    };
    let (mut client, _) = server(&[("a", b""), ("d/b c", b""), ("e", b"")], Fault::None, 3);
    assert_eq!(names(&mut client, "/").expect("a folder"), ["a", "d", "e"]);
    assert_eq!(names(&mut client, "d").expect("a folder"), ["b c"]);
    let entry = "file 1 2026-01-31T12:00:00Z";
    for wrong in [
        "211 0".to_owned(),
        format!("211 1\n{entry} a\n210 1\n{entry} .."),
        "210 18446744073709551616".to_owned(),
        "210 -1".to_owned(),
        "226 1".to_owned(),
        format!("210 1\n{entry} .."),
        format!("210 1\n{entry} ."),
        format!("210 1\n{entry} /a"),
        format!("210 1\n{entry} a/../b"),
        format!("210 1\n{entry} \"\""),
        format!("210 1\n{entry} \"a\\x00\""),
        format!("210 1\n{entry} {}", "a".repeat(256)),
        format!("210 1\n{entry} {}", "a".repeat(1_000_000)),
        "210 2\n\n\n".to_owned(),
    ] {
        let (mut client, _) = server(&[], Fault::Answers(wrong.clone()), 100_000);
        let listed = names(&mut client, "/");
        assert!(
            matches!(listed, Err(Error::Protocol(_))),
            "{wrong}: {listed:?}"
        );
    }
}

/// All that a walk returns.
fn collect_walk(mut walk: RemoteWalk, client: &mut Client) -> Vec<String> {
    let found = std::iter::from_fn(|| walk.next(client)).map(|found| match found {
        Ok((name, _)) => Quoted::from(&name).to_string(),
        Err((name, error)) => format!("{}: {error}", Quoted::from(&name)),
    });
    found.collect()
}

#[test]
fn a_walk_returns_everything_and_ends() {
    let files: [(&str, &[u8]); 4] = [("a", b""), ("d/b", b""), ("d/e/c", b""), ("f", b"")];
    let (mut client, _) = server(&files, Fault::None, 100);
    assert_eq!(
        collect_walk(RemoteWalk::below(Name::root()), &mut client),
        ["a", "d", "d/b", "d/e", "d/e/c", "f"]
    );
    let (mut client, _) = server(&[], Fault::Deep, 100);
    let found = collect_walk(RemoteWalk::below(Name::root()), &mut client);
    assert!(found.len() <= 2 * 4096, "{}", found.len());
    assert!(
        found
            .iter()
            .any(|line| line.contains("name in a listing is too long"))
    );
    let mut walk = RemoteWalk::below(Name::root()).with_max_entries(3);
    let found = collect_walk(walk, &mut client);
    assert_eq!(found.len(), 4);
    assert!(found[3].contains("more than 3 files and folders"));
    let mut late = client.with_max_time(Duration::ZERO);
    walk = RemoteWalk::below(Name::root());
    let found = collect_walk(walk, &mut late);
    assert_eq!(
        found,
        ["/: not complete after 0 s (--max-time allows more)"]
    );
    let (mut client, _) = server(&[], Fault::Wide, 1_000_000);
    let mut walk = RemoteWalk::below(Name::root());
    walk.max_pending_bytes = 64 * 1024;
    let found = collect_walk(walk, &mut client);
    assert!(found.len() < 10, "{}", found.len());
    assert!(found[found.len() - 1].contains("folders have too many entries"));
}

#[test]
fn other_servers_are_quoted() {
    for (sent, displayed) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "the server answered: HTTP/1.1 400 Bad Request",
        ),
        (
            "Too many connections",
            "the server answered: Too many connections",
        ),
        ("\x1b[2J\n", "the server answered: \\x1b[2J"),
        ("421 stopping\n", "the server answered: stopping (421)"),
        ("226 5\n", "protocol error: unexpected response '226 5'"),
        ("", "the connection was lost: the server closed it"),
    ] {
        let (mut client, _) = server(&[], Fault::Sends(sent.into()), 100);
        let mut local = Local::new();
        let error = local.get(&mut client, "a").expect_err("no file");
        assert_eq!(error.to_string(), displayed);
        local.has(&[]);
    }
    let (mut client, _) = server(&[], Fault::Sends(vec![b'x'; 10_000_000]), 100_000);
    let error = Local::new().get(&mut client, "a").expect_err("no file");
    assert!(error.to_string().len() < 1000, "{error}");
}

/// Bytes of a server: valid responses, entries and arbitrary bytes.
fn server_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        Just(b"\n".to_vec()),
        "(210|213|214|220|226|230|550|557) [0-9]{1,20}( [0-9a-f]{64})?\n"
            .prop_map(String::into_bytes),
        "(file [0-9]{1,3}|folder -) 2026-01-31T12:00:00Z [a-c./]{1,9}\n"
            .prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12)
        .prop_map(|pieces| [b"220 \n".to_vec(), pieces.concat()].concat())
}

proptest! {
    #[test]
    fn no_response_creates_a_file(sent in server_bytes(), piece in 1_usize..300, resume: bool) {
        let above = tempdir().expect("a temporary folder");
        let folder = above.path().join("here");
        fs::create_dir(&folder).expect("the disk has room");
        let mut local = Local::new();
        local.destination = Destination::open(&folder).expect("it is there");
        local.resume = resume;
        let (mut client, _) = server(&[], Fault::Sends(sent), piece);
        local.get(&mut client, "a").expect_err("no digest matches");
        client.list(&Name::root()).ok();
        client.stat(&name("a")).ok();
        let mut walk = RemoteWalk::below(Name::root());
        while walk.next(&mut client).is_some() {}
        local.write("b", b"hello");
        local.put(&mut client, "b", resume).expect_err("no response matches");
        prop_assert_eq!(fs::read_dir(above.path()).expect("a folder").count(), 1);
        let left = fs::read_dir(&folder).expect("a folder").flatten();
        prop_assert!(left.into_iter().all(|entry| resume && entry.file_name() == "a.part"));
    }
}
