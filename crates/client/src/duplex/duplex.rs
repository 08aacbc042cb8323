//! The poll loop between input, output and the peer.

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

/// A connection to the peer, in non-blocking mode.
#[derive(Debug)]
#[non_exhaustive]
pub enum Link {
    /// A stream.
    Stream(Socket),
    /// Datagrams to and from one peer; the socket is connected.
    Datagram(Socket),
    /// Datagrams from any peer; those that are sent go to the last one.
    LastSender(Socket),
}

/// A full-duplex client of one peer.
pub struct Duplex<'a> {
    link: Link,
    input: &'a mut dyn Input,
    output: &'a mut dyn Output,
    taps: Vec<&'a mut dyn Tap>,
    options: DuplexOptions,
    stop: Option<&'a Stop>,
}

impl<'a> Duplex<'a> {
    /// A client that moves bytes between the peer, `input` and `output`.
    pub fn new(
        link: Link,
        input: &'a mut dyn Input,
        output: &'a mut dyn Output,
        options: DuplexOptions,
        stop: Option<&'a Stop>,
    ) -> Self {
        Self {
            link,
            input,
            output,
            taps: Vec::new(),
            options,
            stop,
        }
    }

    /// Copies what is sent and received to `tap`, too.
    #[must_use]
    pub fn tap(mut self, tap: &'a mut dyn Tap) -> Self {
        self.taps.push(tap);
        self
    }

    /// Runs until either side ends it.
    ///
    /// # Errors
    ///
    /// The connection broke, input or output failed, or a signal arrived.
    pub fn run(mut self) -> Result<Ending, DuplexError> {
        let (Link::Stream(socket) | Link::Datagram(socket) | Link::LastSender(socket)) = self.link;
        let mut buffer = vec![0; 64 * 1024];
        let mut has_input = true;
        let (mut sent, mut received) = (0, 0);
        loop {
            self.stop.map_or(Ok(()), Stop::check)?;
            let mut fds = vec![PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            if has_input {
                fds.push(PollFd::new(self.input.as_fd(), PollFlags::POLLIN));
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
                let count = (&socket).read(&mut buffer).map_err(DuplexError::Lost)?;
                if count == 0 {
                    self.output.finish().map_err(DuplexError::Output)?;
                    let closer = Closer::Peer;
                    return Ok(Ending {
                        closer,
                        sent,
                        received,
                    });
                }
                received += count as u64;
                let mut rest = &buffer[..count];
                for tap in &mut self.taps {
                    tap.received(rest).map_err(DuplexError::Output)?;
                }
                while !rest.is_empty() {
                    let count = self.output.write(rest).map_err(DuplexError::Output)?;
                    rest = &rest[count..];
                }
            }
            if typed == Some(true) {
                let count = self.input.read(&mut buffer).map_err(DuplexError::Input)?;
                if count == 0 {
                    has_input = false;
                    if self.options.eof == EofPolicy::Half {
                        socket.shutdown(Shutdown::Write).ok();
                    }
                    continue;
                }
                for tap in &mut self.taps {
                    tap.sent(&buffer[..count]).map_err(DuplexError::Output)?;
                }
                let mut rest = &buffer[..count];
                while !rest.is_empty() {
                    match (&socket).write(rest) {
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
}

fn wait_writable(fd: BorrowedFd<'_>) {
    poll(
        &mut [PollFd::new(fd, PollFlags::POLLOUT)],
        PollTimeout::NONE,
    )
    .ok();
}
