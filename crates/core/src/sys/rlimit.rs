//! The limit on open descriptors (RLIMIT_NOFILE).

use std::io;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft and the hard limit that this process was started with.
static ORIGINAL: OnceLock<(u64, u64)> = OnceLock::new();

/// Raises the soft limit on open descriptors to the hard limit.
///
/// Programs that sessions start get the original limit: some of them loop over every descriptor they
/// may have.
///
/// # Errors
///
/// The system does not report the limit, or does not allow to change it.
pub fn raise_fd_limit() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ORIGINAL.get_or_init(|| (soft, hard));
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}

/// The most descriptors that this process may have open.
pub(crate) fn fd_limit() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    limit.map_or(usize::MAX, |soft| soft.try_into().unwrap_or(usize::MAX))
}

/// Restores the original limit. It only makes system calls, so it may run between fork and exec.
pub(crate) fn restore_fd_limit() -> nix::Result<()> {
    match ORIGINAL.get() {
        Some(&(soft, hard)) => setrlimit(Resource::RLIMIT_NOFILE, soft, hard),
        None => Ok(()),
    }
}
