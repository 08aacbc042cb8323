//! Exec: runs any program as a service, by the conventions of inetd and UCSPI.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use switchboard_core::{
    Address, Config, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport,
};

/// Runs a program for each peer, with the connection as its standard input and output.
///
/// It is started without a shell. Its environment consists of `PATH` and the UCSPI variables, which
/// describe the connection. The peer controls nothing in it but its own address.
pub struct Exec {
    program: PathBuf,
    arguments: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Options {
    /// The program and its arguments; they are not passed to a shell
    #[arg(
        required = true,
        last = true,
        value_name = "PROGRAM ARGS",
        num_args = 1..
    )]
    command: Vec<OsString>,
}

impl Exec {
    /// A service that runs `program`, which is searched in `PATH` if it has no slash.
    ///
    /// # Errors
    ///
    /// There is no such program, or it is not executable.
    pub fn new(program: &OsStr, arguments: Vec<OsString>) -> io::Result<Self> {
        Ok(Self {
            program: find(program)?,
            arguments,
        })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, String> {
        let mut command = options.command.into_iter();
        let program = command.next().unwrap_or_default();
        Self::new(&program, command.collect())
            .map_err(|error| format!("{}: {error}", program.display()))
    }
}

/// The path of `program`: itself if it has a slash, else the first executable file in `PATH`.
fn find(program: &OsStr) -> io::Result<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        let path = std::path::absolute(program)?;
        return check_executable(&path).map(|()| path);
    }
    let mut not_found = io::Error::new(io::ErrorKind::NotFound, "no program of that name in PATH");
    for folder in env::split_paths(&path()) {
        let path = folder.join(program);
        match check_executable(&path) {
            Ok(()) => return std::path::absolute(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => not_found = error,
            Err(_) => (),
        }
    }
    Err(not_found)
}

fn check_executable(path: &Path) -> io::Result<()> {
    let file = fs::metadata(path)?;
    if file.is_file() && file.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    let error = "not an executable file";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, error))
}

fn path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

impl Service for Exec {
    fn config(&self, _: Transport) -> Config {
        Config::bytes().exec()
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", path())
            .envs(variables(peer));
        Ok(Box::new(ExecSession(Some(Box::new(command)))))
    }
}

/// The environment variables that describe the connection: `PROTO`; for TCP and UDP also
/// `TCPLOCALIP`, `TCPLOCALPORT`, `TCPREMOTEIP`, `TCPREMOTEPORT` (`UDP…`), `REMOTE_ADDR` and
/// `REMOTE_PORT`; for a Unix socket `UNIXLOCALPATH`.
///
/// The names are those of UCSPI and CGI. They are the same for IPv4 and IPv6.
fn variables(peer: &Peer) -> Vec<(String, OsString)> {
    let proto = match (&peer.remote, peer.transport) {
        (Address::Ip(_), Transport::Stream) => "TCP",
        (Address::Ip(_), Transport::Datagram) => "UDP",
        (Address::Unix(_), _) => "UNIX",
        _ => "STDIO",
    };
    let mut variables = vec![("PROTO".to_owned(), proto.into())];
    let mut add = |name: String, value: String| variables.push((name, value.into()));
    if let Address::Ip(remote) = &peer.remote {
        add(format!("{proto}REMOTEIP"), remote.ip().to_string());
        add(format!("{proto}REMOTEPORT"), remote.port().to_string());
        add("REMOTE_ADDR".to_owned(), remote.ip().to_string());
        add("REMOTE_PORT".to_owned(), remote.port().to_string());
    }
    if let Address::Ip(local) = &peer.local {
        add(format!("{proto}LOCALIP"), local.ip().to_string());
        add(format!("{proto}LOCALPORT"), local.port().to_string());
    }
    // The path of the peer's own socket is left out, because the peer chooses it.
    if let Address::Unix(Some(path)) = &peer.local {
        variables.push(("UNIXLOCALPATH".to_owned(), path.into()));
    }
    variables
}

struct ExecSession(Option<Box<Command>>);

impl Session for ExecSession {
    fn on_open(&mut self, _: &mut Outbox) -> Result {
        Ok(self.0.take().map_or(Flow::Close, Flow::Exec))
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Close) // not called: the program has the connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(remote: &str, local: &str, transport: Transport) -> Peer {
        let address = |text: &str| Address::Ip(text.parse().expect("an address"));
        Peer::new(address(remote), address(local), transport)
    }

    #[track_caller]
    fn check(peer: &Peer, expected: &[&str]) {
        let mut names: Vec<String> = variables(peer)
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.display()))
            .collect();
        names.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn the_environment_describes_the_connection() {
        check(
            &peer("192.0.2.1:5000", "192.0.2.2:1212", Transport::Stream),
            &[
                "PROTO=TCP",
                "REMOTE_ADDR=192.0.2.1",
                "REMOTE_PORT=5000",
                "TCPLOCALIP=192.0.2.2",
                "TCPLOCALPORT=1212",
                "TCPREMOTEIP=192.0.2.1",
                "TCPREMOTEPORT=5000",
            ],
        );
        check(
            &peer(
                "[2001:db8::1]:5000",
                "[2001:db8::2]:1212",
                Transport::Datagram,
            ),
            &[
                "PROTO=UDP",
                "REMOTE_ADDR=2001:db8::1",
                "REMOTE_PORT=5000",
                "UDPLOCALIP=2001:db8::2",
                "UDPLOCALPORT=1212",
                "UDPREMOTEIP=2001:db8::1",
                "UDPREMOTEPORT=5000",
            ],
        );
        let unix = Peer::new(
            Address::Unix(Some("() { :; }; evil".into())),
            Address::Unix(Some("/run/socket".into())),
            Transport::Stream,
        );
        check(&unix, &["PROTO=UNIX", "UNIXLOCALPATH=/run/socket"]);
    }

    #[test]
    fn a_program_is_found_or_refused() {
        assert!(Exec::new(OsStr::new("sh"), Vec::new()).is_ok());
        assert!(Exec::new(OsStr::new("/bin/sh"), Vec::new()).is_ok());
        for wrong in [
            "no-such-program",
            "/no/such/program",
            "/",
            "/etc/passwd",
            "",
        ] {
            assert!(Exec::new(OsStr::new(wrong), Vec::new()).is_err(), "{wrong}");
        }
    }
}
