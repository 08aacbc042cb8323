//! The mode of the terminal while lines are edited.

use std::io;

use nix::sys::termios::{
    InputFlags, LocalFlags, SetArg, SpecialCharacterIndices as Index, Termios, tcgetattr, tcsetattr,
};

/// The mode of the terminal at the start, restored when dropped.
pub(super) struct Mode {
    original: Termios,
    is_changed: bool,
}

impl Mode {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            original: tcgetattr(io::stdin())?,
            is_changed: false,
        })
    }

    /// Each key is read at once, and not echoed. Ctrl-C stays a signal, and Ctrl-S stops output.
    pub(super) fn edit(&mut self) -> io::Result<()> {
        let mut mode = self.original.clone();
        mode.local_flags -= LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN;
        mode.input_flags -= InputFlags::ICRNL | InputFlags::INLCR | InputFlags::ISTRIP;
        mode.control_chars[Index::VMIN as usize] = 1;
        mode.control_chars[Index::VTIME as usize] = 0;
        mode.control_chars[Index::VSUSP as usize] = 0; // a key: the mode is restored first
        mode.control_chars[Index::VQUIT as usize] = 0; // it would leave the terminal in this mode
        self.is_changed = true;
        Ok(tcsetattr(io::stdin(), SetArg::TCSANOW, &mode)?)
    }

    pub(super) fn restore(&mut self) {
        if std::mem::take(&mut self.is_changed) {
            tcsetattr(io::stdin(), SetArg::TCSANOW, &self.original).ok(); // it may be gone
        }
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        self.restore();
    }
}
