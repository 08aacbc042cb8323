//! Socket addresses in the layout of the system calls (`struct sockaddr_in` and `sockaddr_in6`).

use std::mem::size_of;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::libc::socklen_t;
use nix::sys::socket::{AddressFamily, SockaddrIn, SockaddrIn6, SockaddrLike};

/// An IPv4 or IPv6 address that a system call reads or writes.
///
/// Every byte is initialised at all times: both variants are plain integers without padding, and a
/// value starts as the larger of the two.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union RawSockAddr {
    v4: SockaddrIn,
    v6: SockaddrIn6,
}

impl RawSockAddr {
    pub(crate) fn unspecified() -> Self {
        let v6 = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0).into();
        Self { v6 }
    }

    /// Stores `address` and returns the length of its structure.
    pub(crate) fn set(&mut self, address: SocketAddr) -> socklen_t {
        let length = match address {
            SocketAddr::V4(address) => {
                self.v4 = address.into();
                size_of::<SockaddrIn>()
            }
            SocketAddr::V6(address) => {
                self.v6 = address.into();
                size_of::<SockaddrIn6>()
            }
        };
        length as socklen_t
    }

    pub(crate) fn get(&self) -> SocketAddr {
        // SAFETY: every byte is initialised, see the type, and any integer is a valid value.
        let (v4, v6) = unsafe { (self.v4, self.v6) };
        match v6.family() {
            Some(AddressFamily::Inet6) => SocketAddrV6::from(v6).into(),
            _ => SocketAddrV4::from(v4).into(),
        }
    }
}
