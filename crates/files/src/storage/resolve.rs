//! Opens a path below a folder (`openat2(2)`).

use std::os::fd::{AsFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Opens `path` below `folder`, following no symbolic link and never blocking, on a pipe for instance.
pub(super) fn open<P: NixPath + ?Sized>(
    folder: impl AsFd,
    path: &P,
    flags: OFlag,
) -> Result<OwnedFd, Errno> {
    let always = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let flags = if flags.contains(OFlag::O_PATH) {
        flags | always // openat2 rejects the others
    } else {
        flags | always | OFlag::O_NONBLOCK | OFlag::O_NOCTTY
    };
    let resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags).resolve(resolve);
    for _ in 0..MAX_ATTEMPTS {
        match openat2(&folder, path, how) {
            // EAGAIN: something was renamed meanwhile, so the kernel could not rule out an escape.
            Err(Errno::EAGAIN | Errno::EINTR) => (),
            opened => return opened,
        }
    }
    Err(Errno::EAGAIN)
}

const MAX_ATTEMPTS: usize = 100; // a process that renames folders in a loop must not block others
