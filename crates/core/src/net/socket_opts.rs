//! Options of UDP sockets.

use std::io;
use std::net::IpAddr;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Enables packet information (`IP_PKTINFO`, `IPV6_RECVPKTINFO`) on a socket bound to all
/// addresses, so that each datagram comes with its destination address. For datagrams queued before
/// this call, the kernel may not report it.
///
/// # Errors
///
/// As setsockopt(2), such as for a socket that is not an Internet socket.
pub(crate) fn enable_pktinfo(socket: &Socket, bound: IpAddr) -> io::Result<()> {
    match bound {
        ip if !ip.is_unspecified() => (), // every datagram was sent to this address
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// Raises both kernel buffers to [`BUFFER_BYTES`], or as far as the system allows, for bursts.
pub(crate) fn raise_buffers(socket: &Socket) {
    if socket
        .recv_buffer_size()
        .is_ok_and(|size| size < BUFFER_BYTES)
    {
        socket.set_recv_buffer_size(BUFFER_BYTES).ok();
    }
    if socket
        .send_buffer_size()
        .is_ok_and(|size| size < BUFFER_BYTES)
    {
        socket.set_send_buffer_size(BUFFER_BYTES).ok();
    }
}

const BUFFER_BYTES: usize = 4 << 20;
