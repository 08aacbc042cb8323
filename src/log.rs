//! Log lines on standard error.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::panic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::unistd;
use switchboard_core::Sanitized;
use tracing::error;
use tracing::level_filters::LevelFilter;

/// Logs to standard error: warnings and what concerns the whole server; with `verbose`, every
/// conversation; with `quiet`, errors alone.
pub(crate) fn init(verbose: bool, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, true) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(|| Unwaited)
        .log_internal_errors(false); // where standard error has gone, there is no other place
    // Colours follow NO_COLOR by themselves.
    if io::stderr().is_terminal() {
        builder.init()
    } else {
        builder.with_ansi(false).init()
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // The words may quote a peer.
        let words = panic.payload_as_str().unwrap_or("no words");
        error!("panic at {place}: {}", Sanitized(words.as_bytes()));
    }));
}

/// Writes a line to standard error as the log does, but gives whoever reads it a moment where there
/// is no room: who asked for many lines at once is about to read them.
pub(crate) fn write(line: &[u8]) {
    static IN_VAIN: AtomicBool = AtomicBool::new(false);
    let stderr = io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let patience = if IN_VAIN.load(Ordering::Relaxed) {
        PollTimeout::ZERO
    } else {
        PollTimeout::from(MOMENT)
    };
    let room = poll(&mut polled, patience).is_ok_and(|ready| 0 < ready);
    IN_VAIN.store(!room, Ordering::Relaxed);
    Unwaited.write_all(line).ok(); // it never fails
}

/// Standard error, without waiting for whoever reads it: a line that finds no room is left out, and
/// the next one that finds some says so.
///
/// Each line is one write of at most [`LONGEST`] bytes, so those of several processes do not mix,
/// and a pipe takes it whole or not at all (pipe(7)).
struct Unwaited;

impl Write for Unwaited {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut whole = Vec::new();
        if LEFT_OUT.swap(false, Ordering::Relaxed) {
            whole.extend_from_slice(b"(lines of log were left out: nobody read them)\n");
        }
        whole.extend_from_slice(line);
        if LONGEST < whole.len() {
            whole.truncate(LONGEST - CUT.len());
            whole.extend_from_slice(CUT);
        }
        match write_now(&whole) {
            Ok(count) if count == whole.len() => (),
            _ => LEFT_OUT.store(true, Ordering::Relaxed),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes as much of `bytes` as there is room for.
fn write_now(bytes: &[u8]) -> nix::Result<usize> {
    static WAY: OnceLock<Way> = OnceLock::new();
    match WAY.get_or_init(Way::find) {
        Way::Reopened(own) => unistd::write(own, bytes),
        Way::Socket => {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            send(io::stderr().as_raw_fd(), bytes, flags)
        }
        Way::Direct => unistd::write(io::stderr(), bytes),
        Way::Nowhere => Ok(bytes.len()),
    }
}

/// How to write to standard error without waiting.
enum Way {
    /// A pipe or terminal, opened once more: not to wait would otherwise concern everybody who
    /// shares it.
    Reopened(File),
    /// A socket, where not to wait is asked for with each write.
    Socket,
    /// A file, which has room or fails.
    Direct,
    /// The peer's own socket, where inetd puts it: the log is not for the peer.
    Nowhere,
}

impl Way {
    fn find() -> Self {
        let Ok(file) = fs::metadata(STDERR) else {
            return Self::Direct;
        };
        let kind = file.file_type();
        if kind.is_socket() {
            let inode = |file: &Metadata| (file.dev(), file.ino());
            let input = fs::metadata(STDIN);
            return if input.is_ok_and(|input| inode(&input) == inode(&file)) {
                Self::Nowhere
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

static LEFT_OUT: AtomicBool = AtomicBool::new(false);
const STDIN: &str = "/proc/self/fd/0";
const MOMENT: u8 = 100; // milliseconds
const STDERR: &str = "/proc/self/fd/2";
const LONGEST: usize = 4096; // PIPE_BUF
const CUT: &[u8] = b" [cut]\n";
