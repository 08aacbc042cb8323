//! Socket addresses in the layout of the system calls (`struct sockaddr_in` and `sockaddr_in6`).

use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::libc;

/// An IPv4 or IPv6 address that a system call reads or writes.
///
/// Every byte is initialised at all times: both variants are plain integers without padding, and a
/// value starts as the larger of the two.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union RawSockAddr {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawSockAddr {
    pub(crate) const ZERO: Self = Self {
        v6: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// Stores `address` and returns the length of its structure.
    pub(crate) fn set(&mut self, address: SocketAddr) -> libc::socklen_t {
        match address {
            SocketAddr::V4(address) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(address) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr {
                        s6_addr: address.ip().octets(),
                    },
                    sin6_scope_id: address.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    pub(crate) fn get(&self) -> SocketAddr {
        // SAFETY: every byte is initialised, see the type, and any integer is a valid value.
        let (raw_v4, raw_v6) = unsafe { (self.v4, self.v6) };
        if i32::from(raw_v6.sin6_family) == libc::AF_INET6 {
            let ip = Ipv6Addr::from(raw_v6.sin6_addr.s6_addr);
            let port = u16::from_be(raw_v6.sin6_port);
            SocketAddrV6::new(ip, port, 0, raw_v6.sin6_scope_id).into()
        } else {
            let port = u16::from_be(raw_v4.sin_port);
            SocketAddrV4::new(ipv4(raw_v4.sin_addr), port).into()
        }
    }
}

pub(crate) fn ipv4(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(address.s_addr.to_ne_bytes())
}
