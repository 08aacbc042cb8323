//! What is set on a socket of datagrams.

use std::io;
use std::net::IpAddr;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Has the system tell where each datagram was sent to, on a socket for all addresses. Of what
/// arrives before, it may not tell whether it was sent to many.
///
/// # Errors
///
/// The socket is not one of Internet datagrams.
pub(crate) fn tell_destinations(socket: &Socket, ip: IpAddr) -> io::Result<()> {
    match ip {
        ip if !ip.is_unspecified() => (), // there is but one address to be asked
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// Raises the buffers of the system as far as it lets us: what arrives in a burst should find room.
pub(crate) fn raise_buffers(socket: &Socket) {
    if socket.recv_buffer_size().is_ok_and(|size| size < BUFFER) {
        socket.set_recv_buffer_size(BUFFER).ok();
    }
    if socket.send_buffer_size().is_ok_and(|size| size < BUFFER) {
        socket.set_send_buffer_size(BUFFER).ok();
    }
}

const BUFFER: usize = 4 << 20;
