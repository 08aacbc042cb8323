//! Options of UDP sockets, and the files of Unix sockets.

use std::fs::{self, Metadata};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Enables packet information (`IP_PKTINFO`, `IPV6_RECVPKTINFO`) on a socket bound to all
/// addresses, so that each datagram comes with its destination address. For datagrams queued before
/// this call, the kernel may not report it.
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
    let is_small = |size: io::Result<usize>| size.is_ok_and(|size| size < BUFFER_BYTES);
    if is_small(socket.recv_buffer_size()) {
        socket.set_recv_buffer_size(BUFFER_BYTES).ok();
    }
    if is_small(socket.send_buffer_size()) {
        socket.set_send_buffer_size(BUFFER_BYTES).ok();
    }
}

const BUFFER_BYTES: usize = 4 << 20;

/// The file of a bound Unix socket, which is removed when this or a copy is dropped.
#[derive(Clone, Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    /// The file that was just bound at `path`.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let inode = inode_of(&fs::symlink_metadata(path)?);
        let path = path.to_owned();
        Ok(Self { path, inode })
    }
}

/// Removes the file, unless another one has its path now.
impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|now| inode_of(&now) == self.inode) {
            fs::remove_file(&self.path).ok(); // fails if it was removed meanwhile
        }
    }
}

/// The device and the inode, which identify a file.
fn inode_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
