//! A server in a benchmark: its command, and a running instance on a free port.

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// A server to measure.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name in the table.
    pub name: String,
    /// The name of the contender that it is compared with.
    pub baseline: Option<&'static str>,
    /// Whether it starts a process per client.
    pub forks: bool,
    /// The command; `PORT` in its arguments stands for the port.
    command: Vec<String>,
    datagrams: bool,
    opening: Option<String>,
}

impl Contender {
    /// A TCP server; `PORT` in `arguments`, but not in `program`, stands for the port.
    pub fn new(name: &str, program: &str, arguments: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            baseline: None,
            forks: false,
            command: [&[program], arguments]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            datagrams: false,
            opening: None,
        }
    }

    /// With another name in the table.
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// With a text that each client sends first; `NUMBER` in it stands for the number of the
    /// client.
    pub fn with_opening(self, opening: &str) -> Self {
        Self {
            opening: Some(opening.to_owned()),
            ..self
        }
    }

    /// As a UDP server.
    pub fn over_udp(self) -> Self {
        Self {
            datagrams: true,
            ..self
        }
    }

    /// With a process per client.
    pub fn forking(self) -> Self {
        Self {
            forks: true,
            ..self
        }
    }

    /// With a baseline to compare with, by name.
    pub fn with_baseline(self, baseline: &'static str) -> Self {
        Self {
            baseline: Some(baseline),
            ..self
        }
    }

    /// The command of a program that does not listen.
    pub fn command(&self) -> Command {
        let (program, arguments) = self.program();
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    fn program(&self) -> (&String, &[String]) {
        self.command
            .split_first()
            .expect("new() puts the program first")
    }

    /// Starts the server on a free port and waits until it answers.
    ///
    /// # Errors
    ///
    /// The program does not exist, exits, or does not answer; with the first line of its standard
    /// error.
    pub fn start(&self) -> io::Result<Server> {
        let (address, probe) = free(self.datagrams)?;
        let mut server = self.spawn(address)?;
        server.wait_until(|server| Ok(responds(server.address, probe.as_ref())?.then_some(())))?;
        Ok(server)
    }

    /// Starts the server on a free port and connects as its first client: some servers accept only
    /// one.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_and_connect(&self) -> io::Result<(Server, TcpStream)> {
        let mut server = self.spawn(free(false)?.0)?;
        let stream = server.wait_until(|server| match server.connect() {
            Ok(stream) if stream.local_addr()? != server.address => Ok(Some(stream)),
            _ => Ok(None),
        })?;
        Ok((server, stream))
    }

    /// Starts the server for this address without waiting.
    ///
    /// # Errors
    ///
    /// The program does not exist.
    pub fn spawn(&self, address: SocketAddr) -> io::Result<Server> {
        let (program, arguments) = self.program();
        let port = address.port().to_string();
        let stderr = tempfile::tempfile()?;
        let child = Command::new(program)
            .args(arguments.iter().map(|word| word.replace("PORT", &port)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.try_clone()?)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok(Server {
            address,
            forks: self.forks,
            opening: self.opening.clone(),
            child,
            stderr,
        })
    }
}

/// A running server, killed on drop.
#[derive(Debug)]
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    /// Whether it starts a process per client.
    pub forks: bool,
    opening: Option<String>,
    child: Child,
    /// Its standard error: a file, so that the server never blocks on it.
    stderr: File,
}

impl Server {
    /// Calls `tried` until it returns a value.
    ///
    /// # Errors
    ///
    /// An error of `tried`; or the server exits, or there is no value before the timeout.
    pub fn wait_until<T>(
        &mut self,
        mut tried: impl FnMut(&Self) -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(what) = tried(self)? {
                return Ok(what);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.explain(io::Error::other(status.to_string())));
            }
            if deadline < Instant::now() {
                return Err(self.explain(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Connects to the server, with a read timeout of some seconds.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }

    /// Sends the text that client `number` sends first.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn send_opening(&self, stream: &mut TcpStream, number: usize) -> io::Result<()> {
        let opening = self.opening.as_deref().unwrap_or_default();
        stream.write_all(opening.replace("NUMBER", &number.to_string()).as_bytes())
    }

    /// The text that each client sends first.
    pub fn opening(&self) -> &str {
        self.opening.as_deref().unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its processor time so far, without its children.
    ///
    /// # Errors
    ///
    /// It has exited.
    pub fn used(&self) -> io::Result<Duration> {
        let id = i32::try_from(self.id()).expect("the system's ids are small");
        Ok(clock_getcpuclockid(Pid::from_raw(id))?.now()?.into())
    }

    /// Adds the first line of the server's standard error to an error.
    pub fn explain(&self, error: io::Error) -> io::Error {
        let mut text = [0; 512];
        let read = self.stderr.read_at(&mut text, 0).unwrap_or(0);
        match String::from_utf8_lossy(&text[..read]).lines().next() {
            Some(line) => io::Error::new(error.kind(), format!("{error}: {line}")),
            None => error,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// A free port and, for UDP, a socket to probe it.
///
/// The probe is bound while the port is still in use: the system might otherwise assign it the same
/// port, and it would receive its own datagrams.
fn free(datagrams: bool) -> io::Result<(SocketAddr, Option<UdpSocket>)> {
    let any = (Ipv4Addr::LOCALHOST, 0);
    if !datagrams {
        return Ok((TcpListener::bind(any)?.local_addr()?, None));
    }
    let held = UdpSocket::bind(any)?;
    let probe = UdpSocket::bind(any)?;
    probe.connect(held.local_addr()?)?;
    probe.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok((held.local_addr()?, Some(probe)))
}

/// Whether the server answers. For UDP only an echo proves it.
fn responds(address: SocketAddr, probe: Option<&UdpSocket>) -> io::Result<bool> {
    if let Some(probe) = probe {
        return Ok(probe.send(b"?").is_ok() && probe.recv(&mut [0; 8]).is_ok());
    }
    match TcpStream::connect(address) {
        Ok(stream) => Ok(stream.local_addr()? != address), // a TCP self-connect
        Err(_) => Ok(false),
    }
}

/// Much longer than any server needs, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);
