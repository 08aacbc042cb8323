//! How many descriptors a server may have open.

use std::io;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limit that this process was started with, and its hard one.
static BEFORE: OnceLock<(u64, u64)> = OnceLock::new();

/// Raises the soft limit on descriptors to the hard one. Programs that are started from here get
/// back the one that was: some of them look at every descriptor they might have.
///
/// # Errors
///
/// The system does not say what the limit is, or does not allow to change it.
pub fn use_all_descriptors() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    BEFORE.get_or_init(|| (soft, hard));
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}

/// Sets the limit back. It makes system calls only.
pub(crate) fn as_before() -> nix::Result<()> {
    match BEFORE.get() {
        Some(&(soft, hard)) => setrlimit(Resource::RLIMIT_NOFILE, soft, hard),
        None => Ok(()),
    }
}
