//! Lines of a peer, parsed as requests and responses, and sent to a folder that is served: what is
//! displayed parses again, every chunking yields the same responses, and nothing leaves the folder.
#![no_main]

use std::fs;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use switchboard_core::testing::{Chunks, drive_stream};
use switchboard_core::{Limits, Sanitized};
use switchboard_files::{Folder, Name, Quoted, Request, Response, Rules, Words};
use switchboard_services::Files;
use tempfile::TempDir;

/// A line is parsed as a request, a response and words; what they display as parses again.
fn check_line(line: &[u8]) {
    if let Ok(request) = Request::parse(line) {
        let written = request.to_string();
        assert_eq!(Request::parse(written.as_bytes()), Ok(request));
        assert_eq!(Sanitized(written.as_bytes()).to_string(), written);
    }
    if let Some(response) = Response::parse(line) {
        assert_eq!(
            Response::parse(response.to_string().as_bytes()),
            Some(response)
        );
    }
    for word in Words::new(line).flatten() {
        let written = Quoted(&word).to_string();
        let read: Vec<_> = Words::new(written.as_bytes()).flatten().collect();
        assert_eq!(read, [word]);
    }
}

const OUTSIDE: &str = "secret content, 83d1f0";

/// A folder with some files, inside another folder.
fn example() -> TempDir {
    let directory = tempfile::tempdir().expect("a folder can be made");
    let top = directory.path().join("top");
    fs::create_dir_all(top.join("sub")).expect("the disk has room");
    fs::write(directory.path().join("outside"), OUTSIDE).expect("the disk has room");
    fs::write(top.join("a"), "inside").expect("the disk has room");
    fs::write(top.join("b c"), "").expect("the disk has room");
    std::os::unix::fs::symlink("../outside", top.join("l")).expect("the disk has room");
    for name in ["a", "b c", "sub"] {
        let file = fs::File::open(top.join(name)).expect("it was made");
        file.set_modified(UNIX_EPOCH).expect("it is ours");
    }
    directory
}

fn serve(directory: &TempDir) -> Files {
    Files::new(&directory.path().join("top")).expect("it was made")
}

fn answer(files: &Files, input: &[u8], piece: usize, outbox_bytes: usize) -> Vec<u8> {
    let mut limits = Limits::default();
    limits.outbox_bytes = outbox_bytes;
    let pieces = Chunks {
        input: piece,
        output: piece,
    };
    let (output, _) = drive_stream(files, input, pieces, &limits);
    assert!(!String::from_utf8_lossy(&output).contains(OUTSIDE));
    output
}

/// Requests that only read get the same responses for every chunking.
fn check_reading(input: &[u8], piece: usize) {
    static DIRECTORY: LazyLock<TempDir> = LazyLock::new(example);
    let files = serve(&DIRECTORY);
    let at_once = answer(&files, input, input.len().max(1), 1 << 16);
    assert_eq!(answer(&files, input, piece, 3), at_once);
}

/// What is stored stays in the folder and within its limits.
fn check_writing(input: &[u8], piece: usize) {
    let directory = example();
    let rules = Rules {
        overwrite: piece.is_multiple_of(2),
        make_folders: true,
        max_file: Some(100),
        quota: Some(200),
    };
    answer(&serve(&directory).writable(rules), input, piece, 100);
    let outside = fs::read_dir(directory.path()).expect("a folder");
    assert_eq!(outside.count(), 2);
    let untouched = fs::read(directory.path().join("outside")).expect("it was made");
    assert_eq!(untouched, OUTSIDE.as_bytes());
    let folder = Folder::open(directory.path().join("top")).expect("it was made");
    let shown = folder.with_hidden(true).list(&Name::root());
    let page = shown.expect("a folder").read().expect("a folder");
    for entry in page.expect("few entries").entries {
        assert!(!entry.name.starts_with(b"."), "a temporary file was left");
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, input) = (usize::from(input.0).max(1), input.1);
    input.split(|&byte| byte == b'\n').for_each(check_line);
    check_reading(input, piece);
    if input
        .windows(3)
        .any(|word| word.eq_ignore_ascii_case(b"put"))
    {
        check_writing(input, piece);
    }
});
