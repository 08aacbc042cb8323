//! A client: one connection after the other to the same server.

use std::time::Duration;

use switchboard_files::Digest;

use crate::address::Server;
use crate::error::Error;
use crate::session::Session;
use crate::transport::{Stop, Transport, connect};

/// Whoever gets, puts and lists, over one connection while that stands, else over another.
///
/// What a server says is bounded: each line in length and time, each listing in number, each silence
/// by the client's patience.
pub struct Client {
    connect: Box<Connect>,
    pub(crate) patience: Duration,
    pub(crate) stop: Option<Stop>,
    session: Option<Session>,
}

pub(crate) type Connect = dyn FnMut() -> Result<Box<dyn Transport>, Error>;

/// What became of a file that was got or put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// So many bytes it has.
    pub bytes: u64,
    /// Its digest, where that was compared.
    pub sha256: Option<Digest>,
    /// So many bytes were there before, and not moved again.
    pub resumed_from: Option<u64>,
    /// Whether it was there already as it is, so nothing was moved.
    pub already_there: bool,
}

/// Who is told how far a transfer is.
pub trait Progress {
    /// The next file begins.
    fn begins(&mut self, name: &[u8]);
    /// Its bytes begin to move, from this one on; it has so many in all, if that is known.
    fn moves(&mut self, from: u64, length: Option<u64>);
    /// So many of its bytes are there now, those from before included.
    fn at(&mut self, position: u64);
    /// Something that a person may want to know, in clean words.
    fn note(&mut self, words: &str);
}

impl Client {
    /// A client of this server, which it calls when there is something to ask.
    ///
    /// `patience` is how long the server may be silent; what a signal `stop`s ends with
    /// [`Error::Stopped`].
    #[must_use]
    pub fn new(server: Server, patience: Duration, stop: Option<Stop>) -> Self {
        let signals = stop.clone();
        let connect = Box::new(move || {
            let transport = connect(&server, patience, signals.as_ref())?;
            Ok(Box::new(transport) as Box<dyn Transport>)
        });
        Self {
            connect,
            patience,
            stop,
            session: None,
        }
    }

    /// A client of whatever this connects to.
    #[cfg(test)]
    pub(crate) fn over(connect: Box<Connect>, patience: Duration) -> Self {
        Self {
            connect,
            patience,
            stop: None,
            session: None,
        }
    }

    /// The conversation that stands, or a new one.
    pub(crate) fn session(&mut self) -> Result<&mut Session, Error> {
        let standing = self.session.take().filter(Session::is_ready);
        let session = match standing {
            Some(session) => session,
            None => Session::begin((self.connect)()?, self.patience)?,
        };
        Ok(self.session.insert(session))
    }

    /// # Errors
    ///
    /// A signal has asked to stop.
    pub(crate) fn check_stop(&self) -> Result<(), Error> {
        self.stop.as_ref().map_or(Ok(()), Stop::check)
    }
}

/// How long a server may be silent that has to read or write so many bytes before it answers.
pub(crate) fn patience_for(patience: Duration, bytes: u64) -> Duration {
    patience + Duration::from_secs(bytes / SLOW_BYTES)
}

const SLOW_BYTES: u64 = 16 * 1024 * 1024; // in a second; a disk that is slower is taken for silent
