//! Files by TFTP.

mod line;
mod socket;

use std::io::{self, BufWriter, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use switchboard_files::tftp::{
    Asking, Code, Failure, FromNetascii, Mode, Options, Request, Terms, ToNetascii, Wish,
};

use line::Line;

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
        let mut sink = BufWriter::with_capacity(BUFFER_BYTES, sink);
        let (mut line, asking) = self.ask(Wish::Get, name, Some(0))?;
        let size = asking.terms().size;
        match self.mode {
            Mode::Octet => {
                let receiving = asking.receiving(&mut sink);
                line.receive(receiving, &mut |bytes| progress(bytes, size))?;
            }
            Mode::Netascii => {
                let receiving = asking.receiving(FromNetascii::new(&mut sink));
                let text = line.receive(receiving, &mut |bytes| progress(bytes, size))?;
                text.finish().map_err(Failure::Io)?;
            }
        }
        sink.flush().map_err(Failure::Io)?;
        Ok(line.bytes)
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
        let (mut line, asking) = self.ask(Wish::Put, name, length)?;
        let now = line.now();
        let source = Exactly::new(source, length);
        let mut progress = |bytes| progress(bytes, length);
        match self.mode {
            Mode::Octet => line.send(asking.sending(source, now), &mut progress)?,
            Mode::Netascii => {
                let text = ToNetascii::new(source);
                line.send(asking.sending(text, now), &mut progress)?;
            }
        }
        Ok(line.bytes)
    }

    /// Asks one server after the other, until one answers. One that refuses the options is asked
    /// without.
    fn ask(
        &self,
        wish: Wish,
        name: &[u8],
        size: Option<u64>,
    ) -> Result<(Line<'_>, Asking), TftpError> {
        let plain = Terms::default();
        let asks = |value, usual| (value != usual).then_some(value);
        let options = Options {
            blksize: asks(self.block_bytes, plain.block_bytes),
            timeout: None,
            tsize: size.filter(|_| self.mode == Mode::Octet),
            windowsize: asks(self.window, plain.window),
        };
        let mut request = Request {
            wish,
            name,
            mode: self.mode,
            options,
        };
        let mut failed = TftpError::Unreachable(io::ErrorKind::AddrNotAvailable.into());
        for &server in self.servers {
            request.options = options;
            let mut asked = Line::ask(server, &request, self.stop);
            if let Err(TftpError::Failed(Failure::Told { code, .. })) = &asked
                && *code == Code::Options as u16
            {
                request.options = Options::default();
                asked = Line::ask(server, &request, self.stop);
            }
            match asked {
                Err(error @ (TftpError::Unreachable(_) | TftpError::Failed(Failure::Silent))) => {
                    failed = error;
                }
                asked => return asked,
            }
        }
        Err(failed)
    }
}

/// What is read has to be so long, if that is known.
struct Exactly<'a> {
    source: &'a mut dyn Read,
    left: Option<u64>,
}

impl<'a> Exactly<'a> {
    fn new(source: &'a mut dyn Read, left: Option<u64>) -> Self {
        Self { source, left }
    }
}

impl Read for Exactly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else {
            return self.source.read(into);
        };
        let most = into.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let count = self.source.read(&mut into[..most])?;
        if count == 0 && 0 < most {
            return Err(io::ErrorKind::UnexpectedEof.into()); // it became shorter
        }
        *left -= count as u64;
        Ok(count)
    }
}

const BUFFER_BYTES: usize = 256 * 1024; // many blocks in one call
