//! Files by TFTP: from and to the same places as by the other protocol, but not compared.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use switchboard_files::tftp::TransferError;
use switchboard_files::{AtomicFile, FileError, Rules, Source};

use crate::address::{Endpoint, Server};
use crate::client::{Outcome, Progress};
use crate::error::Error;
use crate::get::Target;
use crate::tftp::{Tftp, TftpError, TftpOptions};
use crate::transport::Stop;

/// Whoever gets and puts files by TFTP. What arrives is at least as long as the server says, if
/// it does; nothing else is known about it.
pub struct TftpClient {
    server: Server,
    options: TftpOptions,
    stop: Option<Stop>,
}

impl TftpClient {
    /// A client of this server, if it is called over UDP; what a signal `stop`s ends with
    /// [`Error::Stopped`].
    #[must_use]
    pub fn new(server: &Server, options: TftpOptions, stop: Option<&Stop>) -> Option<Self> {
        matches!(server.endpoint(), Endpoint::Udp(_)).then(|| Self {
            server: server.clone(),
            options,
            stop: stop.cloned(),
        })
    }

    /// Gets the file of this name. There is no way to go on with a part: `resume` is ignored.
    ///
    /// # Errors
    ///
    /// The server does not send it, or all of it; or it cannot be kept here.
    pub fn get(
        &self,
        name: &[u8],
        target: Target<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let (destination, own, overwrite) = match target {
            Target::Output(out) => {
                let bytes = self.receive(name, out, progress);
                let bytes = bytes.map_err(|error| self.failure(error, Error::Output))?;
                out.flush().map_err(Error::Output)?;
                return Ok(done(bytes));
            }
            Target::File {
                destination,
                name,
                overwrite,
                ..
            } => (destination, name, overwrite),
        };
        let path = destination.path_of(own);
        let failed = |problem| Error::writing(&path, problem);
        let rules = Rules {
            overwrite,
            ..Rules::default()
        };
        let draft = destination.folder.draft(own, None, rules);
        let mut sink = Sink(draft.map_err(failed)?);
        let bytes = self.receive(name, &mut sink, progress);
        let bytes = bytes.map_err(|error| self.failure(error, |error| failed(error.into())))?;
        sink.0.publish(None).map_err(failed)?;
        Ok(done(bytes))
    }

    /// Puts a file under this name. `path` is what it is called in errors.
    ///
    /// # Errors
    ///
    /// The server does not take it, or the file cannot be read.
    pub fn put(
        &self,
        path: &Path,
        source: Source,
        name: &[u8],
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let Source {
            mut file, length, ..
        } = source;
        let mut progress = report(progress);
        let put = self.tftp().put(name, &mut file, length, &mut progress);
        put.map_err(|error| self.failure(error, |error| Error::reading(path, error)))?;
        Ok(done(length))
    }

    fn receive(
        &self,
        name: &[u8],
        sink: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<u64, TftpError> {
        let mut announced = None;
        let mut progress = report(progress);
        let bytes = self.tftp().get(name, sink, &mut |position, length| {
            announced = length;
            progress(position, length);
        })?;
        // A short block is the end to TFTP, whatever it was that ended.
        match announced {
            Some(length) if bytes < length => {
                Err(TftpError::Failed(TransferError::Protocol(EARLY)))
            }
            _ => Ok(bytes),
        }
    }

    fn tftp(&self) -> Tftp<'_> {
        Tftp {
            servers: self.addresses(),
            options: self.options,
            stop: self.stop.as_ref().map(Stop::as_fd),
        }
    }

    fn addresses(&self) -> &[SocketAddr] {
        match self.server.endpoint() {
            Endpoint::Udp(addresses) => addresses,
            Endpoint::Tcp(_) | Endpoint::Unix(_) => &[],
        }
    }

    /// What went wrong, where `own` is about the file here.
    fn failure(&self, error: TftpError, own: impl FnOnce(io::Error) -> Error) -> Error {
        match error {
            TftpError::Unreachable(cause) => Error::Unreachable {
                place: self.server.address().to_string(),
                cause,
            },
            TftpError::Lost(cause) => Error::Lost(cause),
            TftpError::NoReply => Error::NoReply(self.server.address().to_string()),
            TftpError::Failed(TransferError::Io(error)) => own(error),
            TftpError::Failed(failure) => Error::Tftp(failure),
            TftpError::Stopped => {
                let stopped = self.stop.as_ref().map(Stop::check);
                stopped.and_then(Result::err).unwrap_or(Error::Stopped(0))
            }
        }
    }
}

/// A draft as what is written to.
struct Sink(AtomicFile);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes);
        written.map_err(|problem| match problem {
            FileError::Io(error) => error,
            FileError::NoSpace => io::ErrorKind::StorageFull.into(),
            problem => io::Error::other(problem),
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn report(progress: &mut dyn Progress) -> impl FnMut(u64, Option<u64>) {
    let mut has_begun = false;
    move |position, length| {
        if !has_begun {
            progress.moves(0, length);
            has_begun = true;
        }
        progress.at(position);
    }
}

fn done(bytes: u64) -> Outcome {
    Outcome {
        bytes,
        sha256: None,
        resumed_from: None,
        already_there: false,
    }
}

const EARLY: &str = "the file ended before it was as long as the server said";
