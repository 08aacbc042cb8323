//! The terminal mode: a line is edited at the bottom while lines of the peer appear above it.
//!
//! Keys are read by the same poll loop as the connection, without a thread, so that nothing is
//! printed in the middle of a line and nothing waits in a queue when the connection ends.

mod display;
mod keyboard;
mod line;
mod mode;
mod safe_text;
mod view;

use std::cell::RefCell;
use std::env;
use std::io::{self, IsTerminal};
use std::rc::Rc;

pub(super) use display::Display;
pub(super) use keyboard::Keyboard;
use view::View;

/// Whether lines can be edited: both standard streams are a terminal that can erase a row.
pub(super) fn is_possible() -> bool {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

/// Input and output with a line editor. The terminal mode changes, and the prompt appears, when input is
/// first waited for; it is restored when both are dropped.
///
/// # Errors
///
/// The system has no free file descriptor.
pub(super) fn open() -> io::Result<(Keyboard, Display)> {
    let view = Rc::new(RefCell::new(View::new()));
    Ok((Keyboard::new(Rc::clone(&view))?, Display::new(view)))
}

/// Output without a line editor.
pub(super) fn display() -> Display {
    Display::new(Rc::new(RefCell::new(View::new())))
}
