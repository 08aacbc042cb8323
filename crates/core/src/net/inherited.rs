//! Sockets that the parent process left open.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, Socket, Type};

use crate::net::listen_addr::Descriptor;
use crate::net::listener::Listener;
use crate::net::socket_opts::inode_of;
use crate::net::stream::Stream;
use crate::peer::{Address, Peer, Transport};
use crate::sys::{fd, systemd};

/// Takes an inherited socket.
pub(crate) fn listener(descriptor: &Descriptor) -> io::Result<Listener> {
    let number = match descriptor {
        Descriptor::Number(number) => *number,
        Descriptor::Name(name) => systemd::listen_fd_named(name).ok_or_else(|| {
            io::Error::other("no socket of this name was inherited (LISTEN_FDNAMES)")
        })?,
    };
    from_socket(Socket::from(fd::take_inherited(number)?))
}

/// If standard input and output are one socket, that socket; else a connection made of the two.
pub(crate) fn stdio() -> io::Result<Listener> {
    // Copies, so that the standard descriptors stay open.
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    if is_socket(&input)? && is_same_file(0, 1)? {
        return from_socket(Socket::from(input));
    }
    Ok(Listener::connection(
        Stream::Pair { input, output },
        Peer::stdio(),
    ))
}

fn from_socket(socket: Socket) -> io::Result<Listener> {
    let refuse = |why| Err(io::Error::other(why));
    let domain = socket.domain()?;
    let internet = domain == Domain::IPV4 || domain == Domain::IPV6;
    if !internet && domain != Domain::UNIX {
        return refuse("it is neither an Internet socket nor a Unix socket");
    }
    match socket.r#type()? {
        Type::STREAM if socket.is_listener()? => {
            if internet {
                socket.set_tcp_nodelay(true)?;
                socket.set_keepalive(true)?;
            }
            Listener::stream(socket, None)
        }
        Type::STREAM => match socket.peer_addr() {
            Ok(remote) => {
                let local = Address::from(&socket.local_addr()?);
                let peer = Peer::new(Address::from(&remote), local, Transport::Stream);
                Ok(Listener::connection(Stream::Socket(socket), peer))
            }
            Err(_) => refuse("the socket neither listens nor is connected"),
        },
        Type::DGRAM if internet => match socket.local_addr()?.as_socket() {
            Some(local) if local.port() != 0 => Listener::udp(socket),
            _ => refuse("the UDP socket is not bound to a port"),
        },
        _ => refuse("sockets of this type are not supported"),
    }
}

fn is_socket(fd: &OwnedFd) -> io::Result<bool> {
    let mode = nix::sys::stat::fstat(fd)?.st_mode;
    Ok(mode & nix::libc::S_IFMT == nix::libc::S_IFSOCK)
}

/// Whether two descriptors of this process refer to the same file or socket.
fn is_same_file(one: u16, other: u16) -> io::Result<bool> {
    let inode = |fd| fs::metadata(format!("/proc/self/fd/{fd}")).map(|file| inode_of(&file));
    Ok(inode(one)? == inode(other)?)
}
