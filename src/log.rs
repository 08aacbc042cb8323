//! Log lines on standard error.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use switchboard_core::Clean;
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
        error!("panic at {place}: {}", Clean(words.as_bytes()));
    }));
}

/// Standard error, without ever waiting for whoever reads it: a line that finds no room is left
/// out, and the next one that finds some says how many were.
///
/// Each line is one write of at most [`LONGEST`] bytes, so those of several processes do not mix,
/// and a pipe with any room has room for it (pipe(7)).
struct Unwaited;

impl Write for Unwaited {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !has_room() {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let mut whole = match LEFT_OUT.swap(0, Ordering::Relaxed) {
            0 => Vec::new(),
            lines => format!("({lines} lines of log left out: nobody read them)\n").into_bytes(),
        };
        whole.extend_from_slice(line);
        if LONGEST < whole.len() {
            whole.truncate(LONGEST - CUT.len());
            whole.extend_from_slice(CUT);
        }
        io::stderr().write_all(&whole)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard error takes a line now, or is broken, which the write will tell.
fn has_room() -> bool {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut polled, PollTimeout::ZERO) != Ok(0)
}

static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
const LONGEST: usize = 4096; // PIPE_BUF
const CUT: &[u8] = b" [cut]\n";
