//! The poll loop of a stream.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use crate::duplex::ending::{Closer, DuplexError, Ending};
use crate::duplex::io::{Input, Output, Tap};
use crate::duplex::options::{DuplexOptions, EofPolicy};
use crate::stop::Stop;

pub(super) fn run(
    socket: &Socket,
    input: &mut dyn Input,
    output: &mut dyn Output,
    mut taps: Vec<&mut dyn Tap>,
    options: &DuplexOptions,
    stop: Option<&Stop>,
) -> Result<Ending, DuplexError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut has_input = true;
    let (mut sent, mut received) = (0, 0);
    loop {
        stop.map_or(Ok(()), Stop::check)?;
        let mut fds = vec![PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if has_input && !input.is_paused() {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        let ready = match poll(&mut fds, PollTimeout::from(1000_u16)) {
            Err(Errno::EINTR) => continue,
            ready => ready.map_err(|errno| DuplexError::Lost(errno.into()))?,
        };
        if ready == 0 {
            continue;
        }
        let (link, typed) = (fds[0].any(), fds.get(1).and_then(PollFd::any));
        if link == Some(true) {
            let count = (&mut &*socket)
                .read(&mut buffer)
                .map_err(DuplexError::Lost)?;
            if count == 0 {
                output.finish().map_err(DuplexError::Output)?;
                let closer = Closer::Peer;
                return Ok(Ending {
                    closer,
                    sent,
                    received,
                });
            }
            received += count as u64;
            let mut rest = &buffer[..count];
            for tap in &mut taps {
                tap.received(rest).map_err(DuplexError::Output)?;
            }
            while !rest.is_empty() {
                let count = output.write(rest).map_err(DuplexError::Output)?;
                rest = &rest[count..];
            }
        }
        if typed == Some(true) {
            let count = input.read(&mut buffer).map_err(DuplexError::Input)?;
            if count == 0 {
                has_input = false;
                if options.eof == EofPolicy::Half {
                    socket.shutdown(Shutdown::Write).ok();
                }
                continue;
            }
            for tap in &mut taps {
                tap.sent(&buffer[..count]).map_err(DuplexError::Output)?;
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                match (&mut &*socket).write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        wait_writable(socket.as_fd());
                    }
                    Err(error) => return Err(DuplexError::Lost(error)),
                }
            }
            sent += count as u64;
        }
    }
}

fn wait_writable(fd: BorrowedFd<'_>) {
    poll(
        &mut [PollFd::new(fd, PollFlags::POLLOUT)],
        PollTimeout::NONE,
    )
    .ok();
}
