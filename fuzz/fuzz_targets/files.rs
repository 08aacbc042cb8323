//! Lines of a peer, as commands and as answers, and to a folder that is shown: what is read is
//! written as it can be read again, pieces are answered as the whole is, and nothing gets outside.
#![no_main]

use std::fs;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Chunks, drive_stream};
use switchboard_core::{Limits, Sanitized};
use switchboard_files::{Response, Request, Folder, Name, Rules, Timestamp, Quoted, Words};
use switchboard_services::Files;
use tempfile::TempDir;

/// A line is read as a command, an answer and words, and what they are written as means the same.
fn check_line(line: &[u8]) {
    if let Ok(command) = Request::parse(line) {
        let written = command.to_string();
        assert_eq!(Request::parse(written.as_bytes()), Ok(command));
        assert_eq!(Sanitized(written.as_bytes()).to_string(), written);
    }
    if let Ok(answer) = Response::parse(line) {
        assert_eq!(Response::parse(answer.to_string().as_bytes()), Ok(answer));
    }
    for word in Words::new(line).flatten() {
        let written = Quoted(&word).to_string();
        let read: Vec<_> = Words::new(written.as_bytes()).flatten().collect();
        assert_eq!(read, [word]);
    }
}

const OUTSIDE: &str = "what nobody is shown, 83d1f0";

/// A folder in a folder, with something to read.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("a folder can be made");
    let top = place.path().join("top");
    fs::create_dir_all(top.join("sub")).expect("there is room");
    fs::write(place.path().join("outside"), OUTSIDE).expect("there is room");
    fs::write(top.join("a"), "inside").expect("there is room");
    fs::write(top.join("b c"), "").expect("there is room");
    std::os::unix::fs::symlink("../outside", top.join("l")).expect("there is room");
    for name in ["a", "b c", "sub"] {
        let file = fs::File::open(top.join(name)).expect("it was made");
        let time = Timestamp::default().to_system();
        file.set_modified(time).expect("it is ours");
    }
    place
}

fn show(place: &TempDir) -> Files {
    Files::new(&place.path().join("top")).expect("it was made")
}

fn answer(files: &Files, said: &[u8], piece: usize, outbox_bytes: usize) -> Vec<u8> {
    let limits = Limits {
        outbox_bytes,
        ..Limits::default()
    };
    let pieces = Chunks {
        input: piece,
        output: piece,
    };
    let (heard, _) = drive_stream(files, said, pieces, &limits);
    assert!(!String::from_utf8_lossy(&heard).contains(OUTSIDE));
    heard
}

/// What is only read is read in the same way whatever the pieces.
fn check_reading(said: &[u8], piece: usize) {
    static PLACE: OnceLock<TempDir> = OnceLock::new();
    let files = show(PLACE.get_or_init(place));
    let at_once = answer(&files, said, said.len().max(1), 1 << 16);
    assert_eq!(answer(&files, said, piece, 3), at_once);
}

/// What is written stays in the folder, and within its bounds.
fn check_writing(said: &[u8], piece: usize) {
    let place = place();
    let rules = Rules {
        overwrite: piece.is_multiple_of(2),
        make_folders: true,
        max_file: Some(100),
        quota: Some(200),
    };
    answer(&show(&place).writable(rules), said, piece, 100);
    let outside = fs::read_dir(place.path()).expect("a folder");
    assert_eq!(outside.count(), 2);
    let untouched = fs::read(place.path().join("outside")).expect("it was made");
    assert_eq!(untouched, OUTSIDE.as_bytes());
    let folder = Folder::open(place.path().join("top")).expect("it was made");
    let shown = folder.with_hidden(true).list(&Name::root());
    for entry in shown.expect("a folder") {
        assert!(!entry.name.starts_with(b"."), "a draft was left");
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, said) = (usize::from(input.0).max(1), input.1);
    said.split(|&byte| byte == b'\n').for_each(check_line);
    check_reading(said, piece);
    if said
        .windows(3)
        .any(|word| word.eq_ignore_ascii_case(b"put"))
    {
        check_writing(said, piece);
    }
});
