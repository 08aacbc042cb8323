//! Tells a service manager how the server is, where one asks for it (sd_notify(3)).

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the service manager at `NOTIFY_SOCKET`, if there is one: `READY=1` once it can be called,
/// `STOPPING=1` at the begin of its end.
pub fn notify(state: &str) {
    let Some(place) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    // A manager that cannot be reached is not waited for: it has a limit of its own.
    if let (Some(address), Ok(socket)) = (address(&place), UnixDatagram::unbound()) {
        socket.set_nonblocking(true).ok();
        socket.send_to_addr(state.as_bytes(), &address).ok();
    }
}

/// A path, or a name without a file after `@`.
fn address(place: &OsStr) -> Option<SocketAddr> {
    match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(place).ok(),
    }
}
