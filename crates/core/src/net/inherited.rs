//! Sockets that whoever started this process left open for it.

use std::env;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, Socket, Type};

use crate::net::bind::inode_of;
use crate::net::listen_addr::{Descriptor, ListenAddr};
use crate::net::listener::Listener;
use crate::net::stream::Stream;
use crate::peer::{Address, Peer, Transport};
use crate::sys::process;

impl ListenAddr {
    /// The sockets that a service manager passed to this process: `LISTEN_FDS` of them, if
    /// `LISTEN_PID` says that they are meant for it (sd_listen_fds(3)).
    #[must_use]
    pub fn activated() -> Vec<Self> {
        let numbers = FIRST..FIRST + passed();
        numbers
            .map(|number| Self::Fd(Descriptor::Number(number)))
            .collect()
    }
}

/// Takes a descriptor that whoever started this process left open for it. Of standard input, output
/// and error a copy is taken.
///
/// # Errors
///
/// EBADF where nothing was left open at `number`, and where it was taken already.
pub fn inherited(number: u16) -> io::Result<OwnedFd> {
    process::inherited(number)
}

/// How many descriptors were passed to this process.
fn passed() -> u16 {
    let number = |name| env::var(name).ok().and_then(|words| words.parse().ok());
    let here = number("LISTEN_PID") == Some(u64::from(std::process::id()));
    let count = number("LISTEN_FDS").filter(|&count| here && count <= MOST);
    count.map_or(0, |count| u16::try_from(count).unwrap_or(0))
}

/// Takes a descriptor that was left open.
pub(crate) fn take(descriptor: &Descriptor) -> io::Result<Listener> {
    let number = match descriptor {
        Descriptor::Number(number) => *number,
        Descriptor::Name(name) => {
            let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
            let mut names = (FIRST..FIRST + passed()).zip(names.split(':'));
            let found = names.find(|(_, passed)| passed == name);
            let (number, _) = found.ok_or_else(|| {
                io::Error::other("no socket of that name was passed (LISTEN_FDNAMES)")
            })?;
            number
        }
    };
    listener(Socket::from(process::inherited(number)?))
}

/// One peer at standard input and output; or what else stands there, if it is a socket.
pub(crate) fn stdio() -> io::Result<Listener> {
    // What is printed and logged later still finds its way, so these are copies.
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    if is_socket(&input)? && is_same(0, 1)? {
        return listener(Socket::from(input));
    }
    Ok(Listener::single(
        Stream::Pair { input, output },
        Peer::stdio(),
    ))
}

fn listener(socket: Socket) -> io::Result<Listener> {
    let refused = |why| Err(io::Error::other(why));
    let domain = socket.domain()?;
    let internet = domain == Domain::IPV4 || domain == Domain::IPV6;
    if !internet && domain != Domain::UNIX {
        return refused("it is a socket of neither the Internet protocols nor this machine");
    }
    match socket.r#type()? {
        Type::STREAM if socket.is_listener()? => {
            if internet {
                socket.set_tcp_nodelay(true)?;
                socket.set_keepalive(true)?;
            }
            Listener::streams(socket, None)
        }
        Type::STREAM => match socket.peer_addr() {
            Ok(remote) => {
                let local = Address::from(&socket.local_addr()?);
                let peer = Peer::new(Address::from(&remote), local, Transport::Stream);
                Ok(Listener::single(Stream::Socket(socket), peer))
            }
            Err(_) => refused("it is a socket that neither listens nor is connected"),
        },
        Type::DGRAM if internet => match socket.local_addr()?.as_socket() {
            Some(local) if local.port() != 0 => Listener::datagrams(socket),
            _ => refused("it is a socket for datagrams without a port"),
        },
        _ => refused("it is a socket of a kind that is not served"),
    }
}

fn is_socket(fd: &OwnedFd) -> io::Result<bool> {
    let mode = nix::sys::stat::fstat(fd)?.st_mode;
    Ok(mode & nix::libc::S_IFMT == nix::libc::S_IFSOCK)
}

/// Whether two descriptors of this process are one and the same file or socket.
fn is_same(one: u16, other: u16) -> io::Result<bool> {
    let inode = |fd| fs::metadata(format!("/proc/self/fd/{fd}")).map(|file| inode_of(&file));
    Ok(inode(one)? == inode(other)?)
}

const FIRST: u16 = 3; // SD_LISTEN_FDS_START
const MOST: u64 = 1024; // a slip, if it is more
