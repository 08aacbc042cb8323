//! The client of TFTP.

use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use switchboard_core::ListenAddr;
use switchboard_files::tftp::{
    ErrorCode, FromNetascii, Mode, Negotiated, Options, Request, RequestKind, Requester,
    ToNetascii, TransferError,
};
use switchboard_files::{AtomicFile, Rules, Source};

use crate::address::{Endpoint, Server};
use crate::destination::Target;
use crate::error::Error;
use crate::progress::{Outcome, Progress};
use crate::stop::Stop;
use crate::tftp::transfer::ClientTransfer;

/// Gets and puts files by TFTP. A received file has at least the length that the server announced, if
/// it did; there is no digest.
pub struct TftpClient {
    address: ListenAddr,
    servers: Vec<SocketAddr>,
    options: TftpOptions,
    stop: Option<Stop>,
}

/// How files are transferred by TFTP.
#[derive(Clone, Copy, Debug)]
pub struct TftpOptions {
    /// How files are encoded.
    pub mode: Mode,
    /// The requested length of a block, in bytes. 512 requests no option.
    pub block_bytes: u16,
    /// The requested number of blocks in a window. 1 requests no option.
    pub window: u16,
    /// How long the server may be silent. The protocol may give up earlier.
    pub timeout: Duration,
}

impl TftpClient {
    /// A client of this server; `None` if it is not reached over UDP. A signal ends any call with
    /// [`Error::Stopped`].
    #[must_use]
    pub fn new(server: &Server, options: TftpOptions, stop: Option<&Stop>) -> Option<Self> {
        let Endpoint::Udp(servers) = server.endpoint() else {
            return None;
        };
        Some(Self {
            address: server.address().clone(),
            servers: servers.clone(),
            options,
            stop: stop.cloned(),
        })
    }

    /// Gets a file. TFTP cannot continue an interrupted transfer, so `resume` is ignored.
    ///
    /// # Errors
    ///
    /// The server refuses, the transfer fails, or the file cannot be stored.
    pub fn get(
        &self,
        name: &[u8],
        target: Target<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let (destination, own, overwrite) = match target {
            Target::Output(out) => {
                let received = self.receive(name, out, progress);
                let outcome = received.map_err(|error| local(error, Error::Output))?;
                out.flush().map_err(Error::Output)?;
                return Ok(outcome);
            }
            Target::File {
                destination,
                name,
                overwrite,
                ..
            } => (destination, name, overwrite),
        };
        let path = destination.path_of(own);
        let failed = |error| Error::writing(&path, error);
        let rules = Rules {
            overwrite,
            ..Rules::default()
        };
        let file = AtomicFile::create(&destination.folder, own, None, rules);
        let mut file = file.map_err(failed)?;
        let received = self.receive(name, &mut file, progress);
        let outcome = received.map_err(|error| local(error, |error| failed(error.into())))?;
        file.publish(None).map_err(failed)?;
        Ok(outcome)
    }

    /// Puts a file under this name. `path` is that of the file, for errors.
    ///
    /// # Errors
    ///
    /// The server refuses, the transfer fails, or the file cannot be read.
    pub fn put(
        &self,
        path: &Path,
        source: Source,
        name: &[u8],
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let bytes = source.length;
        let sent = self.send(source, name, progress);
        sent.map_err(|error| local(error, |error| Error::reading(path, error)))?;
        Ok(Outcome {
            bytes,
            ..Outcome::default()
        })
    }

    /// Receives a file into `sink`. On an error, a part may have been written.
    fn receive(
        &self,
        name: &[u8],
        sink: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let mut sink = Counted {
            sink: BufWriter::with_capacity(BUFFER_BYTES, sink),
            bytes: 0,
        };
        let (mut transfer, requester) = self.request(RequestKind::Read, name, Some(0))?;
        let size = requester.negotiated().size;
        let mut progress = report(progress, size);
        match self.options.mode {
            Mode::Octet => {
                let receiver = requester.into_receiver(&mut sink);
                transfer.receive(receiver, &mut progress)?;
            }
            Mode::Netascii => {
                let receiver = requester.into_receiver(FromNetascii::new(&mut sink));
                let text = transfer.receive(receiver, &mut progress)?;
                text.finish().map_err(TransferError::Io)?;
            }
        }
        sink.flush().map_err(TransferError::Io)?;
        match size {
            // In TFTP, a short block is the end, for whatever reason it is short.
            Some(size) if sink.bytes < size => Err(Error::Tftp(TransferError::Protocol(
                "the file is shorter than the server announced",
            ))),
            _ => Ok(Outcome {
                bytes: sink.bytes,
                ..Outcome::default()
            }),
        }
    }

    fn send(&self, source: Source, name: &[u8], progress: &mut dyn Progress) -> Result<(), Error> {
        let length = source.length;
        let (mut transfer, requester) = self.request(RequestKind::Write, name, Some(length))?;
        let now = transfer.now();
        match self.options.mode {
            Mode::Octet => {
                let sender = requester.into_sender(source, now);
                transfer.send(sender, &mut report(progress, Some(length)))
            }
            Mode::Netascii => {
                let sender = requester.into_sender(ToNetascii::new(source), now);
                transfer.send(sender, &mut report(progress, None)) // the encoded length is unknown
            }
        }
    }

    /// Sends the request to each address, until one answers. If a server refuses options, the request
    /// is repeated without them.
    fn request(
        &self,
        kind: RequestKind,
        name: &[u8],
        size: Option<u64>,
    ) -> Result<(ClientTransfer<'_>, Requester), Error> {
        let TftpOptions {
            mode,
            block_bytes,
            window,
            timeout,
        } = self.options;
        let plain = Negotiated::default();
        let unless_plain = |value, plain| (value != plain).then_some(value);
        let options = Options {
            blksize: unless_plain(block_bytes, plain.block_bytes),
            timeout: None,
            tsize: size.filter(|_| mode == Mode::Octet),
            windowsize: unless_plain(window, plain.window),
        };
        let mut request = Request {
            kind,
            name,
            mode,
            options,
        };
        let unreachable = |cause| Error::Unreachable {
            address: self.address.to_string(),
            cause,
        };
        let mut failed = unreachable(io::ErrorKind::AddrNotAvailable.into());
        for &server in &self.servers {
            request.options = options;
            let send = |request: &Request<'_>| {
                ClientTransfer::request(server, request, timeout, self.stop.as_ref())
            };
            let mut answered = send(&request);
            if let Err(Error::Tftp(TransferError::Peer { code, .. })) = &answered
                && *code == ErrorCode::Options as u16
            {
                request.options = Options::default();
                answered = send(&request);
            }
            failed = match answered {
                Err(Error::Tftp(TransferError::Timeout)) => {
                    Error::NoReply(self.address.to_string())
                }
                Err(Error::Lost(cause)) => unreachable(cause),
                answered => return answered,
            };
        }
        Err(failed)
    }
}

/// Replaces an error of the local file by one that describes it.
fn local(error: Error, describe: impl FnOnce(io::Error) -> Error) -> Error {
    match error {
        Error::Tftp(TransferError::Io(error)) => describe(error),
        error => error,
    }
}

/// Reports the number of transferred bytes of a file of this length, if that is known.
fn report(progress: &mut dyn Progress, length: Option<u64>) -> impl FnMut(u64) {
    let mut has_started = false;
    move |bytes| {
        if !has_started {
            progress.transfer_started(0, length);
            has_started = true;
        }
        progress.advanced(bytes);
    }
}

/// Counts the bytes that are written.
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
