//! The client of TFTP.

mod socket;
mod transfer;

use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use switchboard_core::ListenAddr;
use switchboard_files::Source;
use switchboard_files::tftp::{
    Decoder, Encoder, ErrorCode, Mode, Negotiated, Options, Request, RequestKind, Requester,
    TransferError,
};

use crate::connect::{AttemptError, ConnectError, Connector, Endpoint};
use crate::files::destination::Target;
use crate::files::error::Error;
use crate::files::progress::{Outcome, Progress};
use crate::stop::Stop;
use transfer::ClientTransfer;

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
#[non_exhaustive]
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

impl TftpOptions {
    /// Octets without options (RFC 1350), for a server that may be silent for `timeout`.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            mode: Mode::Octet,
            block_bytes: 512,
            window: 1,
            timeout,
        }
    }
}

impl TftpClient {
    /// Looks up the addresses of the server, which is one of UDP. A signal that ends the attempts of
    /// `connector` ends any call, with [`Error::Stopped`].
    ///
    /// # Errors
    ///
    /// The name of the server is unknown, or it has no address that the options allow.
    pub fn new(
        server: &ListenAddr,
        connector: &mut Connector<'_>,
        options: TftpOptions,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            address: server.clone(),
            servers: connector.addresses(server)?,
            options,
            stop: connector.stop().cloned(),
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
        let (mut file, path) = destination.create(own, overwrite, false)?;
        let received = self.receive(name, &mut file, progress);
        let outcome =
            received.map_err(|error| local(error, |error| Error::writing(&path, error)))?;
        let published = file.publish(None);
        published.map_err(|error| Error::writing(&path, error))?;
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
        let (mut transfer, requester) = self.request(RequestKind::Read, name, Some(0))?;
        let size = requester.negotiated().size;
        progress.transfer_started(0, size);
        let writer = BufWriter::with_capacity(BUFFER_BYTES, sink);
        let receiver = requester.into_receiver(Decoder::new(writer, self.options.mode));
        let decoder = transfer.receive(receiver, &mut |bytes| progress.advanced(bytes))?;
        let (_, bytes) = decoder.finish().map_err(TransferError::Io)?;
        match size {
            // In TFTP, a short block is the end, for whatever reason it is short.
            Some(size) if bytes < size => Err(Error::Tftp(TransferError::Protocol(
                "the file is shorter than the server announced",
            ))),
            _ => Ok(Outcome {
                bytes,
                ..Outcome::default()
            }),
        }
    }

    fn send(&self, source: Source, name: &[u8], progress: &mut dyn Progress) -> Result<(), Error> {
        let length = source.length;
        let (mut transfer, requester) = self.request(RequestKind::Write, name, Some(length))?;
        let mode = self.options.mode;
        let mut sender = requester.into_sender(Encoder::new(source, mode), transfer.now());
        let length = (mode == Mode::Octet).then_some(length); // else it is that of the decoded file
        progress.transfer_started(0, length);
        transfer.run(&mut sender, &mut |bytes| progress.advanced(bytes))
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
        let mut failed = Vec::new();
        let mut is_silent = false; // one of them at least
        for &server in &self.servers {
            let send = |options| {
                let request = Request {
                    kind,
                    name,
                    mode,
                    options,
                };
                ClientTransfer::request(server, &request, timeout, self.stop.as_ref())
            };
            let mut answered = send(options);
            if let Err(Error::Tftp(TransferError::Peer { code, .. })) = &answered
                && *code == ErrorCode::Options as u16
            {
                answered = send(Options::default());
            }
            match answered {
                Err(Error::Tftp(TransferError::Timeout)) => is_silent = true,
                Err(Error::Lost(cause)) => {
                    failed.push((Endpoint::Ip(server), AttemptError::Failed(cause)));
                }
                answered => return answered,
            }
        }
        Err(if is_silent {
            Error::NoReply(self.address.to_string())
        } else {
            Error::Connect(ConnectError::Unreachable {
                address: self.address.clone(),
                attempts: failed,
            })
        })
    }
}

/// Replaces an error of the local file by one that describes it.
fn local(error: Error, describe: impl FnOnce(io::Error) -> Error) -> Error {
    match error {
        Error::Tftp(TransferError::Io(error)) => describe(error),
        error => error,
    }
}

const BUFFER_BYTES: usize = 256 * 1024; // many blocks in one call
