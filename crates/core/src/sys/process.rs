//! Processes and signals: fork, exec and exit.

use std::fs;
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::slice;
use std::sync::atomic::AtomicU64;

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::prctl;
use nix::sys::signal::{self, SigHandler, SigSet, Signal};
use nix::unistd::{self, ForkResult, Pid};

use crate::sys::rlimit;

/// Which of the two processes returned from [`fork`].
pub(crate) enum Forked {
    Parent(Pid),
    Child,
}

/// Returns the free pages of the heap to the system, where the C library offers it. fork(2) copies an
/// entry for each page that is present, and parsing the command line leaves about 400 KiB unused.
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) does not touch allocated memory.
    unsafe {
        libc::malloc_trim(HEAP_RESERVE_BYTES);
    }
}

/// Forks. The child is killed when its parent ends. It must be SIGKILL: a session that computes would
/// not react to SIGTERM.
///
/// The caller has checked that the process has one thread, see [`require_single_thread`].
///
/// # Errors
///
/// EAGAIN or ENOMEM: the system cannot create another process.
pub(crate) fn fork() -> nix::Result<Forked> {
    let parent = unistd::getpid();
    // SAFETY: with one thread, no lock can be held by a thread that the child lacks, so the child may
    // do all that the parent may. The servers call `require_single_thread` before their first fork,
    // and start no thread.
    match unsafe { unistd::fork()? } {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => {
            // The parent may have ended before the call of prctl(2), so check afterwards.
            let set = prctl::set_pdeathsig(Signal::SIGKILL);
            if set.is_err() || unistd::getppid() != parent {
                exit(1);
            }
            Ok(Forked::Child)
        }
    }
}

/// A descriptor for a child of this process that has not been waited for.
pub(crate) fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two integers, and opens a descriptor that closes on exec.
    let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let raw = RawFd::try_from(raw).expect("descriptors are small numbers");
    // SAFETY: the kernel opened it for this call, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Resets what `command` would inherit from a server: no signal is blocked or ignored, only the
/// standard descriptors are open, and the limit on descriptors is the original one. The program is
/// killed when the thread that starts it ends.
pub(crate) fn reset_before_exec(command: &mut Command) {
    let parent = unistd::getpid();
    let reset = move || {
        SigSet::empty().thread_set_mask()?;
        for signal in 1..=libc::SIGRTMAX() {
            // The system call itself, because the C library reserves two signals. SIGKILL and SIGSTOP
            // are never ignored and refuse to be set.
            let default = [0_u64; 8]; // SIG_DFL, no flags, empty mask; longer than any sigaction
            let none = ptr::null_mut::<u64>();
            // SAFETY: no handler is installed, so no code can interrupt other code, and the call only
            // reads what `default` points to.
            unsafe {
                libc::syscall(
                    libc::SYS_rt_sigaction,
                    signal,
                    &raw const default,
                    none,
                    SIGNAL_SET_BYTES,
                )
            };
        }
        let rest = (3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        // SAFETY: with this flag the call only marks descriptors to be closed on exec.
        Errno::result(unsafe { libc::syscall(libc::SYS_close_range, rest.0, rest.1, rest.2) })?;
        rlimit::restore_fd_limit().ok(); // fails if the hard limit was lowered since
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // Its orphaned descendants stay its descendants, so that they end with it.
        prctl::set_child_subreaper(true)?;
        // Under the fork model the process becomes the program itself: its parent is the acceptor.
        let same_process = unistd::getpid() == parent;
        if !same_process && unistd::getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure only makes system calls. It takes no lock and
    // allocates no memory, so another thread's lock cannot block it.
    unsafe { command.pre_exec(reset) };
}

/// Counters, initially zero, that this process shares with all processes it forks. They are never
/// unmapped.
pub(crate) fn shared_counters(count: usize) -> io::Result<&'static [AtomicU64]> {
    let length = NonZeroUsize::new(count * size_of::<AtomicU64>());
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let memory = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }?;
    // SAFETY: the mapping has space for `count` counters, is aligned to a page, contains zeros, which
    // are valid counters, and is never unmapped. Every process accesses it through atomics only.
    Ok(unsafe { slice::from_raw_parts(memory.cast().as_ptr(), count) })
}

/// Sets the default action of a signal, which the parent process may have ignored.
pub(crate) fn reset_signal(signal: Signal) {
    // SAFETY: no handler is installed, so no code can interrupt other code.
    let done = unsafe { signal::signal(signal, SigHandler::SigDfl) };
    done.expect("only SIGKILL and SIGSTOP cannot be set");
}

/// Ignores a signal.
pub(crate) fn ignore_signal(signal: Signal) {
    // SAFETY: no handler is installed, so no code can interrupt other code.
    let done = unsafe { signal::signal(signal, SigHandler::SigIgn) };
    done.expect("only SIGKILL and SIGSTOP cannot be ignored");
}

/// Whether this process ignores the signal of this number.
pub(crate) fn is_ignored(number: i32) -> bool {
    // SAFETY: the struct consists of integers, for which zero is valid.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: without a new action, the call only writes the present one to `action`.
    let done = unsafe { libc::sigaction(number, ptr::null(), &raw mut action) };
    done == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// The set of these signals. (`SigSet` has no way to add a real-time signal.)
pub(crate) fn signal_set(numbers: impl IntoIterator<Item = i32>) -> SigSet {
    let mut set: libc::sigset_t = *SigSet::empty().as_ref();
    for number in numbers {
        // SAFETY: the set was initialized above. A number that is no signal changes nothing.
        unsafe { libc::sigaddset(&raw mut set, number) };
    }
    // SAFETY: it was made by sigemptyset(3) and sigaddset(3).
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

/// Ends the process at once: no destructor runs, and no buffer is flushed a second time.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: _exit(2) may be called at any point of any thread.
    unsafe { libc::_exit(code) }
}

/// Checks that this process has one thread, which [`fork`] requires.
///
/// # Errors
///
/// The process has several threads. Where `/proc` is not mounted, the number is not checked.
pub(crate) fn require_single_thread() -> io::Result<()> {
    match fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(threads) if threads != 1 => Err(io::Error::other(format!(
            "the fork model needs a process with one thread; this process has {threads}"
        ))),
        _ => Ok(()),
    }
}

const SIGNAL_SET_BYTES: usize = 8; // the kernel's set of 64 signals

/// The free memory that stays at the end of the heap, so that a child need not extend it.
#[cfg(target_env = "gnu")]
const HEAP_RESERVE_BYTES: usize = 64 * 1024;
