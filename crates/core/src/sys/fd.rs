//! Descriptors that come from other processes, and what the kernel knows of a socket.

use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::{SockAddr, Socket};

/// Takes a descriptor that the parent process left open. Each can be taken once. Standard input,
/// output and error stay open: a copy is returned, any number of times.
///
/// # Errors
///
/// EBADF: nothing was left open at `number`. EBUSY: it was taken before.
pub fn take_inherited(number: u16) -> io::Result<OwnedFd> {
    let raw = RawFd::from(number);
    // SAFETY: fcntl(2) with F_GETFD only reports whether the number is open.
    let flags = Errno::result(unsafe { libc::fcntl(raw, libc::F_GETFD) })?;
    if number <= 2 {
        // SAFETY: it was open just now, and nothing in this program closes the standard descriptors.
        return unsafe { BorrowedFd::borrow_raw(raw) }.try_clone_to_owned();
    }
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err(Errno::EBUSY.into());
    }
    // Descriptors that Rust code opens close on exec; one that the parent left open does not.
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EBADF.into());
    }
    taken.insert(number);
    // SAFETY: it is open, no Rust code opened it, and the record above keeps it from having two
    // owners.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(fd)
}

/// Accepts a connection at a listening socket, as a socket that does not block and closes on exec.
/// Returns the address of the peer as well.
///
/// # Errors
///
/// As accept(2).
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(Socket, SockAddr)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: accept4(2) writes an address of at most `length` bytes to `storage`, and its real length
    // to `length`.
    unsafe {
        SockAddr::try_init(|storage, length| {
            let raw = libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags);
            // SAFETY: the kernel opened it for this call, so nothing else owns it.
            Ok(Socket::from_raw_fd(Errno::result(raw)?))
        })
    }
}

/// Receives a descriptor that another process passes through a Unix socket (SCM_RIGHTS). It closes on
/// exec. `None` is the end of input.
///
/// # Errors
///
/// EAGAIN: none has arrived. EMFILE: this process may not open another one; then the descriptor is
/// lost.
pub(crate) fn receive_fd(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let mut parts = [IoSliceMut::new(&mut byte)];
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let messages = received.cmsgs().map_err(|_| Errno::EMFILE)?; // the control data was truncated
    for message in messages {
        if let ControlMessageOwned::ScmRights(fds) = message
            && let &[raw] = &fds[..]
        {
            // SAFETY: the kernel opened it for this call, so nothing else owns it. There is space for
            // one only.
            return Ok(Some(unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    Err(Errno::EMFILE.into())
}

/// Closes all descriptors of this process but the standard ones and `kept`. For a forked child that
/// must not keep copies of descriptors of its parent.
///
/// The child must not use or drop anything that owns a descriptor opened before, and ends by
/// [`exit`](crate::sys::process::exit).
///
/// # Errors
///
/// The kernel is older than Linux 5.9.
pub(crate) fn close_all_except(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = kept.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, kept.saturating_sub(1)), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: the owners of these descriptors are neither used nor dropped any more.
            Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
    }
    Ok(())
}

/// Closes a descriptor whose owner is neither used nor dropped any more.
pub(crate) fn close_forgotten(fd: BorrowedFd<'_>) {
    // SAFETY: by contract nothing uses or closes it later.
    unsafe { libc::close(fd.as_raw_fd()) };
}

/// The state of a TCP connection (tcp(7), TCP_INFO). `None` for any other descriptor.
pub(crate) fn tcp_info(socket: BorrowedFd<'_>) -> Option<libc::tcp_info> {
    // SAFETY: the struct consists of integers, for which zero is valid.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).expect("the struct is small");
    // SAFETY: getsockopt(2) writes at most `length` bytes, the size of `info`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (done == 0).then_some(info)
}
