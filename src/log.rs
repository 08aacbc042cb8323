//! Log lines on standard error.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::panic;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::unistd;
use switchboard_core::Sanitized;
use tracing::error;
use tracing::level_filters::LevelFilter;

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
        .with_writer(|| NonBlocking)
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
    NonBlocking.write_all(line).ok(); // it never fails
}

/// Prints the error that ends the program, whole, however long it is. Gives up when standard error
/// takes nothing for 10 seconds.
pub(crate) fn print_error(message: &str) {
    if matches!(*DESTINATION, Destination::Peer) {
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
struct NonBlocking;

impl Write for NonBlocking {
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
        Destination::Reopened(own) => unistd::write(own, bytes),
        Destination::Socket => {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            send(io::stderr().as_raw_fd(), bytes, flags)
        }
        Destination::Direct => unistd::write(io::stderr(), bytes),
        Destination::Peer => Ok(bytes.len()),
    }
}

static DESTINATION: LazyLock<Destination> = LazyLock::new(Destination::find);

/// What standard error is, and so how to write to it without blocking.
enum Destination {
    /// A pipe or a terminal, opened once more: O_NONBLOCK on the shared description would affect
    /// every process that uses it.
    Reopened(File),
    /// A socket, where each send has the flag MSG_DONTWAIT.
    Socket,
    /// A file, where a write succeeds or fails at once.
    Direct,
    /// The peer's own socket, as inetd passes it: the log is not for the peer.
    Peer,
}

impl Destination {
    fn find() -> Self {
        let Ok(file) = fs::metadata(STDERR) else {
            return Self::Direct;
        };
        let kind = file.file_type();
        if kind.is_socket() {
            let inode = |file: &Metadata| (file.dev(), file.ino());
            let input = fs::metadata(STDIN);
            return if input.is_ok_and(|input| inode(&input) == inode(&file)) {
                Self::Peer
            } else {
                Self::Socket
            };
        }
        if !kind.is_fifo() && !kind.is_char_device() {
            return Self::Direct;
        }
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(flags.bits());
        options.open(STDERR).map_or(Self::Direct, Self::Reopened)
    }
}

static DROPPED: AtomicBool = AtomicBool::new(false);
const STDIN: &str = "/proc/self/fd/0";
const LINE_PATIENCE_MS: u8 = 100;
const ERROR_PATIENCE_MS: u16 = 10_000;
const STDERR: &str = "/proc/self/fd/2";
const MAX_LINE_BYTES: usize = 4096; // PIPE_BUF
const CUT: &[u8] = b" [cut]\n";
