//! Files by TFTP.

mod socket;
mod transfer;

use std::io::{self, BufWriter, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use switchboard_files::tftp::{
    ErrorCode, FromNetascii, Mode, Negotiated, Options, Request, RequestKind, Requester,
    ToNetascii, TransferError,
};

use transfer::ClientTransfer;

/// How files are moved by TFTP.
#[derive(Clone, Copy, Debug)]
pub struct TftpOptions {
    /// How the bytes of files are meant.
    pub mode: Mode,
    /// Bytes in a block, as far as the server agrees; 512 asks for nothing.
    pub block_bytes: u16,
    /// Blocks that are under way at the same time, as far as the server agrees; 1 asks for nothing.
    pub window: u16,
    /// How long the server may be silent. It is given up sooner where TFTP has it so.
    pub patience: Duration,
}

/// Who gets and puts files by TFTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tftp<'a> {
    /// Where the server is: the first address that answers.
    pub servers: &'a [SocketAddr],
    /// How they are moved.
    pub options: TftpOptions,
    /// Something that can be read ends it, such as a signal.
    pub stop: Option<BorrowedFd<'a>>,
}

/// Why a file was not got or put.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TftpError {
    /// There is no way to any of the addresses.
    #[error("cannot reach the server: {0}")]
    Unreachable(io::Error),
    /// Nothing ever came from any of the addresses.
    #[error("the server does not answer")]
    NoReply,
    /// There is no way there any more, or nobody.
    #[error("the server was lost: {0}")]
    Lost(io::Error),
    /// The transfer failed. [`TransferError::Io`] is about the file here.
    #[error(transparent)]
    Failed(#[from] TransferError),
    /// It was stopped.
    #[error("stopped")]
    Stopped,
}

/// Who is told how far it is: so many bytes, of so many if that is known.
pub(crate) type Progress<'a> = dyn FnMut(u64, Option<u64>) + 'a;

impl Tftp<'_> {
    /// Gets the file of this name into `sink`, and says how many bytes it has.
    ///
    /// The sink has been written to in any case.
    ///
    /// # Errors
    ///
    /// Not all of it came.
    pub(crate) fn get(
        &self,
        name: &[u8],
        sink: &mut dyn Write,
        progress: &mut Progress<'_>,
    ) -> Result<u64, TftpError> {
        let mut sink = Counted {
            sink: BufWriter::with_capacity(BUFFER_BYTES, sink),
            bytes: 0,
        };
        let (mut transfer, requester) = self.ask(RequestKind::Read, name, Some(0))?;
        let size = requester.negotiated().size;
        match self.options.mode {
            Mode::Octet => {
                let receiver = requester.receiver(&mut sink);
                transfer.receive(receiver, &mut |bytes| progress(bytes, size))?;
            }
            Mode::Netascii => {
                let receiver = requester.receiver(FromNetascii::new(&mut sink));
                let text = transfer.receive(receiver, &mut |bytes| progress(bytes, size))?;
                text.finish().map_err(TransferError::Io)?;
            }
        }
        sink.flush().map_err(TransferError::Io)?;
        Ok(sink.bytes)
    }

    /// Puts what `source` has, which has to be so long, under this name.
    ///
    /// # Errors
    ///
    /// The server does not say that it has all of it.
    pub(crate) fn put(
        &self,
        name: &[u8],
        source: &mut dyn Read,
        length: u64,
        progress: &mut Progress<'_>,
    ) -> Result<(), TftpError> {
        let (mut transfer, requester) = self.ask(RequestKind::Write, name, Some(length))?;
        let now = transfer.now();
        let source = Exactly {
            source,
            left: length,
        };
        // Nobody knows how long it is as netascii.
        let known = Some(length).filter(|_| self.options.mode == Mode::Octet);
        let mut progress = |bytes| progress(bytes, known);
        match self.options.mode {
            Mode::Octet => transfer.send(requester.sender(source, now), &mut progress)?,
            Mode::Netascii => {
                let text = ToNetascii::new(source);
                transfer.send(requester.sender(text, now), &mut progress)?;
            }
        }
        Ok(())
    }

    /// Asks one server after the other, until one answers. One that refuses the options is asked
    /// without.
    fn ask(
        &self,
        kind: RequestKind,
        name: &[u8],
        size: Option<u64>,
    ) -> Result<(ClientTransfer<'_>, Requester), TftpError> {
        let TftpOptions {
            mode,
            block_bytes,
            window,
            patience,
        } = self.options;
        let plain = Negotiated::default();
        let asks = |value, usual| (value != usual).then_some(value);
        let options = Options {
            blksize: asks(block_bytes, plain.block_bytes),
            timeout: None,
            tsize: size.filter(|_| mode == Mode::Octet),
            windowsize: asks(window, plain.window),
        };
        let mut request = Request {
            kind,
            name,
            mode,
            options,
        };
        let mut failed = TftpError::Unreachable(io::ErrorKind::AddrNotAvailable.into());
        for &server in self.servers {
            request.options = options;
            let ask =
                |request: &Request<'_>| ClientTransfer::ask(server, request, patience, self.stop);
            let mut asked = ask(&request);
            if let Err(TftpError::Failed(TransferError::Peer { code, .. })) = &asked
                && *code == ErrorCode::Options as u16
            {
                request.options = Options::default();
                asked = ask(&request);
            }
            match asked {
                Err(TftpError::Failed(TransferError::Timeout)) => failed = TftpError::NoReply,
                Err(error @ TftpError::Unreachable(_)) => failed = error,
                asked => return asked,
            }
        }
        Err(failed)
    }
}

/// What is read has to be so long.
struct Exactly<'a> {
    source: &'a mut dyn Read,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        let count = self.source.read(&mut into[..most])?;
        if count == 0 && 0 < most {
            return Err(io::ErrorKind::UnexpectedEof.into()); // it became shorter
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Counts what is written.
struct Counted<W> {
    sink: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sink.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

const BUFFER_BYTES: usize = 256 * 1024; // many blocks in one call
