//! Sockets that the parent process left open.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd;

use nix::sys::stat::{SFlag, fstat};
use socket2::{Domain, Socket, Type};

use crate::net::listen_addr::Descriptor;
use crate::net::listener::Listener;
use crate::net::multicast::{self, Membership};
use crate::net::stream::Stream;
use crate::peer::{Address, Peer, Transport};
use crate::sys::{fd, systemd};

/// Takes an inherited socket. One that is bound to a multicast group joins it on `interface`.
pub(crate) fn listener(
    descriptor: &Descriptor,
    interface: Option<NonZeroU32>,
) -> io::Result<Listener> {
    let number = match descriptor {
        Descriptor::Number(number) => *number,
        Descriptor::Name(name) => systemd::listen_fd_named(name).ok_or_else(|| {
            io::Error::other("no socket of this name was inherited (LISTEN_FDNAMES)")
        })?,
    };
    from_socket(Socket::from(fd::take_inherited(number)?), interface)
}

/// If standard input and output are one socket, that socket; else a connection made of the two.
pub(crate) fn stdio() -> io::Result<Listener> {
    // Copies, so that the standard descriptors stay open.
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let (first, second) = (fstat(&input)?, fstat(&output)?);
    let is_socket =
        SFlag::from_bits_truncate(first.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFSOCK;
    if is_socket && (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino) {
        return from_socket(Socket::from(input), None);
    }
    Ok(Listener::connection(Stream::pair(input, output)))
}

fn from_socket(socket: Socket, interface: Option<NonZeroU32>) -> io::Result<Listener> {
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
                Ok(Listener::connection(Stream::inherited(socket, peer)))
            }
            Err(_) => refuse("the socket neither listens nor is connected"),
        },
        Type::DGRAM if internet => match socket.local_addr()?.as_socket() {
            Some(local) if local.port() != 0 => {
                multicast::check(local.ip(), Type::DGRAM)?;
                if local.ip().is_multicast() {
                    Membership::new(local, interface)?.join(&socket)?;
                }
                Listener::udp(socket)
            }
            _ => refuse("the UDP socket is not bound to a port"),
        },
        _ => refuse("sockets of this type are not supported"),
    }
}
