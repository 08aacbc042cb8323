//! Processes and descriptors: the system calls that have no safe form.

use std::fs;
use std::io::{self, IoSliceMut};
use std::mem;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::slice;
use std::sync::atomic::AtomicU64;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::prctl;
use nix::sys::signal::{self, SigHandler, SigSet, Signal};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{self, ForkResult, Pid};

use crate::sys::rlimit;

/// What [`fork`] made of the process that called it.
pub(crate) enum Forked {
    /// This is the acceptor still; the child is this one.
    Acceptor(Pid),
    /// This is the child.
    Child,
}

/// Splits the process in two. The child dies with its parent, whatever it is doing then: SIGTERM
/// would be kept from a session that does not come back.
///
/// The caller has made sure of being the only thread, see [`require_one_thread`].
///
/// # Errors
///
/// EAGAIN or ENOMEM where the system has no room for another process.
pub(crate) fn fork() -> nix::Result<Forked> {
    let parent = unistd::getpid();
    // SAFETY: with one thread, no lock can be held by a thread that the child lacks, so the child
    // may do all that the parent may. The servers call `require_one_thread` before they fork for
    // the first time, and start no thread.
    match unsafe { unistd::fork()? } {
        ForkResult::Parent { child } => Ok(Forked::Acceptor(child)),
        ForkResult::Child => {
            // The parent may have gone before the child asked to be told, so look once after
            // asking.
            let asked = prctl::set_pdeathsig(Signal::SIGKILL);
            if asked.is_err() || unistd::getppid() != parent {
                exit(1);
            }
            Ok(Forked::Child)
        }
    }
}

/// Takes a descriptor that whoever started this process left open. Those of standard input, output
/// and error stay, and a copy is taken.
///
/// # Errors
///
/// EBADF where nothing is open at `number`, and where it was taken already.
pub(crate) fn inherited(number: u16) -> io::Result<OwnedFd> {
    let raw = RawFd::from(number);
    // SAFETY: fcntl(2) tells whether it is open, and does nothing else.
    let flags = Errno::result(unsafe { libc::fcntl(raw, libc::F_GETFD) })?;
    if number <= 2 {
        // SAFETY: it was open just now, and nothing in this program closes the standard ones.
        return unsafe { BorrowedFd::borrow_raw(raw) }.try_clone_to_owned();
    }
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: it is open and nobody's yet. What this program opens closes on exec, and so does what
    // was taken here before; what was left open for it does not.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(fd)
}

/// A descriptor of a child of this process that has not been waited for.
///
/// # Errors
///
/// No descriptor can be had.
pub(crate) fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes a number and flags, and opens a descriptor that closes on exec.
    let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let raw = RawFd::try_from(raw).expect("a descriptor is a small number");
    // SAFETY: it was opened just now, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Has `command` start as from a fresh login rather than from this server: no signal blocked or
/// ignored, no descriptor but the standard ones; and end with the thread that starts it.
pub(crate) fn start_clean(command: &mut Command) {
    let parent = unistd::getpid();
    let prepare = move || {
        SigSet::empty().thread_set_mask()?;
        for heeded in 1..=libc::SIGRTMAX() {
            // Asked of the kernel, since the C library keeps two signals to itself. Two others are
            // never ignored and refuse to be set.
            let default = [0_u64; 8]; // SIG_DFL, no flags, an empty mask; longer than any of these
            let none = ptr::null_mut::<u64>();
            // SAFETY: no handler is installed, so no code can run in the middle of other code, and
            // the call only reads what `default` points to.
            unsafe {
                libc::syscall(
                    libc::SYS_rt_sigaction,
                    heeded,
                    &raw const default,
                    none,
                    SIGNAL_SET_BYTES,
                )
            };
        }
        let rest = (3, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC);
        // SAFETY: it only marks descriptors, so that exec closes them.
        Errno::result(unsafe { libc::syscall(libc::SYS_close_range, rest.0, rest.1, rest.2) })?;
        rlimit::as_before().ok(); // somebody may have lowered the hard one
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // A process that becomes the program itself has its acceptor for a parent.
        let own = unistd::getpid() == parent;
        if !own && unistd::getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    };
    // SAFETY: what runs between fork and exec makes system calls only: it takes no lock and no
    // memory, which another thread might have been about to.
    unsafe { command.pre_exec(prepare) };
}

/// What the system counts of a TCP connection; `None` for any other descriptor.
pub(crate) fn tcp_info(socket: BorrowedFd<'_>) -> Option<libc::tcp_info> {
    // SAFETY: it is a record of numbers, for which zeros are as good as any.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).expect("it is small");
    // SAFETY: getsockopt(2) writes `length` bytes at most, and that is how long `info` is.
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

/// Counters at zero that this process and all it forks count on together, for as long as any of
/// them lives.
///
/// # Errors
///
/// No memory.
pub(crate) fn shared_counters(count: usize) -> io::Result<&'static [AtomicU64]> {
    let length = NonZeroUsize::new(count * size_of::<AtomicU64>());
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the system chooses a place where nothing is.
    let memory = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }?;
    // SAFETY: it is as long as so many counters, begins at a page, is full of zeros, which counters
    // may be, and is never unmapped. Whoever shares it does so through atomics as well.
    Ok(unsafe { slice::from_raw_parts(memory.cast().as_ptr(), count) })
}

/// Undoes that a signal is ignored, as a parent may have left it.
pub(crate) fn act_by_default_on(signal: Signal) {
    // SAFETY: no handler is installed, so no code can run in the middle of other code.
    let done = unsafe { signal::signal(signal, SigHandler::SigDfl) };
    done.expect("SIGKILL and SIGSTOP alone cannot be set");
}

/// Takes a descriptor that another process passes through a Unix socket, which closes on exec;
/// `None` at the end.
///
/// # Errors
///
/// EAGAIN if none waits; EMFILE if there is no room for it, and then it is lost.
pub(crate) fn receive_descriptor(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let mut parts = [IoSliceMut::new(&mut byte)];
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let messages = received.cmsgs().map_err(|_| Errno::EMFILE)?; // it was cut off
    for message in messages {
        if let ControlMessageOwned::ScmRights(fds) = message
            && let &[raw] = &fds[..]
        {
            // SAFETY: the system has just made it for this call, and nobody else knows it. There is
            // room for one alone.
            return Ok(Some(unsafe { OwnedFd::from_raw_fd(raw) }));
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    Err(Errno::EMFILE.into())
}

/// Closes all that this process has open but the standard descriptors and `kept`: for a forked child
/// that is not to hold copies of what is others'.
///
/// The caller uses nothing any more that it had opened before, and leaves by [`exit`].
pub(crate) fn close_all_but(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = kept.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, kept.saturating_sub(1)), (kept + 1, libc::c_uint::MAX)] {
        if first <= last {
            // SAFETY: whatever owns these descriptors is not used any more, nor dropped.
            Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
    }
    Ok(())
}

/// Leaves the process at once: no destructor runs, no buffer is written a second time.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` only ends the process, and is allowed at any point of any thread.
    unsafe { libc::_exit(code) }
}

/// Checks that this process has one thread, as one that forks must.
///
/// # Errors
///
/// Says how many there are. Where `/proc` is not mounted, the caller is believed.
pub(crate) fn require_one_thread() -> io::Result<()> {
    match fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(threads) if threads != 1 => Err(io::Error::other(format!(
            "a server that forks needs a process with one thread, and this one has {threads}"
        ))),
        _ => Ok(()),
    }
}

const SIGNAL_SET_BYTES: usize = 8; // what the kernel takes for a set of 64 signals
const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4; // linux/close_range.h
