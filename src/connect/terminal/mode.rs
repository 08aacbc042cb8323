//! The mode of the terminal while lines are edited.

use std::io;

use nix::sys::termios::{
    InputFlags, LocalFlags, SetArg, SpecialCharacterIndices as Index, Termios, tcgetattr, tcsetattr,
};

/// The changed mode of the terminal. The original one is restored when this is dropped.
pub(super) struct Mode {
    original: Termios,
}

impl Mode {
    /// Each key is read at once, and not echoed. Ctrl-C stays a signal, and Ctrl-S stops output.
    pub(super) fn edit() -> io::Result<Self> {
        let original = tcgetattr(io::stdin())?;
        let mut mode = original.clone();
        mode.local_flags -= LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN;
        mode.input_flags -= InputFlags::ICRNL | InputFlags::INLCR | InputFlags::ISTRIP;
        mode.control_chars[Index::VMIN as usize] = 1;
        mode.control_chars[Index::VTIME as usize] = 0;
        mode.control_chars[Index::VSUSP as usize] = 0; // a key: the mode is restored first
        mode.control_chars[Index::VQUIT as usize] = 0; // it would leave the terminal in this mode
        tcsetattr(io::stdin(), SetArg::TCSANOW, &mode)?;
        Ok(Self { original })
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        tcsetattr(io::stdin(), SetArg::TCSANOW, &self.original).ok(); // it may be gone
    }
}
