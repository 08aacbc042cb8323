//! Many datagrams with one call.

use std::io;
use std::mem::{self, size_of};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use nix::libc;

use crate::sys::sockaddr::{Name, v4};

/// No more than this many datagrams are moved with one call.
pub(crate) const BATCH: usize = 64;

/// What the system tells about a datagram that it wrote to memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter {
    /// How long it was, which may be more than was written.
    pub(crate) length: usize,
    pub(crate) remote: SocketAddr,
    /// Where it arrived, if the socket was set to tell.
    pub(crate) arrived: Option<Arrived>,
}

/// Where a datagram arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// Where an answer is to come from.
    pub(crate) local: IpAddr,
    /// Where it was sent to.
    pub(crate) destination: IpAddr,
    pub(crate) interface: u32,
}

/// A datagram to be sent, or several to one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) to: SocketAddr,
    pub(crate) how: How,
}

/// How it is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Plainly,
    /// From this address, where the socket has several.
    From(SocketAddr),
    /// Cut by the system into datagrams of so many bytes; the last one may be shorter.
    Cut(u16),
}

/// Receives what has arrived, without waiting: each datagram into the next one of `memory`, and
/// what is to be told about it into `letters`, in the same order. What is longer than its memory is
/// cut off.
///
/// # Errors
///
/// EAGAIN if nothing has arrived, and others.
pub(crate) fn receive_many<'m>(
    socket: BorrowedFd<'_>,
    memory: impl Iterator<Item = &'m mut [u8]>,
    letters: &mut Vec<Letter>,
) -> io::Result<()> {
    let mut names = [Name::ANY; BATCH];
    let mut controls = [Control::EMPTY; BATCH];
    let mut parts: [libc::iovec; BATCH] = zeroed();
    let mut headers: [libc::mmsghdr; BATCH] = zeroed();
    let mut count = 0;
    for (place, memory) in memory.take(BATCH).enumerate() {
        parts[place].iov_base = memory.as_mut_ptr().cast();
        parts[place].iov_len = memory.len();
        let header = &mut headers[place].msg_hdr;
        header.msg_name = ptr::from_mut(&mut names[place]).cast();
        header.msg_namelen = size_of::<Name>() as libc::socklen_t;
        header.msg_iov = &raw mut parts[place];
        header.msg_iovlen = 1;
        header.msg_control = ptr::from_mut(&mut controls[place]).cast();
        header.msg_controllen = size_of::<Control>() as _;
        count = place + 1;
    }
    // SAFETY: each of the `count` headers points to a name, a control and a part of its own, with
    // the sizes they have, and each part to memory that is borrowed from the caller for this long.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    letters.extend(
        headers[..received]
            .iter()
            .zip(&names)
            .map(|(header, name)| Letter {
                length: header.msg_len as usize,
                remote: name.address(),
                arrived: arrived(&header.msg_hdr),
            }),
    );
    Ok(())
}

/// Sends the first of `outgoing`, without waiting; says how many.
///
/// # Errors
///
/// EAGAIN if there is no room now; others are about the very first one.
pub(crate) fn send_many<'a>(
    socket: BorrowedFd<'_>,
    outgoing: impl Iterator<Item = Outgoing<'a>>,
) -> io::Result<usize> {
    let mut names = [Name::ANY; BATCH];
    let mut controls = [Control::EMPTY; BATCH];
    let mut parts: [libc::iovec; BATCH] = zeroed();
    let mut headers: [libc::mmsghdr; BATCH] = zeroed();
    let mut count = 0;
    for (place, Outgoing { bytes, to, how }) in outgoing.take(BATCH).enumerate() {
        parts[place].iov_base = bytes.as_ptr().cast_mut().cast(); // only read from
        parts[place].iov_len = bytes.len();
        let header = &mut headers[place].msg_hdr;
        header.msg_namelen = names[place].set(to);
        header.msg_name = ptr::from_mut(&mut names[place]).cast();
        header.msg_iov = &raw mut parts[place];
        header.msg_iovlen = 1;
        if !matches!(how, How::Plainly) {
            header.msg_control = ptr::from_mut(&mut controls[place]).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        match how {
            How::Plainly => (),
            How::From(from) => send_from(header, from),
            How::Cut(bytes) => write_control(header, libc::SOL_UDP, libc::UDP_SEGMENT, bytes),
        }
        count = place + 1;
    }
    // SAFETY: each of the `count` headers points to a name, a part and perhaps a control of its
    // own, with the sizes they have; the bytes are borrowed for longer than this and only read.
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

/// Writes into the control of `header` that the datagram is to leave from this address.
fn send_from(header: &mut libc::msghdr, from: SocketAddr) {
    match from {
        SocketAddr::V4(from) => {
            let mut info: libc::in_pktinfo = zeroed();
            info.ipi_spec_dst.s_addr = u32::from_ne_bytes(from.ip().octets());
            write_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        SocketAddr::V6(from) => {
            let mut info: libc::in6_pktinfo = zeroed();
            info.ipi6_addr.s6_addr = from.ip().octets();
            info.ipi6_ifindex = from.scope_id() as _; // 0 but for addresses of one link
            write_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

/// Makes `info` the only thing in the [`Control`] of `header`.
fn write_control<T: Plain>(header: &mut libc::msghdr, level: i32, kind: i32, info: T) {
    // SAFETY: the control is as large as its header says, aligned like a `cmsghdr`, and has room for
    // one with any kind of information.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = level;
        (*control).cmsg_type = kind;
        (*control).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as _;
        ptr::write_unaligned(libc::CMSG_DATA(control).cast(), info);
        header.msg_controllen = libc::CMSG_SPACE(size_of::<T>() as u32) as _;
    }
}

/// Where a datagram arrived, as the system has told in the control of `header`.
fn arrived(header: &libc::msghdr) -> Option<Arrived> {
    // SAFETY: the control still is where it was when the system filled it, and the system has
    // written how much of it it filled; these macros go no further.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = control.as_ref() {
            let data = libc::CMSG_DATA(control);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    // It is not told for what had come before the socket was set to tell.
                    let local = match info.ipi_spec_dst.s_addr {
                        0 => info.ipi_addr,
                        _ => info.ipi_spec_dst,
                    };
                    return Some(Arrived {
                        local: v4(local).into(),
                        destination: v4(info.ipi_addr).into(),
                        interface: info.ipi_ifindex as u32,
                    });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(data.cast());
                    let local = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
                    return Some(Arrived {
                        local,
                        destination: local,
                        interface: info.ipi6_ifindex as u32,
                    });
                }
                _ => control = libc::CMSG_NXTHDR(header, control),
            }
        }
    }
    None
}

/// Room for one piece of information beside a datagram.
#[derive(Clone, Copy)]
#[repr(C)]
union Control {
    bytes: [u8; CONTROL_BYTES],
    align: libc::cmsghdr,
}

impl Control {
    const EMPTY: Self = Self {
        bytes: [0; CONTROL_BYTES],
    };
}

/// Plain numbers and pointers, of which all zero is a value.
pub(super) trait Plain {}
impl Plain for u16 {}
impl Plain for libc::in_pktinfo {}
impl Plain for libc::in6_pktinfo {}
impl Plain for libc::sockaddr_in {}
impl Plain for libc::sockaddr_in6 {}
impl Plain for [libc::iovec; BATCH] {}
impl Plain for [libc::mmsghdr; BATCH] {}

pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: that is what `Plain` says.
    unsafe { mem::zeroed() }
}

// SAFETY: it only computes.
const CONTROL_BYTES: usize =
    unsafe { libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) } as usize;
