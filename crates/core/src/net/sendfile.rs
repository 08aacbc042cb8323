//! sendfile(2): from a file to a socket, without a copy in this process.

use std::fs::File;
use std::io;
use std::ops::Range;

use nix::errno::Errno;
use nix::sys::sendfile::sendfile64;
use socket2::Socket;

/// Sends the beginning of a range of a file, as much as the system accepts now. `None`: it accepts
/// nothing. 0 bytes: the file ends before the range. Unlike send(2), sendfile(2) has no flag for a call
/// that does not block, so the socket must be in non-blocking mode.
///
/// # Errors
///
/// The connection is broken; or [`Unsupported`](io::ErrorKind::Unsupported): this kind of socket or
/// file does not allow it, and the caller has to read the file.
pub(super) fn send_file(
    socket: &Socket,
    file: &File,
    range: Range<u64>,
) -> io::Result<Option<usize>> {
    let mut start = i64::try_from(range.start).map_err(|_| Errno::EOVERFLOW)?;
    let count = (range.end - range.start).min(FILE_AT_ONCE);
    let count = usize::try_from(count).expect("FILE_AT_ONCE is small");
    match sendfile64(socket, file, Some(&mut start), count) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(Errno::EINVAL | Errno::ENOSYS) => Err(io::ErrorKind::Unsupported.into()),
        Err(error) => Err(error.into()),
    }
}

// More at once is slower: the data no longer fits into the cache of the processor.
const FILE_AT_ONCE: u64 = 256 * 1024;
