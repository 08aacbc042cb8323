//! Log lines on standard error.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use switchboard_core::Sanitized;
use tracing::error;
use tracing::level_filters::LevelFilter;

use crate::nonblocking::NonBlocking;

/// Logs to standard error: by default warnings and events of the whole server, with `verbose` those of
/// every session too, with `quiet` only errors.
pub(crate) fn init(verbose: bool, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, true) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(|| LogWriter)
        .log_internal_errors(false); // a failing standard error has no substitute
    // tracing-subscriber honours NO_COLOR by itself.
    if io::stderr().is_terminal() {
        builder.init()
    } else {
        builder.with_ansi(false).init()
    }
    panic::set_hook(Box::new(|panic| {
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // The message may quote a peer.
        let message = panic.payload_as_str().unwrap_or("no message");
        error!("panic at {location}: {}", Sanitized(message.as_bytes()));
    }));
}

/// Writes a line to standard error as the log does, but first waits up to 100 ms for room: a reader
/// that asked for several lines at once is about to read them.
pub(crate) fn write(line: &[u8]) {
    static FULL: AtomicBool = AtomicBool::new(false);
    let patience = if FULL.load(Ordering::Relaxed) {
        PollTimeout::ZERO
    } else {
        PollTimeout::from(LINE_PATIENCE_MS)
    };
    FULL.store(!wait_for_room(patience), Ordering::Relaxed);
    LogWriter.write_all(line).ok(); // it never fails
}

/// Prints a sentence about what happens, which is safe for a terminal, as a line of its own.
pub(crate) fn print_note(sentence: &str) {
    write(format!("{sentence}\n").as_bytes());
}

/// Prints advice about a failure.
pub(crate) fn print_hint(hint: &str) {
    print_note(&format!("hint: {hint}"));
}

/// Prints the error that ends the program, whole, however long it is. Gives up when standard error
/// takes nothing for 10 seconds.
pub(crate) fn print_error(message: &str) {
    if DESTINATION.is_none() {
        return;
    }
    // The message may quote a file or a server.
    let lines = message
        .lines()
        .map(|line| Sanitized(line.as_bytes()).to_string());
    let lines: Vec<String> = lines.collect();
    let text = format!("switchboard: {}\n", lines.join("\n"));
    for chunk in text.as_bytes().chunks(MAX_LINE_BYTES) {
        // Where poll(2) reports room, a pipe takes PIPE_BUF bytes without blocking.
        if !wait_for_room(PollTimeout::from(ERROR_PATIENCE_MS))
            || io::stderr().write_all(chunk).is_err()
        {
            return;
        }
    }
}

/// Whether standard error has room, now or within `patience`.
fn wait_for_room(patience: PollTimeout) -> bool {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut polled, patience).is_ok_and(|ready| 0 < ready)
}

/// Standard error, without waiting for its reader: a line for which there is no room is dropped, and the
/// next line that is written reports it.
///
/// Each line is one write of at most [`MAX_LINE_BYTES`] bytes, so lines of several processes do not
/// mix, and a pipe takes a line whole or not at all (pipe(7)).
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut whole = Vec::new();
        if DROPPED.swap(false, Ordering::Relaxed) {
            whole.extend_from_slice(b"(log lines dropped: standard error was not read)\n");
        }
        whole.extend_from_slice(line);
        if MAX_LINE_BYTES < whole.len() {
            whole.truncate(MAX_LINE_BYTES - CUT.len());
            whole.extend_from_slice(CUT);
        }
        match write_now(&whole) {
            Ok(count) if count == whole.len() => (),
            _ => DROPPED.store(true, Ordering::Relaxed),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes as much of `bytes` as there is room for.
fn write_now(bytes: &[u8]) -> nix::Result<usize> {
    match &*DESTINATION {
        Some(stderr) => stderr.write(bytes),
        None => Ok(bytes.len()),
    }
}

/// Standard error; `None` if it is the peer's own socket, as inetd passes it: the log is not for the
/// peer.
static DESTINATION: LazyLock<Option<NonBlocking<io::Stderr>>> = LazyLock::new(|| {
    let stderr = NonBlocking::new(io::stderr());
    let inode = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    let is_peer = matches!(stderr, NonBlocking::Socket(_))
        && matches!((inode(STDIN), inode(STDERR)), (Ok(input), Ok(own)) if input == own);
    (!is_peer).then_some(stderr)
});

static DROPPED: AtomicBool = AtomicBool::new(false);
const STDIN: &str = "/proc/self/fd/0";
const LINE_PATIENCE_MS: u8 = 100;
const ERROR_PATIENCE_MS: u16 = 10_000;
const STDERR: &str = "/proc/self/fd/2";
const MAX_LINE_BYTES: usize = 4096; // PIPE_BUF
const CUT: &[u8] = b" [cut]\n";
