//! The other end of file transfer: connects, and gets, puts and lists files.

mod tftp;

pub use tftp::{Progress, Tftp, TftpError};
