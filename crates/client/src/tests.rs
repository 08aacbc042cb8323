//! Whole transfers without a socket, with a server that is data.

mod fake_server;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use switchboard_files::{Name, Source, Status};
use tempfile::{TempDir, tempdir};

use crate::client::{Client, Outcome};
use crate::destination::Destination;
use crate::error::Error;
use crate::get::Target;
use crate::list::RemoteWalk;
use fake_server::{Notes, Trick, content, name, server};

/// A folder here, and a way to get files into it.
struct Here {
    place: TempDir,
    destination: Destination,
    overwrite: bool,
    resume: bool,
    notes: Notes,
}

impl Here {
    fn new() -> Self {
        let place = tempdir().expect("a temporary folder");
        Self {
            destination: Destination::open(place.path()).expect("it is there"),
            place,
            overwrite: false,
            resume: false,
            notes: Notes::default(),
        }
    }

    fn get(&mut self, client: &mut Client, own: &str) -> Result<Outcome, Error> {
        let target = Target::File {
            destination: &self.destination,
            name: &name(own),
            overwrite: self.overwrite,
            resume: self.resume,
        };
        client.get(&name(own), target, &mut self.notes)
    }

    fn put(&mut self, client: &mut Client, own: &str, resume: bool) -> Result<Outcome, Error> {
        let path = self.place.path().join(own);
        let source = Source::open(&path).expect("it is there");
        client.put(&path, source, &name(own), resume, &mut self.notes)
    }

    fn write(&self, own: &str, bytes: &[u8]) {
        fs::write(self.place.path().join(own), bytes).expect("there is room");
    }

    /// All that is here, by name.
    #[track_caller]
    fn has(&self, files: &[(&str, &[u8])]) {
        let mut found = Vec::new();
        collect(self.place.path(), self.place.path(), &mut found);
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
fn said(result: Result<Outcome, Error>) -> Status {
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
        let (mut client, server) = server(&files, Trick::None, piece);
        let mut here = Here::new();
        for (own, bytes) in files {
            let done = here.get(&mut client, own).expect("it is there");
            let expected = Outcome {
                bytes: bytes.len() as u64,
                sha256: Some(content(bytes).sha256),
                resumed_from: None,
                already_there: false,
            };
            assert_eq!(done, expected);
            assert_eq!(said(here.get(&mut client, "nothing")), Status::NOT_FOUND);
        }
        here.has(&files);
        assert_eq!(server.borrow().connections, 1);
    }
}

#[test]
fn what_goes_to_output_is_compared_too() {
    for trick in [Trick::None, Trick::Damages] {
        let (mut client, _) = server(&[("a", LONG)], trick.clone(), 1000);
        let mut out = Vec::new();
        let target = Target::Output(&mut out);
        let done = client.get(&name("a"), target, &mut Notes::default());
        match trick {
            Trick::None => assert_eq!(done.expect("it is the same").bytes, 3000),
            _ => assert!(matches!(done, Err(Error::Mismatch))),
        }
        assert_eq!(out.len(), 3000);
    }
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    for resume in [false, true] {
        let (mut client, _) = server(&[("a", LONG)], Trick::Damages, 1000);
        let mut here = Here::new();
        here.resume = resume;
        assert!(matches!(here.get(&mut client, "a"), Err(Error::Mismatch)));
        here.has(&[]);
    }
    let (mut client, server) = server(&[("a", LONG)], Trick::Breaks(1000), 300);
    let mut here = Here::new();
    assert!(matches!(here.get(&mut client, "a"), Err(Error::Lost(_))));
    here.has(&[]);
    server.borrow_mut().trick = Trick::None;
    here.get(&mut client, "a").expect("over another connection");
    assert_eq!(server.borrow().connections, 2);
}

#[test]
fn what_has_come_is_gone_on_with() {
    let (mut client, server) = server(&[("a", LONG)], Trick::Breaks(1000), 300);
    let mut here = Here::new();
    here.resume = true;
    assert!(matches!(here.get(&mut client, "a"), Err(Error::Lost(_))));
    here.has(&[("a.part", &LONG[..1000])]);
    assert!(
        here.notes.0[0].contains("1000 bytes are kept in"),
        "{:?}",
        here.notes.0
    );
    here.get(&mut client, "a").expect_err("it breaks again");
    here.has(&[("a.part", &LONG[..2000])]);
    server.borrow_mut().trick = Trick::None;
    let done = here.get(&mut client, "a").expect("the rest");
    assert_eq!((done.bytes, done.resumed_from), (3000, Some(2000)));
    here.has(&[("a", LONG)]);
    let asked = server.borrow().asked.clone();
    assert_eq!(
        asked[asked.len() - 3..],
        ["HASH a 2000", "GET a 2000", "HASH a 3000"]
    );
}

#[test]
fn a_part_of_something_else_is_not_gone_on_with() {
    for (part, why) in [
        (vec![b'y'; 1000], "is another file's"),
        (vec![b'x'; 3001], "is longer than the file"),
    ] {
        let (mut client, _) = server(&[("a", LONG)], Trick::None, 300);
        let mut here = Here::new();
        here.write("a.part", &part);
        here.resume = true;
        let done = here.get(&mut client, "a").expect("from the beginning");
        assert_eq!(done.resumed_from, None);
        assert!(here.notes.0[0].contains(why), "{:?}", here.notes.0);
        here.has(&[("a", LONG)]);
    }
    // As long as the file already.
    let (mut client, _) = server(&[("a", LONG)], Trick::None, 300);
    let mut here = Here::new();
    here.write("a.part", LONG);
    here.resume = true;
    let done = here.get(&mut client, "a").expect("nothing is missing");
    assert_eq!(done.resumed_from, Some(3000));
    here.has(&[("a", LONG)]);
}

#[test]
fn nothing_is_kept_where_nothing_came() {
    let (mut client, _) = server(&[], Trick::None, 300);
    let mut here = Here::new();
    here.resume = true;
    assert_eq!(said(here.get(&mut client, "a")), Status::NOT_FOUND);
    here.has(&[]);
}

#[test]
fn what_is_here_is_compared_or_replaced() {
    for resume in [false, true] {
        let (mut client, server) = server(&[("a", b"hello")], Trick::None, 300);
        let mut here = Here::new();
        here.resume = resume;
        here.write("a", b"hello");
        assert!(here.get(&mut client, "a").expect("the same").already_there);
        for other in [&b"hullo"[..], b"hell"] {
            here.write("a", other);
            assert!(matches!(here.get(&mut client, "a"), Err(Error::Exists(_))));
            here.has(&[("a", other)]);
        }
        // What is not as long is not compared.
        let asked = server.borrow().asked.clone();
        assert_eq!(
            asked,
            ["STAT a", "HASH a", "STAT a", "HASH a", "STAT a"],
            "a digest costs much"
        );
        assert!(
            !server
                .borrow()
                .asked
                .iter()
                .any(|line| line.starts_with("GET"))
        );
        here.overwrite = true;
        assert!(!here.get(&mut client, "a").expect("replaced").already_there);
        here.has(&[("a", b"hello")]);
    }
}

#[test]
fn no_link_leads_elsewhere() {
    for resume in [false, true] {
        let outside = tempdir().expect("a temporary folder");
        let secret = outside.path().join("secret");
        fs::write(&secret, "old").expect("there is room");
        let (mut client, _) = server(&[("a", b"new"), ("d/b", b"new")], Trick::None, 300);
        let mut here = Here::new();
        (here.resume, here.overwrite) = (resume, true);
        let link = |to: &Path, own: &str| {
            std::os::unix::fs::symlink(to, here.place.path().join(own)).expect("there is room");
        };
        link(&secret, "a");
        link(&secret, "a.part");
        link(outside.path(), "d");
        here.get(&mut client, "a").expect_err("a link");
        here.get(&mut client, "d/b").expect_err("a link");
        assert_eq!(fs::read(&secret).expect("it is there"), b"old");
        assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn files_are_put_in_pieces_of_any_size() {
    for piece in [1, 2, 7, 100_000] {
        let (mut client, server) = server(&[], Trick::None, piece);
        let mut here = Here::new();
        for (own, bytes) in [("a", LONG), ("b", b"")] {
            here.write(own, bytes);
            let done = here.put(&mut client, own, false).expect("it is kept");
            assert_eq!(done.bytes, bytes.len() as u64);
            assert_eq!(server.borrow().files[&name(own)], bytes);
        }
        assert_eq!(server.borrow().connections, 1);
    }
}

#[test]
fn what_is_refused_is_not_sent() {
    let (mut client, server) = server(&[("a", b"other")], Trick::None, 300);
    let mut here = Here::new();
    here.write("a", &[b'x'; 1_000_000]);
    here.write("b", b"hello");
    assert_eq!(said(here.put(&mut client, "a", false)), Status::EXISTS);
    here.put(&mut client, "b", false)
        .expect("over another connection");
    assert_eq!(server.borrow().content, 5);
    assert_eq!(server.borrow().connections, 2);
}

#[test]
fn what_is_there_is_not_put_again() {
    let (mut client, server) = server(&[("a", b"hello"), ("b", b"hello")], Trick::None, 300);
    let mut here = Here::new();
    here.write("a", b"hello");
    assert!(
        here.put(&mut client, "a", true)
            .expect("the same")
            .already_there
    );
    here.write("b", b"hullo");
    assert_eq!(said(here.put(&mut client, "b", true)), Status::EXISTS);
    here.write("c", b"hello");
    assert!(
        !here
            .put(&mut client, "c", true)
            .expect("kept")
            .already_there
    );
    assert_eq!(server.borrow().files.len(), 3);
}

#[test]
fn listings_hold_what_can_be_in_a_folder() {
    let names = |client: &mut Client, folder: &str| {
        let mut names = Vec::new();
        client.list(&name(folder), &mut |entry| {
            names.push(String::from_utf8_lossy(&entry.name).into_owned());
            Ok(())
        })?;
        Ok::<_, Error>(names)
    };
    let (mut client, _) = server(&[("a", b""), ("d/b c", b""), ("e", b"")], Trick::None, 3);
    assert_eq!(names(&mut client, "/").expect("a folder"), ["a", "d", "e"]);
    assert_eq!(names(&mut client, "d").expect("a folder"), ["b c"]);
    let entry = "file 1 2026-01-31T12:00:00Z";
    for wrong in [
        "210 100001".to_owned(),
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
        let (mut client, _) = server(&[], Trick::Answers(wrong.clone()), 100_000);
        let listed = names(&mut client, "/");
        assert!(
            matches!(listed, Err(Error::Protocol(_))),
            "{wrong}: {listed:?}"
        );
    }
}

/// All that a walk tells.
fn told(mut walk: RemoteWalk, client: &mut Client) -> Vec<String> {
    let told = std::iter::from_fn(|| walk.next(client)).map(|found| match found {
        Ok((name, _)) => name.word().to_string(),
        Err((name, error)) => format!("{}: {error}", name.word()),
    });
    told.collect()
}

#[test]
fn a_walk_tells_all_and_ends() {
    let files: [(&str, &[u8]); 4] = [("a", b""), ("d/b", b""), ("d/e/c", b""), ("f", b"")];
    let (mut client, _) = server(&files, Trick::None, 100);
    assert_eq!(
        told(RemoteWalk::below(Name::root()), &mut client),
        ["a", "d", "d/b", "d/e", "d/e/c", "f"]
    );
    let (mut client, _) = server(&[], Trick::Deep, 100);
    let told = told(RemoteWalk::below(Name::root()), &mut client);
    assert!(told.len() <= 2 * 4096, "{}", told.len());
    assert!(told.iter().any(|words| words.contains("too long a name")));
    let (mut client, _) = server(&[], Trick::Wide, 1_000_000);
    let mut walk = RemoteWalk::below(Name::root());
    walk.most_held_bytes = 64 * 1024;
    let told = self::told(walk, &mut client);
    assert!(told.len() < 10, "{}", told.len());
    assert!(told[told.len() - 1].contains("no end to what it lists"));
}

#[test]
fn a_server_that_is_none_is_quoted() {
    for (says, shown) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "the server says: HTTP/1.1 400 Bad Request",
        ),
        (
            "Too many conversations",
            "the server says: Too many conversations",
        ),
        ("\x1b[2J\n", "the server says: \\x1b[2J"),
        ("421 stopping\n", "the server says: stopping (421)"),
        (
            "226 5\n",
            "the server makes no sense: '226 5' answers something else",
        ),
        ("", "the connection was lost: the server closed it"),
    ] {
        let (mut client, _) = server(&[], Trick::Says(says.into()), 100);
        let mut here = Here::new();
        let error = here.get(&mut client, "a").expect_err("no file");
        assert_eq!(error.to_string(), shown);
        here.has(&[]);
    }
    let (mut client, _) = server(&[], Trick::Says(vec![b'x'; 10_000_000]), 100_000);
    let error = Here::new().get(&mut client, "a").expect_err("no file");
    assert!(error.to_string().len() < 1000, "{error}");
}

/// What a server may say, made of what it should say and of anything.
fn saying() -> impl Strategy<Value = Vec<u8>> {
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
    fn whatever_a_server_says_nothing_comes_of_it(said in saying(), piece in 1_usize..300, resume: bool) {
        let above = tempdir().expect("a temporary folder");
        let folder = above.path().join("here");
        fs::create_dir(&folder).expect("there is room");
        let mut here = Here::new();
        here.destination = Destination::open(&folder).expect("it is there");
        here.resume = resume;
        let (mut client, _) = server(&[], Trick::Says(said), piece);
        here.get(&mut client, "a").expect_err("no digest can be true");
        client.list(&Name::root(), &mut |_| Ok(())).ok();
        client.stat(&name("a")).ok();
        let mut walk = RemoteWalk::below(Name::root());
        while walk.next(&mut client).is_some() {}
        here.write("b", b"hello");
        here.put(&mut client, "b", resume).expect_err("it was not heard");
        prop_assert_eq!(fs::read_dir(above.path()).expect("a folder").count(), 1);
        let left = fs::read_dir(&folder).expect("a folder").flatten();
        prop_assert!(left.into_iter().all(|entry| resume && entry.file_name() == "a.part"));
    }
}
