//! A connection as a pair of byte streams. No call blocks, whatever mode the descriptors are in.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::net::Shutdown;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, getsockopt, recv, send, sockopt};
use nix::unistd;
use socket2::{Socket, TcpKeepalive};

use crate::limits::admission::Slot;
use crate::limits::stats::Counter;
use crate::net::sendfile::send_file;
use crate::peer::Peer;
use crate::reactor::poll::Interest;
use crate::reactor::source::Watched;
use crate::sys::fd;

/// The connection of a peer.
#[derive(Debug)]
pub(crate) struct Stream {
    io: Io,
    pub(crate) peer: Peer,
    pub(crate) slot: Option<Slot>, // once it is admitted
    pub(crate) received: u64,      // bytes
    pub(crate) sent: u64,
}

#[derive(Debug)]
enum Io {
    /// A connected socket. If it was accepted here, it is in non-blocking mode.
    Socket { socket: Socket, is_accepted: bool },
    /// One descriptor for each direction: pipes, a terminal, files.
    Pair { input: OwnedFd, output: OwnedFd },
}

/// The bytes that a connection has carried, whichever process sent and received them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// The time since the last byte was received or sent.
    pub(crate) idle: Duration,
}

impl Stream {
    /// A socket that [`accept`](fd::accept) returned.
    pub(crate) fn accepted(socket: Socket, peer: Peer) -> Self {
        let is_accepted = true;
        Self::new(
            Io::Socket {
                socket,
                is_accepted,
            },
            peer,
        )
    }

    /// A connected socket from another process. That may use it as well, so its mode stays.
    pub(crate) fn inherited(socket: Socket, peer: Peer) -> Self {
        let is_accepted = false;
        Self::new(
            Io::Socket {
                socket,
                is_accepted,
            },
            peer,
        )
    }

    /// One descriptor for each direction. Other processes may use them as well, so their mode stays.
    pub(crate) fn pair(input: OwnedFd, output: OwnedFd) -> Self {
        Self::new(Io::Pair { input, output }, Peer::stdio())
    }

    fn new(io: Io, peer: Peer) -> Self {
        Self {
            io,
            peer,
            slot: None,
            received: 0,
            sent: 0,
        }
    }

    /// Adds one to a counter of the server, for a connection that was admitted.
    pub(crate) fn count(&self, counter: Counter) {
        if let Some(slot) = &self.slot {
            slot.count(counter);
        }
    }

    /// Counts bytes that were received and sent.
    pub(crate) fn count_bytes(&mut self, received: u64, sent: u64) {
        self.received += received;
        self.sent += sent;
        if let Some(slot) = &self.slot {
            slot.count_bytes(received, sent);
        }
    }

    /// Counts the bytes that another process received and sent here since the last call.
    pub(crate) fn count_traffic(&mut self) {
        if let Some(Traffic { received, sent, .. }) = self.traffic() {
            let received = received.saturating_sub(self.received);
            self.count_bytes(received, sent.saturating_sub(self.sent));
        }
    }

    /// The descriptors to wait for: input at index 0, and output of a pair at [`OUTPUT`].
    pub(crate) fn watched(&self, read: bool, write: bool) -> Watched<'_> {
        match &self.io {
            Io::Socket { socket, .. } => {
                let interest = Interest::In { read, write };
                [Some((socket.as_fd(), interest)), None, None]
            }
            Io::Pair { input, output } => {
                // Input that has ended stays hung up, so it is not watched unless input is wanted.
                let reading = Interest::read_if(read);
                let writing = Interest::In { read: false, write };
                [
                    Some((input.as_fd(), reading)),
                    Some((output.as_fd(), writing)),
                    None,
                ]
            }
        }
    }

    /// Sends the beginning of `bytes`, as much as the system accepts now. `None`: it accepts nothing.
    pub(crate) fn send_some(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        unless_blocked(match &self.io {
            Io::Socket { socket, .. } => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                send(socket.as_raw_fd(), bytes, flags)
            }
            Io::Pair { output, .. } if is_ready(output, PollFlags::POLLOUT) => {
                // A pipe that is ready accepts this much without blocking (pipe(7)).
                unistd::write(output, &bytes[..bytes.len().min(PIPE_BUF)])
            }
            Io::Pair { .. } => Err(Errno::EAGAIN),
        })
    }

    /// Sends the beginning of a range of a file with sendfile(2), as much as the system accepts now.
    /// `None`: it accepts nothing. 0 bytes: the file ends before the range.
    ///
    /// # Errors
    ///
    /// The connection is broken; or [`Unsupported`](io::ErrorKind::Unsupported): this kind of stream
    /// or file does not allow it, and the caller has to read the file.
    pub(crate) fn send_file(&self, file: &File, range: Range<u64>) -> io::Result<Option<usize>> {
        match &self.io {
            Io::Socket {
                socket,
                is_accepted: true,
            } => send_file(socket, file, range),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Receives what has arrived. `None`: nothing has arrived yet. 0 bytes: the end of input.
    pub(crate) fn receive_some(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(match &self.io {
            Io::Socket { socket, .. } => recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT),
            Io::Pair { input, .. } if is_ready(input, PollFlags::POLLIN) => {
                unistd::read(input, buffer)
            }
            Io::Pair { .. } => Err(Errno::EAGAIN),
        })
    }

    /// Reads and discards what has arrived. Returns whether the peer may still send more.
    pub(crate) fn discard(&self) -> bool {
        let mut scratch = [0; 4096];
        for _ in 0..DISCARDED_AT_ONCE {
            match self.receive_some(&mut scratch) {
                Ok(Some(0)) | Err(_) => return false,
                Ok(Some(_)) => (),
                Ok(None) => break,
            }
        }
        true
    }

    /// Closes the sending side: the peer reads the end of input after all that was sent. Returns
    /// whether unread input has to be read before the close: closing a socket with unread input
    /// resets it, and the peer may lose what was sent. Pipes have no such reset.
    pub(crate) fn end_output(&self) -> io::Result<bool> {
        match &self.io {
            Io::Socket { socket, .. } => socket.shutdown(Shutdown::Write).map(|()| true),
            Io::Pair { .. } => Ok(false),
        }
    }

    /// Whether bytes of a peer, not only the end of its input, wait to be received from a socket.
    pub(crate) fn has_unread_bytes(&self) -> bool {
        let Io::Socket { socket, .. } = &self.io else {
            return false;
        };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
        recv(socket.as_raw_fd(), &mut [0], flags).is_ok_and(|count| 0 < count)
    }

    /// Lets the system find out whether a TCP peer that has closed its sending side still receives.
    /// Without output, a peer that has left would look the same for ever.
    pub(crate) fn probe_peer(&self) {
        if let Io::Socket { socket, .. } = &self.io {
            let keepalive = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE);
            socket.set_tcp_keepalive(&keepalive).ok(); // a Unix socket reports a peer that has left
        }
    }

    /// Lets the next close reset a TCP connection, so that the peer sees an error and not the end of
    /// input.
    pub(crate) fn reset(&self) {
        if let Io::Socket { socket, .. } = &self.io {
            socket.set_linger(Some(Duration::ZERO)).ok(); // other kinds of sockets ignore it
        }
    }

    /// The descriptor to wait for that the peer hangs up, while another process uses the connection.
    pub(crate) fn hang_up(&self) -> (BorrowedFd<'_>, Interest) {
        match &self.io {
            Io::Socket { socket, .. } => (socket.as_fd(), Interest::HangUp),
            Io::Pair { output, .. } => (output.as_fd(), Interest::ERRORS),
        }
    }

    /// The traffic so far. The system counts it for TCP only.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        let Io::Socket { socket, .. } = &self.io else {
            return None;
        };
        let info = fd::tcp_info(socket.as_fd())?;
        let idle = info.tcpi_last_data_recv.min(info.tcpi_last_data_sent);
        // The kernel counts the end of input (FIN) as a byte.
        let ended = u64::from(INPUT_ENDED.contains(&info.tcpi_state));
        Some(Traffic {
            received: info.tcpi_bytes_received.saturating_sub(ended),
            sent: info.tcpi_bytes_sent.saturating_sub(info.tcpi_bytes_retrans),
            idle: Duration::from_millis(idle.into()),
        })
    }

    /// Copies of its descriptors, as standard input and output of a program. Programs expect blocking
    /// mode; what was inherited is passed on as it is.
    pub(crate) fn to_stdio(&self) -> io::Result<(Stdio, Stdio)> {
        let (input, output): (OwnedFd, OwnedFd) = match &self.io {
            Io::Socket {
                socket,
                is_accepted,
            } => {
                if *is_accepted {
                    socket.set_nonblocking(false)?;
                }
                (socket.try_clone()?.into(), socket.try_clone()?.into())
            }
            Io::Pair { input, output } => (input.try_clone()?, output.try_clone()?),
        };
        Ok((Stdio::from(input), Stdio::from(output)))
    }

    /// Whether the peer writes to a socket.
    pub(crate) fn is_socket(&self) -> bool {
        match &self.io {
            Io::Socket { .. } => true,
            Io::Pair { input, .. } => getsockopt(input, sockopt::SockType).is_ok(),
        }
    }

    /// Whether input, or its end, can be read now.
    pub(crate) fn has_input(&self) -> bool {
        match &self.io {
            Io::Socket { socket, .. } => is_ready(socket, PollFlags::POLLIN),
            Io::Pair { input, .. } => is_ready(input, PollFlags::POLLIN),
        }
    }

    /// Whether the peer is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.io, Io::Pair { input, .. } if input.is_terminal())
    }

    /// Why the connection broke, if the system reports it.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match &self.io {
            Io::Socket { socket, .. } => socket.take_error().unwrap_or_else(Some),
            Io::Pair { .. } => None,
        }
    }
}

/// Whether the next call will not block.
fn is_ready(fd: &impl AsFd, flags: PollFlags) -> bool {
    let mut polled = [PollFd::new(fd.as_fd(), flags)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| 0 < ready)
}

fn unless_blocked(result: nix::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// The index of output among the descriptors of a pair.
pub(crate) const OUTPUT: usize = 1;
const INPUT_ENDED: [u8; 4] = [6, 8, 9, 11]; // TCP_TIME_WAIT, _CLOSE_WAIT, _LAST_ACK, _CLOSING
const PIPE_BUF: usize = 4096;
const PROBE: Duration = Duration::from_secs(5); // the system of the peer resets after about a minute
const DISCARDED_AT_ONCE: usize = 64; // a flood must not delay other connections

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::listener::{Kind, Listener};

    /// A file that no socket buffers completely.
    fn file() -> File {
        let file = tempfile::tempfile().expect("a file can be made");
        file.set_len(1 << 30).expect("a file can have a hole");
        file
    }

    fn is_nonblocking(stream: &Stream) -> bool {
        let Io::Socket { socket, .. } = &stream.io else {
            panic!("it is a socket")
        };
        socket.nonblocking().expect("a socket has a mode")
    }

    #[test]
    fn an_accepted_socket_never_blocks_and_sends_files() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let _client = TcpStream::connect(address).expect("it listens");
        let listener = Listener::stream(listener.into(), None).expect("it listens");
        let Kind::Stream(listener) = listener.kind else {
            panic!("it is a listener of streams")
        };
        let stream = listener.accept().expect("a client has connected");
        let file = file();
        let mut start = 0;
        while let Some(count) = stream
            .send_file(&file, start..1 << 30)
            .expect("it is connected")
        {
            assert!(is_nonblocking(&stream));
            start += count as u64;
        }
        assert!(0 < start && start < 1 << 30);
        // A program expects a socket that blocks.
        stream.to_stdio().expect("descriptors are available");
        assert!(!is_nonblocking(&stream));
    }

    #[test]
    fn the_mode_of_an_inherited_socket_stays() {
        for nonblocking in [false, true] {
            let (socket, _other) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None)
                .expect("a pair can be made");
            socket.set_nonblocking(nonblocking).expect("it is a socket");
            let stream = Stream::inherited(socket, Peer::stdio());
            // sendfile(2) would block in the one mode, and the other mode may be changed meanwhile.
            let refused = stream.send_file(&file(), 0..1 << 30);
            let error = refused.expect_err("the file is to be read");
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            while stream
                .send_some(&[b'x'; 64 * 1024])
                .expect("it is connected")
                .is_some()
            {}
            stream.to_stdio().expect("descriptors are available");
            assert_eq!(is_nonblocking(&stream), nonblocking);
        }
    }
}
