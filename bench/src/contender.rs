//! A server that can be measured: its command, and a run of it on a port of its own.

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// A server to be measured.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What the table calls it.
    pub name: String,
    /// The contender that it is held against, by name.
    pub mark: Option<&'static str>,
    /// Whether each client costs a process.
    pub forks: bool,
    /// In its words, `PORT` stands for the port.
    command: Vec<String>,
    datagrams: bool,
    greeting: Option<String>,
}

impl Contender {
    /// A server of connections; `PORT` in `words` stands for the port, but not in `program`.
    pub fn new(name: &str, program: &str, words: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            mark: None,
            forks: false,
            command: [&[program], words]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            datagrams: false,
            greeting: None,
        }
    }

    /// The same, by another name.
    pub fn called(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// The same, where each client says this first; `NUMBER` in it stands for the client's.
    pub fn greeted(self, greeting: &str) -> Self {
        Self {
            greeting: Some(greeting.to_owned()),
            ..self
        }
    }

    /// The same, of datagrams.
    pub fn of_datagrams(self) -> Self {
        Self {
            datagrams: true,
            ..self
        }
    }

    /// The same, at the cost of a process for each client.
    pub fn forking(self) -> Self {
        Self {
            forks: true,
            ..self
        }
    }

    /// The same, held against the contender of this name.
    pub fn against(self, mark: &'static str) -> Self {
        Self {
            mark: Some(mark),
            ..self
        }
    }

    /// The program itself, where it is none that listens.
    pub fn command(&self) -> Command {
        let (program, words) = self.program();
        let mut command = Command::new(program);
        command.args(words);
        command
    }

    fn program(&self) -> (&String, &[String]) {
        self.command
            .split_first()
            .expect("new() puts the program first")
    }

    /// Starts the server on a free port, and waits until it answers there.
    ///
    /// # Errors
    ///
    /// The program is not there, or it ends, or it does not answer; with its first words, if any.
    pub fn start(&self) -> io::Result<Server> {
        let (address, probe) = free(self.datagrams)?;
        let mut server = self.spawn(address)?;
        server.until(|server| Ok(answers(server.address, probe.as_ref())?.then_some(())))?;
        Ok(server)
    }

    /// Starts the server on a free port, and connects as its first client, since some have no other.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_and_connect(&self) -> io::Result<(Server, TcpStream)> {
        let mut server = self.spawn(free(false)?.0)?;
        let stream = server.until(|server| match server.connect() {
            Ok(stream) if stream.local_addr()? != server.address => Ok(Some(stream)),
            _ => Ok(None),
        })?;
        Ok((server, stream))
    }

    /// Starts the server where it is to answer, and waits for nothing.
    ///
    /// # Errors
    ///
    /// The program is not there.
    pub fn spawn(&self, address: SocketAddr) -> io::Result<Server> {
        let (program, words) = self.program();
        let port = address.port().to_string();
        let complaints = tempfile::tempfile()?;
        let child = Command::new(program)
            .args(words.iter().map(|word| word.replace("PORT", &port)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints.try_clone()?)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok(Server {
            address,
            forks: self.forks,
            greeting: self.greeting.clone(),
            child,
            complaints,
        })
    }
}

/// A running server, killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it answers.
    pub address: SocketAddr,
    /// Whether each client costs a process.
    pub forks: bool,
    greeting: Option<String>,
    child: Child,
    /// Its standard error: a file, so that it never waits for a reader.
    complaints: File,
}

impl Server {
    /// Tries again and again, as long as there is nothing.
    ///
    /// # Errors
    ///
    /// An error of one try; or the server ends, or nothing comes of it for seconds.
    pub fn until<T>(
        &mut self,
        mut tried: impl FnMut(&Self) -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let deadline = Instant::now() + PATIENCE;
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

    /// A connection to it; what is not answered within seconds is an error.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Says what this client has to say first.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn greet(&self, stream: &mut TcpStream, number: usize) -> io::Result<()> {
        let greeting = self.greeting.as_deref().unwrap_or_default();
        stream.write_all(greeting.replace("NUMBER", &number.to_string()).as_bytes())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that it has used so far, without that of its children.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn used(&self) -> io::Result<Duration> {
        let id = i32::try_from(self.id()).expect("the system's ids are small");
        Ok(clock_getcpuclockid(Pid::from_raw(id))?.now()?.into())
    }

    /// Adds to an error what the server said first about it.
    pub fn explain(&self, error: io::Error) -> io::Error {
        let mut words = [0; 512];
        let read = self.complaints.read_at(&mut words, 0).unwrap_or(0);
        match String::from_utf8_lossy(&words[..read]).lines().next() {
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

/// A port that nobody has at the moment, and what asks there for datagrams.
///
/// What asks has its own port while the other is still held: the system gives free ports to those
/// that name none, and one that asked from the very port would hear itself.
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

/// Whether somebody is there. Only a datagram that comes back tells that datagrams are heard.
fn answers(address: SocketAddr, probe: Option<&UdpSocket>) -> io::Result<bool> {
    if let Some(probe) = probe {
        return Ok(probe.send(b"?").is_ok() && probe.recv(&mut [0; 8]).is_ok());
    }
    match TcpStream::connect(address) {
        Ok(stream) => Ok(stream.local_addr()? != address), // itself, as above
        Err(_) => Ok(false),
    }
}

/// Far longer than any of them takes for anything, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
