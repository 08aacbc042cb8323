//! A connection to a server: calls that end when nothing moves for too long, or a signal asks to
//! stop.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::{Endpoint, Server};
use crate::error::Error;

/// Bytes in both directions.
pub(crate) trait Transport {
    /// Waits for bytes, for so long at most. None at all means that the peer has ended its side.
    fn read(&mut self, into: &mut [u8], patience: Duration) -> Result<usize, Error>;

    /// Waits until some of `bytes` are taken, and says how many. None at all means that the peer is
    /// gone, or that something came that was to be heeded: it can be read.
    fn write(
        &mut self,
        bytes: &[u8],
        interrupt: Interrupt,
        patience: Duration,
    ) -> Result<usize, Error>;

    /// Whether something is to be read now; the end counts.
    fn has_input(&self) -> bool;
}

/// What ends the wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// That the peer is gone.
    Hangup,
    /// Something to be read, too.
    Input,
}

/// The signals that ask to stop, taken out of their usual way: a transfer ends in order, and then
/// the program.
#[derive(Clone, Debug)]
pub struct Stop(Rc<SignalFd>);

impl Stop {
    /// From now on the signals SIGINT, SIGTERM and SIGHUP end what this is given to, and nothing
    /// else. Those that are ignored, as nohup(1) has it, stay so.
    ///
    /// # Errors
    ///
    /// The system has no descriptor for it.
    pub fn on_signals() -> io::Result<Self> {
        let ignored = ignored();
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .filter(|&signal| ignored >> (signal as u32 - 1) & 1 == 0)
            .collect();
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals, flags)?;
        Ok(Self(Rc::new(signals)))
    }

    /// What can be read once a signal has asked for it.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// # Errors
    ///
    /// [`Error::Stopped`] once a signal has asked for it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.read_signal() {
            Ok(Some(signal)) => Err(Error::Stopped(
                signal.ssi_signo.try_into().unwrap_or_default(),
            )),
            _ => Ok(()),
        }
    }
}

/// The signals that this process was started to ignore, a bit for each. The system would tell of them
/// once they are blocked.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A connected socket.
pub(crate) struct SocketTransport {
    socket: Socket,
    stop: Option<Stop>,
}

/// Connects to the first address that answers.
///
/// # Errors
///
/// Of the last address, if none did, or that a signal asked to stop.
pub(crate) fn connect(
    server: &Server,
    patience: Duration,
    stop: Option<&Stop>,
) -> Result<SocketTransport, Error> {
    let unreachable = |cause| {
        let place = server.address().to_string();
        Error::Unreachable { place, cause }
    };
    let addresses: Vec<SockAddr> = match server.endpoint() {
        Endpoint::Tcp(addresses) => addresses.iter().map(|&address| address.into()).collect(),
        Endpoint::Unix(path) => vec![SockAddr::unix(path).map_err(unreachable)?],
        Endpoint::Udp(_) => Vec::new(),
    };
    let mut cause = io::Error::other("not an address of a stream");
    for address in addresses {
        match connect_to(&address, patience, stop) {
            Ok(socket) => {
                let stop = stop.cloned();
                return Ok(SocketTransport { socket, stop });
            }
            Err(Error::Lost(error)) => cause = error,
            Err(error) => return Err(error),
        }
    }
    Err(unreachable(cause))
}

fn connect_to(
    address: &SockAddr,
    patience: Duration,
    stop: Option<&Stop>,
) -> Result<Socket, Error> {
    let socket = Socket::new(address.domain(), Type::STREAM, None).map_err(Error::Lost)?;
    socket.set_nonblocking(true).map_err(Error::Lost)?;
    match socket.connect(address) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {
            let came = wait(socket.as_fd(), PollFlags::POLLOUT, patience, stop)?;
            if came.is_empty() {
                return Err(Error::Lost(io::ErrorKind::TimedOut.into()));
            }
            match socket.take_error() {
                Ok(None) => (),
                Ok(Some(error)) | Err(error) => return Err(Error::Lost(error)),
            }
        }
        connected => connected.map_err(Error::Lost)?,
    }
    if address.domain() != Domain::UNIX {
        socket.set_tcp_nodelay(true).map_err(Error::Lost)?; // commands are small, and waited for
    }
    Ok(socket)
}

impl Transport for SocketTransport {
    fn read(&mut self, into: &mut [u8], patience: Duration) -> Result<usize, Error> {
        self.stop.as_ref().map_or(Ok(()), Stop::check)?; // much may come without a wait
        loop {
            match (&self.socket).read(into) {
                Ok(count) => return Ok(count),
                Err(error) if is_passing(&error) => (),
                Err(error) => return Err(Error::Lost(error)),
            }
            self.wait(PollFlags::POLLIN, patience)?;
        }
    }

    fn write(
        &mut self,
        bytes: &[u8],
        interrupt: Interrupt,
        patience: Duration,
    ) -> Result<usize, Error> {
        let mut ends = PollFlags::POLLHUP | PollFlags::POLLERR;
        ends.set(PollFlags::POLLIN, interrupt == Interrupt::Input);
        loop {
            let came = self.wait(ends | PollFlags::POLLOUT, patience)?;
            if came.intersects(ends) {
                return Ok(0);
            }
            match (&self.socket).write(bytes) {
                Ok(count) => return Ok(count),
                Err(error) if is_passing(&error) => (),
                // It may have said why before it went.
                Err(_) => return Ok(0),
            }
        }
    }

    fn has_input(&self) -> bool {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        !matches!(poll(&mut polled, PollTimeout::ZERO), Ok(0))
    }
}

impl SocketTransport {
    fn wait(&self, events: PollFlags, patience: Duration) -> Result<PollFlags, Error> {
        let came = wait(self.socket.as_fd(), events, patience, self.stop.as_ref())?;
        if came.is_empty() {
            return Err(Error::TimedOut(patience));
        }
        Ok(came)
    }
}

/// Waits for a socket, for so long at most; what came is empty if nothing did.
fn wait(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    patience: Duration,
    stop: Option<&Stop>,
) -> Result<PollFlags, Error> {
    let end = Instant::now() + patience;
    loop {
        let waited = wait_once(socket, events, end, stop.map(Stop::as_fd));
        let (came, stops) = match waited {
            Err(Errno::EINTR) => continue,
            waited => waited.map_err(|errno| Error::Lost(errno.into()))?,
        };
        if let Some(stop) = stop.filter(|_| stops) {
            stop.check()?;
        }
        if !came.is_empty() || Instant::now() >= end {
            return Ok(came);
        }
    }
}

/// Waits until this time, or until something comes: what came at the socket, and whether `stop` can
/// be read.
pub(crate) fn wait_once(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    until: Instant,
    stop: Option<BorrowedFd<'_>>,
) -> Result<(PollFlags, bool), Errno> {
    // Rounded up, so that a wait that ends just before its time is not repeated many times.
    let left = until.saturating_duration_since(Instant::now());
    let left = match left.is_zero() {
        true => left,
        false => left + Duration::from_micros(999),
    };
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let mut polled = vec![PollFd::new(socket, events)];
    polled.extend(stop.map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
    poll(&mut polled, timeout)?;
    let came = |polled: &PollFd<'_>| polled.revents().unwrap_or(PollFlags::empty());
    let stops = polled.get(1).is_some_and(|stop| !came(stop).is_empty());
    Ok((came(&polled[0]), stops))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use nix::sys::signal::raise;

    use super::*;

    fn connected(stop: Option<Stop>) -> (SocketTransport, UnixStream) {
        let (own, peer) = UnixStream::pair().expect("a pair of sockets");
        let socket = Socket::from(OwnedFd::from(own));
        socket.set_nonblocking(true).expect("it is a socket");
        (SocketTransport { socket, stop }, peer)
    }

    #[test]
    fn a_signal_is_heard_though_much_arrives() {
        let stop = Stop::on_signals().expect("a descriptor");
        let (mut transport, mut peer) = connected(Some(stop));
        peer.write_all(&[0; 1000]).expect("there is room");
        let patience = Duration::from_secs(30);
        let mut buffer = [0; 10];
        assert_eq!(transport.read(&mut buffer, patience).expect("bytes"), 10);
        raise(Signal::SIGINT).expect("this thread can be told");
        let stopped = transport.read(&mut buffer, patience);
        assert!(matches!(stopped, Err(Error::Stopped(2))), "{stopped:?}");
        raise(Signal::SIGTERM).expect("this thread can be told");
        let stopped = transport.write(&buffer, Interrupt::Hangup, patience);
        assert!(matches!(stopped, Err(Error::Stopped(15))), "{stopped:?}");
    }

    #[test]
    fn who_has_gone_takes_nothing() {
        let (mut transport, mut peer) = connected(None);
        let patience = Duration::from_secs(30);
        assert!(!transport.has_input());
        assert_eq!(
            transport
                .write(b"hello", Interrupt::Input, patience)
                .expect("room"),
            5
        );
        peer.write_all(b"bye").expect("there is room");
        assert!(transport.has_input());
        assert_eq!(
            transport
                .write(b"more", Interrupt::Input, patience)
                .expect("bye"),
            0
        );
        assert_eq!(
            transport
                .write(b"more", Interrupt::Hangup, patience)
                .expect("room"),
            4
        );
        drop(peer);
        assert_eq!(
            transport
                .write(b"more", Interrupt::Hangup, patience)
                .expect("gone"),
            0
        );
        let mut buffer = [0; 10];
        assert_eq!(transport.read(&mut buffer, patience).expect("bye"), 3);
        assert!(matches!(
            transport.read(&mut buffer, patience),
            Ok(0) | Err(Error::Lost(_))
        ));
        let silent = connected(None)
            .0
            .read(&mut buffer, Duration::from_millis(1));
        assert!(matches!(silent, Ok(0) | Err(Error::TimedOut(_))));
    }
}
