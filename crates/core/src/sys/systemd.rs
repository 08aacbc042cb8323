//! The protocols of a service manager: sd_notify(3) and sd_listen_fds(3).

use std::env;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `state` to the service manager at `NOTIFY_SOCKET` (sd_notify(3)): `READY=1` once the server
/// listens, `STOPPING=1` when it shuts down. Without that variable it does nothing.
pub fn notify_service_manager(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    // It never blocks: a manager that cannot be reached has a timeout of its own.
    if let (Some(address), Ok(socket)) = (address(&path), UnixDatagram::unbound()) {
        socket.set_nonblocking(true).ok();
        socket.send_to_addr(state.as_bytes(), &address).ok();
    }
}

/// A path, or after `@` a name in the abstract namespace (unix(7)).
fn address(path: &OsStr) -> Option<SocketAddr> {
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(path).ok(),
    }
}

/// The numbers of the descriptors that a service manager passed to this process: `LISTEN_FDS` of
/// them, if `LISTEN_PID` is this process.
pub(crate) fn listen_fds() -> Range<u16> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let is_for_us = number("LISTEN_PID") == Some(u64::from(std::process::id()));
    let count = number("LISTEN_FDS").filter(|&count| is_for_us && count <= MAX_LISTEN_FDS);
    let count = count.map_or(0, |count| u16::try_from(count).unwrap_or(0));
    LISTEN_FDS_START..LISTEN_FDS_START + count
}

/// The descriptor that is called `name` in `LISTEN_FDNAMES`.
pub(crate) fn listen_fd_named(name: &str) -> Option<u16> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut named = listen_fds().zip(names.split(':'));
    named
        .find(|(_, passed)| *passed == name)
        .map(|(number, _)| number)
}

const LISTEN_FDS_START: u16 = 3; // SD_LISTEN_FDS_START
const MAX_LISTEN_FDS: u64 = 1024; // a higher number is a mistake
