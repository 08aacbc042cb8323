//! Log lines on standard error.

use std::io;
use std::panic;

use switchboard_core::Clean;
use tracing::error;
use tracing::level_filters::LevelFilter;

/// Logs to standard error: warnings and what concerns the whole server; with `verbose`, every
/// conversation; with `quiet`, errors alone.
pub(crate) fn init(verbose: u8, quiet: bool) {
    let level = match verbose {
        _ if quiet => LevelFilter::ERROR,
        0 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    // Each event is one write, so the lines of several processes do not mix. Colours follow
    // NO_COLOR by themselves.
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(io::stderr);
    if ansi {
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
