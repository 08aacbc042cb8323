//! Several datagrams per system call: recvmmsg(2), sendmmsg(2) and their control messages.

use std::mem::{self, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{io, ptr};

use nix::libc;

use crate::sys::sockaddr::RawSockAddr;

/// The most datagrams that one call moves.
pub(crate) const BATCH: usize = 64;

/// What the kernel reports about a received datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// The length of the datagram in bytes, which may exceed that of its buffer.
    pub(crate) length: usize,
    pub(crate) remote: SocketAddr,
    /// The source address for a reply, and the destination address in the header. `None` if the kernel
    /// did not report them, for a socket bound to all addresses.
    pub(crate) addresses: Option<(SocketAddr, IpAddr)>,
}

/// One datagram to send, or several of equal length to one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) to: SocketAddr,
    pub(crate) mode: SendMode,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum SendMode {
    /// One datagram from the address of the socket.
    Plain,
    /// One datagram from this address, on a socket bound to all addresses.
    From(SocketAddr),
    /// The kernel cuts the bytes into datagrams of this length; the last one may be shorter
    /// (`UDP_SEGMENT`, udp(7)).
    Segmented(u16),
}

/// Receives up to [`BATCH`] datagrams without blocking: each into the next of `buffers`, with its
/// description appended to `received` in the same order. A datagram longer than its buffer is
/// truncated. The socket is bound to `bound`; if that stands for all addresses, it needs `IP_PKTINFO`
/// or `IPV6_RECVPKTINFO`.
///
/// # Errors
///
/// EAGAIN if none is queued; otherwise as recvmmsg(2).
pub(crate) fn recv_many<'b>(
    socket: BorrowedFd<'_>,
    bound: SocketAddr,
    buffers: impl Iterator<Item = &'b mut [u8]>,
    received: &mut Vec<Received>,
) -> io::Result<()> {
    let mut names = [RawSockAddr::unspecified(); BATCH];
    let mut controls = [Control::ZERO; BATCH];
    let mut parts: [libc::iovec; BATCH] = zeroed();
    let mut headers: [libc::mmsghdr; BATCH] = zeroed();
    let mut count = 0;
    for (index, buffer) in buffers.take(BATCH).enumerate() {
        parts[index].iov_base = buffer.as_mut_ptr().cast();
        parts[index].iov_len = buffer.len();
        let header = &mut headers[index].msg_hdr;
        header.msg_name = ptr::from_mut(&mut names[index]).cast();
        header.msg_namelen = size_of::<RawSockAddr>() as libc::socklen_t;
        header.msg_iov = &raw mut parts[index];
        header.msg_iovlen = 1;
        header.msg_control = ptr::from_mut(&mut controls[index]).cast();
        header.msg_controllen = size_of::<Control>() as _;
        count = index + 1;
    }
    // SAFETY: each of the `count` headers points to a name, a control buffer and a part of its own
    // with their true sizes, and each part to a buffer that is mutably borrowed during this call.
    let filled = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
            ptr::null_mut(),
        )
    };
    let filled = usize::try_from(filled).map_err(|_| io::Error::last_os_error())?;
    let filled = headers[..filled].iter().zip(&names);
    received.extend(filled.map(|(header, name)| Received {
        length: header.msg_len as usize,
        remote: name.get(),
        addresses: match bound.ip().is_unspecified() {
            true => pktinfo(&header.msg_hdr, bound.port()),
            false => Some((bound, bound.ip())),
        },
    }));
    Ok(())
}

/// Sends up to [`BATCH`] of `outgoing` without blocking and returns how many were sent.
///
/// # Errors
///
/// EAGAIN if the send buffer is full. Any other error concerns the first of `outgoing`.
pub(crate) fn send_many<'a>(
    socket: BorrowedFd<'_>,
    outgoing: impl Iterator<Item = Outgoing<'a>>,
) -> io::Result<usize> {
    let mut names = [RawSockAddr::unspecified(); BATCH];
    let mut controls = [Control::ZERO; BATCH];
    let mut parts: [libc::iovec; BATCH] = zeroed();
    let mut headers: [libc::mmsghdr; BATCH] = zeroed();
    let mut count = 0;
    for (index, Outgoing { bytes, to, mode }) in outgoing.take(BATCH).enumerate() {
        parts[index].iov_base = bytes.as_ptr().cast_mut().cast(); // the kernel only reads it
        parts[index].iov_len = bytes.len();
        let header = &mut headers[index].msg_hdr;
        header.msg_namelen = names[index].set(to);
        header.msg_name = ptr::from_mut(&mut names[index]).cast();
        header.msg_iov = &raw mut parts[index];
        header.msg_iovlen = 1;
        if !matches!(mode, SendMode::Plain) {
            header.msg_control = ptr::from_mut(&mut controls[index]).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        match mode {
            SendMode::Plain => (),
            SendMode::From(from) => write_source(header, from),
            SendMode::Segmented(length) => {
                write_control(header, libc::SOL_UDP, libc::UDP_SEGMENT, length);
            }
        }
        count = index + 1;
    }
    // SAFETY: each of the `count` headers points to a name, a part and perhaps a control buffer of
    // its own with their true sizes. The bytes are borrowed during this call and only read.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sets `from` as the source address of the datagram of `header`.
fn write_source(header: &mut libc::msghdr, from: SocketAddr) {
    match from {
        SocketAddr::V4(from) => {
            let mut info: libc::in_pktinfo = zeroed();
            info.ipi_spec_dst.s_addr = u32::from_ne_bytes(from.ip().octets());
            write_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        SocketAddr::V6(from) => {
            let mut info: libc::in6_pktinfo = zeroed();
            info.ipi6_addr.s6_addr = from.ip().octets();
            info.ipi6_ifindex = from.scope_id() as _; // 0 except for link-local addresses
            write_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

/// Makes `info` the only control message of `header`.
fn write_control<T: Zeroable>(header: &mut libc::msghdr, level: i32, kind: i32, info: T) {
    // SAFETY: `msg_control` points to a `Control`, which is aligned like a `cmsghdr` and has room
    // for the header and any of the types that this is called with.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = level;
        (*control).cmsg_type = kind;
        (*control).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as _;
        ptr::write_unaligned(libc::CMSG_DATA(control).cast(), info);
        header.msg_controllen = libc::CMSG_SPACE(size_of::<T>() as u32) as _;
    }
}

/// Reads the source address for a reply from this port, and the destination address, from the packet
/// information of a received `header`.
fn pktinfo(header: &libc::msghdr, port: u16) -> Option<(SocketAddr, IpAddr)> {
    // SAFETY: `msg_control` still points to the buffer that the kernel filled, and the kernel set
    // `msg_controllen` to the length that it filled; the macros stay within it.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = control.as_ref() {
            let data = libc::CMSG_DATA(control);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    // Zero for datagrams queued before the option was set.
                    let local = match info.ipi_spec_dst.s_addr {
                        0 => info.ipi_addr,
                        _ => info.ipi_spec_dst,
                    };
                    let local = SocketAddr::from((ipv4(local), port));
                    return Some((local, ipv4(info.ipi_addr).into()));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(data.cast());
                    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let scope = match ip.is_unicast_link_local() {
                        true => info.ipi6_ifindex as u32,
                        false => 0,
                    };
                    return Some((SocketAddrV6::new(ip, port, 0, scope).into(), ip.into()));
                }
                _ => control = libc::CMSG_NXTHDR(header, control),
            }
        }
    }
    None
}

fn ipv4(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(address.s_addr.to_ne_bytes())
}

/// A buffer for one control message of any kind used here, aligned for its header.
#[derive(Clone, Copy)]
#[repr(C)]
union Control {
    bytes: [u8; CONTROL_BYTES],
    align: libc::cmsghdr,
}

impl Control {
    const ZERO: Self = Self {
        bytes: [0; CONTROL_BYTES],
    };
}

/// Plain integers and pointers, for which all zero bits are a valid value.
trait Zeroable {}
impl Zeroable for u16 {}
impl Zeroable for libc::in_pktinfo {}
impl Zeroable for libc::in6_pktinfo {}
impl Zeroable for [libc::iovec; BATCH] {}
impl Zeroable for [libc::mmsghdr; BATCH] {}

fn zeroed<T: Zeroable>() -> T {
    // SAFETY: `Zeroable` is implemented only for types with this property.
    unsafe { mem::zeroed() }
}

// SAFETY: `CMSG_SPACE` only computes a size.
const CONTROL_BYTES: usize =
    unsafe { libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) } as usize;
