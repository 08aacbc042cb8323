//! A connection to a server, whose calls end on a timeout or a signal.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use switchboard_core::ListenAddr;

use crate::connect::Connector;
use crate::files::error::Error;
use crate::stop::Stop;
use crate::wait::{is_transient, wait};

/// A stream of bytes in both directions.
pub(crate) trait Transport {
    /// Waits for bytes, at most `timeout`. Returns 0 if the peer has closed its side.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Error>;

    /// Waits until some of `bytes` are accepted, and returns how many. Returns 0 if the wait was
    /// interrupted, or the peer has closed.
    fn write(
        &mut self,
        bytes: &[u8],
        interrupt: Interrupt,
        timeout: Duration,
    ) -> Result<usize, Error>;

    /// Whether `read` would return at once, also because the peer has closed.
    fn has_input(&self) -> bool;
}

/// What interrupts the wait to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The peer closes the connection.
    Hangup,
    /// Bytes arrive, or the peer closes the connection.
    Input,
}

/// A connected socket.
pub(crate) struct SocketTransport {
    socket: Socket,
    stop: Option<Stop>,
}

/// Connects to a server.
pub(crate) fn connect(
    server: &ListenAddr,
    connector: &mut Connector<'_>,
) -> Result<SocketTransport, Error> {
    if let ListenAddr::Udp(_) = server {
        let message = "the files protocol needs TCP or a Unix socket";
        return Err(Error::InvalidInput(message));
    }
    let socket = connector.connect(server)?.socket;
    let stop = connector.stop().cloned();
    Ok(SocketTransport { socket, stop })
}

impl Transport for SocketTransport {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Error> {
        self.stop.as_ref().map_or(Ok(()), Stop::check)?; // a fast peer never makes us wait
        loop {
            match (&self.socket).read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(Error::Lost(error)),
            }
            self.wait(PollFlags::POLLIN, timeout)?;
        }
    }

    fn write(
        &mut self,
        bytes: &[u8],
        interrupt: Interrupt,
        timeout: Duration,
    ) -> Result<usize, Error> {
        let mut ends = PollFlags::POLLHUP | PollFlags::POLLERR;
        ends.set(PollFlags::POLLIN, interrupt == Interrupt::Input);
        loop {
            let ready = self.wait(ends | PollFlags::POLLOUT, timeout)?;
            if ready.intersects(ends) {
                return Ok(0);
            }
            match (&self.socket).write(bytes) {
                Ok(count) => return Ok(count),
                Err(error) if is_transient(&error) => (),
                Err(_) => return Ok(0), // the peer may have sent the reason
            }
        }
    }

    fn has_input(&self) -> bool {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        !matches!(poll(&mut polled, PollTimeout::ZERO), Ok(0))
    }
}

impl SocketTransport {
    fn wait(&self, events: PollFlags, timeout: Duration) -> Result<PollFlags, Error> {
        let deadline = Instant::now() + timeout;
        let ready = wait(self.socket.as_fd(), events, deadline, self.stop.as_ref())?;
        if ready.is_empty() {
            return Err(Error::TimedOut(timeout));
        }
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use nix::sys::signal::{Signal, raise};

    use super::*;
    use crate::stop::Stopped;

    fn connected(stop: Option<Stop>) -> (SocketTransport, UnixStream) {
        let (own, peer) = UnixStream::pair().expect("a pair of sockets");
        let socket = Socket::from(OwnedFd::from(own));
        socket.set_nonblocking(true).expect("it is a socket");
        (SocketTransport { socket, stop }, peer)
    }

    #[test]
    fn a_signal_ends_a_call_even_if_bytes_arrive() {
        let stop = Stop::on_signals().expect("a descriptor");
        let (mut transport, mut peer) = connected(Some(stop));
        peer.write_all(&[0; 1000]).expect("the disk has room");
        let timeout = Duration::from_secs(30);
        let mut buffer = [0; 10];
        assert_eq!(transport.read(&mut buffer, timeout).expect("bytes"), 10);
        // SIGINT and SIGHUP may be ignored, as in a script or under nohup.
        raise(Signal::SIGTERM).expect("a signal can be raised");
        let stopped = transport.read(&mut buffer, timeout);
        assert!(
            matches!(stopped, Err(Error::Stopped(Stopped(15)))),
            "{stopped:?}"
        );
        raise(Signal::SIGTERM).expect("a signal can be raised");
        let stopped = transport.write(&buffer, Interrupt::Hangup, timeout);
        assert!(
            matches!(stopped, Err(Error::Stopped(Stopped(15)))),
            "{stopped:?}"
        );
    }

    #[test]
    fn a_closed_peer_accepts_nothing() {
        let (mut transport, mut peer) = connected(None);
        let timeout = Duration::from_secs(30);
        assert!(!transport.has_input());
        assert_eq!(
            transport
                .write(b"hello", Interrupt::Input, timeout)
                .expect("the disk has room"),
            5
        );
        peer.write_all(b"bye").expect("the disk has room");
        assert!(transport.has_input());
        assert_eq!(
            transport
                .write(b"more", Interrupt::Input, timeout)
                .expect("bye"),
            0
        );
        assert_eq!(
            transport
                .write(b"more", Interrupt::Hangup, timeout)
                .expect("the disk has room"),
            4
        );
        drop(peer);
        assert_eq!(
            transport
                .write(b"more", Interrupt::Hangup, timeout)
                .expect("closed"),
            0
        );
        let mut buffer = [0; 10];
        assert_eq!(transport.read(&mut buffer, timeout).expect("bye"), 3);
        assert!(matches!(
            transport.read(&mut buffer, timeout),
            Ok(0) | Err(Error::Lost(_))
        ));
        let silent = connected(None)
            .0
            .read(&mut buffer, Duration::from_millis(1));
        assert!(matches!(silent, Ok(0) | Err(Error::TimedOut(_))));
    }
}
