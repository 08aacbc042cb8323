//! Addresses as the system reads and writes them.

use std::mem::{self, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::libc;

use crate::sys::mmsg::zeroed;

/// An address as the system reads and writes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    // SAFETY: of plain numbers, all zero is a value.
    pub(crate) const ANY: Self = unsafe { mem::zeroed() };

    /// Becomes this address; says how long it is.
    pub(crate) fn set(&mut self, address: SocketAddr) -> libc::socklen_t {
        match address {
            SocketAddr::V4(address) => {
                let mut name: libc::sockaddr_in = zeroed();
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = address.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                self.v4 = name;
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(address) => {
                let mut name: libc::sockaddr_in6 = zeroed();
                name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.sin6_port = address.port().to_be();
                name.sin6_addr.s6_addr = address.ip().octets();
                name.sin6_scope_id = address.scope_id();
                self.v6 = name;
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        // SAFETY: all of it is plain numbers, and was set to zero before the system wrote to it.
        let (v4_name, v6) = unsafe { (self.v4, self.v6) };
        if i32::from(v6.sin6_family) == libc::AF_INET6 {
            let (ip, port) = (
                Ipv6Addr::from(v6.sin6_addr.s6_addr),
                u16::from_be(v6.sin6_port),
            );
            SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()
        } else {
            SocketAddrV4::new(v4(v4_name.sin_addr), u16::from_be(v4_name.sin_port)).into()
        }
    }
}

pub(crate) fn v4(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(address.s_addr.to_ne_bytes())
}
