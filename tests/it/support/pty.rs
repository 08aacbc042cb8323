//! A program on a pseudo-terminal.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::read;

use super::proc::Process;
use super::server::{program, with_default_signals};
use super::wait::wait_until;

/// The built program, with a terminal of 80 columns as its controlling terminal.
pub(crate) struct Pty {
    keyboard: File,
    slave: OwnedFd,
    /// The mode before the program started.
    pub(crate) original_mode: Termios,
    pub(crate) process: Process,
    /// What the program wrote.
    pub(crate) output: Vec<u8>,
}

impl Pty {
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("there are pseudo-terminals");
        let slave = || pty.slave.try_clone().expect("there are descriptors");
        let original_mode = tcgetattr(&pty.slave).expect("it is a terminal");
        let mut command = with_default_signals("setsid");
        command.arg("--ctty").arg(program()).args(arguments);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        command.stdin(slave()).stdout(slave()).stderr(slave());
        Self {
            process: Process::start(&mut command),
            keyboard: pty.master.into(),
            slave: pty.slave,
            original_mode,
            output: Vec::new(),
        }
    }

    /// The mode of the terminal.
    pub(crate) fn mode(&self) -> Termios {
        tcgetattr(&self.slave).expect("it is a terminal")
    }

    /// Types keys, and reads what the program writes until all are taken.
    pub(crate) fn keys(&mut self, mut keys: &[u8]) {
        while !keys.is_empty() {
            let piece = keys.len().min(512);
            self.keyboard
                .write_all(&keys[..piece])
                .expect("the terminal is open");
            keys = &keys[piece..];
            self.read();
        }
    }

    /// Waits until the program has written `text`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        wait_until(&format!("{text:?} on the terminal"), || {
            self.read();
            self.text().contains(text)
        });
    }

    /// Waits until the program exits.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.process.wait();
        self.read();
        status
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    fn read(&mut self) {
        let mut bytes = [0; 65536];
        loop {
            let mut polled = [PollFd::new(self.keyboard.as_fd(), PollFlags::POLLIN)];
            if poll(&mut polled, PollTimeout::ZERO) != Ok(1) {
                return;
            }
            let count = read(&self.keyboard, &mut bytes).unwrap_or(0);
            if count == 0 {
                return;
            }
            self.output.extend_from_slice(&bytes[..count]);
        }
    }
}
