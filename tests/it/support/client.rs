//! A client on Rust's own socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::proc::Process;
use super::wait::DEADLINE;

/// A connected client. Every read fails after [`DEADLINE`].
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&server, DEADLINE);
        Self::new(stream.expect("the server listens"))
    }

    /// Connects from `host`, another address of this machine.
    pub(crate) fn connect_from(host: [u8; 4], server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        socket
            .bind(&SocketAddr::from((host, 0)).into())
            .expect("all of 127/8 is local");
        socket.connect(&server.into()).expect("the server listens");
        Self::new(TcpStream::from(socket))
    }

    /// Connects to a Unix socket.
    #[track_caller]
    pub(crate) fn connect_unix(path: &Path) -> Self {
        Self::from_unix(UnixStream::connect(path).expect("the server listens"))
    }

    /// Starts `command` with one end of a socket pair as standard input and output; the client is
    /// the other end.
    pub(crate) fn of_command(command: &mut Command) -> (Process, Self) {
        let (own, other) = UnixStream::pair().expect("a pair can be made");
        let copy = other.try_clone().expect("a socket can be cloned");
        command
            .stdin(OwnedFd::from(other))
            .stdout(OwnedFd::from(copy))
            .stderr(Stdio::null());
        let process = Process::start(command);
        // Close the copies of the socket that `command` still has open.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        (process, Self::from_unix(own))
    }

    /// `nc` as the client of a port of this machine. It exits at the end of its input, or when it is
    /// dropped with `processes`.
    pub(crate) fn nc(port: &str, processes: &mut Vec<Process>) -> Self {
        let mut nc = Command::new("nc.openbsd");
        let (process, client) = Self::of_command(nc.args(["-N", "127.0.0.1", port]));
        processes.push(process);
        client
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
        let reader = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        Self { stream, reader }
    }

    /// The system calls used here work on stream sockets of any family.
    pub(crate) fn from_unix(stream: UnixStream) -> Self {
        Self::new(TcpStream::from(OwnedFd::from(stream)))
    }

    /// Its own address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("the socket is connected")
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server reads");
    }

    /// Sends a line and returns the next line of the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n"));
        self.line()
    }

    /// The next line without its end; empty at the end of input.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader
            .read_until(b'\n', &mut line)
            .expect("the server answers");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// The next `count` bytes, as text.
    #[track_caller]
    pub(crate) fn text(&mut self, count: usize) -> String {
        String::from_utf8_lossy(&self.bytes(count)).into_owned()
    }

    /// The next `count` bytes.
    #[track_caller]
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader
            .read_exact(&mut bytes)
            .expect("the server answers");
        bytes
    }

    /// Everything up to the end of input.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader
            .read_to_end(&mut rest)
            .expect("the server closes without a reset");
        rest
    }

    /// Half-closes the connection: the server sees the end of input and may still send.
    pub(crate) fn shutdown_write(&self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the socket is connected");
    }

    /// Closes the connection with a reset (RST).
    pub(crate) fn reset(self) {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&self.stream, sockopt::Linger, &linger).expect("it is a socket");
    }
}
