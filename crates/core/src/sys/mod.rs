//! All unsafe code of the crate: system calls that have no safe form.
#![expect(
    unsafe_code,
    reason = "these calls have no safe form; every other folder is free of unsafe code"
)]

pub(crate) mod fd;
pub(crate) mod mmsg;
pub(crate) mod process;
pub(crate) mod rlimit;
pub(crate) mod sockaddr;
pub(crate) mod systemd;
