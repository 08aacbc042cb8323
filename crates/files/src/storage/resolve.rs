//! The one way from a folder to what is below it.

use std::os::fd::{AsFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Opens what is at `path` below `folder`, through no link, without waiting for anybody.
pub(crate) fn open<P: NixPath + ?Sized>(
    folder: impl AsFd,
    path: &P,
    flags: OFlag,
) -> Result<OwnedFd, Errno> {
    let own = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let flags = if flags.contains(OFlag::O_PATH) {
        flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW // it takes no others
    } else {
        flags | own
    };
    let resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags).resolve(resolve);
    for _ in 0..MOST_ATTEMPTS {
        match openat2(&folder, path, how) {
            // Something was moved on the way, and the system is not sure where it would have come to.
            Err(Errno::EAGAIN | Errno::EINTR) => (),
            opened => return opened,
        }
    }
    Err(Errno::EAGAIN)
}

const MOST_ATTEMPTS: usize = 100; // who moves folders all the time only keeps them from being read
