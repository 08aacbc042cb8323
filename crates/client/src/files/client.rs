//! The client of the files protocol.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use switchboard_core::ListenAddr;
use switchboard_files::{
    AtomicFile, Attributes, Content, Entry, FileError, Hasher, Kind, Name, Request, Response,
    Source, Status, counted,
};

use crate::connect::Connector;
use crate::files::destination::{Destination, Target};
use crate::files::error::{DisplayPath, Error};
use crate::files::progress::{Outcome, Progress};
use crate::files::session::Session;
use crate::files::transport::{Transport, connect};
use crate::stop::Stop;

/// Gets, puts and lists files of one server. A connection is reused as long as it works.
///
/// All that a server sends is limited: lines in length and time, listings in number, and silence in
/// time.
pub struct Client {
    connect: Box<Connect>,
    timeout: Duration,
    stop: Option<Stop>,
    deadline: Option<Deadline>,
    session: Option<Session>,
}

/// When all calls of a client must have ended.
#[derive(Clone, Copy)]
struct Deadline {
    end: Instant,
    time: Duration, // that was allowed
}

pub(crate) type Connect = dyn FnMut() -> Result<Box<dyn Transport>, Error>;

impl Client {
    /// A client of this server. It connects with the first request.
    ///
    /// `timeout` limits how long the server may be silent. A signal that ends the attempts of
    /// `connector` ends any call, with [`Error::Stopped`].
    #[must_use]
    pub fn new(server: ListenAddr, mut connector: Connector<'static>, timeout: Duration) -> Self {
        let stop = connector.stop().cloned();
        let connect = Box::new(move || {
            let transport = connect(&server, &mut connector)?;
            Ok(Box::new(transport) as Box<dyn Transport>)
        });
        Self::over(connect, timeout, stop)
    }

    /// A client of the server that `connect` connects to.
    pub(crate) fn over(connect: Box<Connect>, timeout: Duration, stop: Option<Stop>) -> Self {
        Self {
            connect,
            timeout,
            stop,
            deadline: None,
            session: None,
        }
    }

    /// Limits the time of all calls from now on together; later ones fail with [`Error::OutOfTime`].
    #[must_use]
    pub fn with_max_time(self, time: Duration) -> Self {
        let end = Instant::now().checked_add(time);
        let deadline = end.map(|end| Deadline { end, time });
        Self { deadline, ..self }
    }

    /// The current session, or a new one.
    fn session(&mut self) -> Result<&mut Session, Error> {
        Deadline::check(self.deadline)?;
        let session = match self.session.take().filter(Session::is_ready) {
            Some(session) => session,
            None => Session::begin((self.connect)()?, self.timeout)?,
        };
        Ok(self.session.insert(session))
    }

    /// Describes one file or folder.
    ///
    /// # Errors
    ///
    /// There is no such file or folder, or the session fails.
    pub fn stat(&mut self, name: &Name) -> Result<Entry, Error> {
        let session = self.session()?;
        match session.request(&Request::Stat(name.clone()))? {
            Response::Entry(entry) => Ok(entry),
            other => Err(session.unexpected(other)),
        }
    }

    /// Lists a folder, sorted by the bytes of the names.
    ///
    /// # Errors
    ///
    /// There is no such folder, or the session fails.
    pub fn list(&mut self, folder: &Name) -> Result<Vec<Entry>, Error> {
        let (timeout, deadline) = (self.timeout, self.deadline);
        let session = self.session()?;
        session.send(&Request::List(folder.clone()))?;
        let mut entries = receive_entries(session, timeout, deadline).inspect_err(|error| {
            if !matches!(error, Error::Rejected(..)) {
                session.abandon(); // more lines may be on their way
            }
        })?;
        // The order of the pages is that of the server's disk.
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Gets a file. It is compared with the server's by digest before it gets its name.
    ///
    /// An existing local file is compared, too: if it is equal, nothing is transferred.
    ///
    /// # Errors
    ///
    /// The server has no such file, a different local file exists, or the transfer fails.
    pub fn get(
        &mut self,
        name: &Name,
        target: Target<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let (destination, own, overwrite, resume, preserve) = match target {
            Target::Output(out) => return self.get_to_output(name, out, progress),
            Target::File {
                destination,
                name,
                overwrite,
                resume,
                preserve,
            } => (destination, name, overwrite, resume, preserve),
        };
        if !overwrite && let Some(outcome) = self.compare(name, destination, own)? {
            return Ok(outcome);
        }
        let path = destination.path_of(own);
        let (mut file, written) = destination.create(own, overwrite, resume)?;
        let offset = self.resume_offset(name, &mut file, &written, progress)?;
        let received = self.receive(name, offset, preserve, progress, &mut |bytes| {
            let appended = file.write_all(bytes);
            appended.map_err(|error| Error::writing(&written, error))
        });
        if resume && received.is_err() && 0 < file.length() {
            let (kept, path) = (counted(file.length(), "byte"), DisplayPath(&written));
            progress.note(&format!("kept {kept} in {path}; --resume continues there"));
        }
        let (content, attributes) = received?;
        if let Some(attributes) = attributes {
            file.set_attributes(attributes);
        }
        let published = file.publish(Some(&content));
        published.map_err(|error| Error::writing(&path, error))?;
        Ok(Outcome {
            resumed_from: Some(offset).filter(|&offset| 0 < offset),
            ..content.into()
        })
    }

    fn get_to_output(
        &mut self,
        name: &Name,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let mut hasher = Hasher::default();
        let (content, _) = self.receive(name, 0, false, progress, &mut |bytes| {
            hasher.update(bytes);
            out.write_all(bytes).map_err(Error::Output)
        })?;
        out.flush().map_err(Error::Output)?;
        if hasher.content() != content {
            return Err(Error::Mismatch);
        }
        Ok(content.into())
    }

    /// The offset from which `part` lacks content. What differs from the server's file is discarded.
    fn resume_offset(
        &mut self,
        name: &Name,
        part: &mut AtomicFile,
        path: &Path,
        progress: &mut dyn Progress,
    ) -> Result<u64, Error> {
        let length = part.length();
        if length == 0 {
            return Ok(0);
        }
        let timeout = timeout_for(self.timeout, length);
        let stop = self.stop.clone();
        let session = self.session()?;
        session.send(&Request::Hash {
            name: name.clone(),
            length: Some(length),
        })?;
        // Both sides compute the digest at the same time.
        let own = hash(stop.as_ref(), |max_bytes| {
            let hashed = part.hash_resumed(max_bytes);
            hashed.map_err(|error| Error::reading(path, error))
        });
        let own = own.inspect_err(|_| session.abandon())?; // the response is on its way
        let reason = match session.response(timeout)? {
            Response::Hash(content) if content == own => return Ok(length),
            Response::Hash(content) if content.length == length => "differs from the file",
            Response::Text(Status::SHORT, _) => "is longer than the file",
            other => return Err(session.unexpected(other)),
        };
        let displayed = DisplayPath(path);
        progress.note(&format!(
            "{displayed} {reason} of the server: starting over"
        ));
        part.clear().map_err(|error| Error::writing(path, error))?;
        Ok(0)
    }

    /// The outcome, if the local file exists and equals the server's; `None` if it does not exist.
    fn compare(
        &mut self,
        name: &Name,
        destination: &Destination,
        own: &Name,
    ) -> Result<Option<Outcome>, Error> {
        let file = destination.path_of(own);
        let source = match destination.folder.read(own) {
            Ok(source) => source,
            // A symbolic link counts as missing here, and is refused when the file gets its name.
            Err(FileError::NotFound) => return Ok(None),
            Err(cause) => return Err(Error::CannotCreate { file, cause }),
        };
        // Only for a file of the same length the digest is worth its cost.
        if self.stat(name)?.kind != Kind::File(source.length) {
            return Err(Error::Exists(file));
        }
        let content = self.content_of(&file, &source)?;
        if !self.has_content(name, content)? {
            return Err(Error::Exists(file));
        }
        Ok(Some(Outcome {
            already_there: true,
            ..content.into()
        }))
    }

    /// Receives a file from `offset` on, and returns length and digest of the whole file; also its
    /// attributes, if they are wanted and the server has them.
    fn receive(
        &mut self,
        name: &Name,
        offset: u64,
        with_attributes: bool,
        progress: &mut dyn Progress,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(Content, Option<Attributes>), Error> {
        let (timeout, deadline) = (self.timeout, self.deadline);
        let session = self.session()?;
        let name = name.clone();
        let get = Request::Get {
            name: name.clone(),
            offset,
        };
        let count = match session.request(&get)? {
            Response::Bytes(count) => count,
            other => return Err(session.unexpected(other)),
        };
        let Some(length) = offset.checked_add(count) else {
            session.abandon();
            return Err(Error::protocol("the file is too long"));
        };
        progress.transfer_started(offset, Some(length));
        session.send_ahead(&Request::Hash {
            name: name.clone(),
            length: Some(length),
        })?;
        if with_attributes {
            session.send_ahead(&Request::Attributes(name))?;
        }
        let mut received = offset;
        session.receive_content(count, &mut |bytes| {
            Deadline::check(deadline)?;
            take(bytes)?;
            received += bytes.len() as u64;
            progress.advanced(received);
            Ok(())
        })?;
        let hash = session.response(timeout_for(timeout, length))?;
        let content = match hash {
            Response::Hash(content) if content.length == length => content,
            other => {
                if with_attributes {
                    session.abandon(); // another response is on its way
                }
                return Err(match other {
                    Response::Hash(_) | Response::Text(Status::SHORT, _) => Error::Mismatch,
                    other => session.unexpected(other),
                });
            }
        };
        if !with_attributes {
            return Ok((content, None));
        }
        match session.response(timeout) {
            Ok(Response::Attributes(attributes)) => Ok((content, Some(attributes))),
            // An older server does not know the request.
            Ok(Response::Text(status, _)) if !status.is_success() => Ok((content, None)),
            Ok(other) => Err(session.unexpected(other)),
            // The content is complete.
            Err(error @ (Error::Lost(_) | Error::Closed(_) | Error::TimedOut(_))) => {
                progress.note(&format!("the attributes are not known: {error}"));
                Ok((content, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Puts a file under a name. `path` is that of the file, for errors.
    ///
    /// With `resume`, nothing is sent if the server has the same file already.
    ///
    /// # Errors
    ///
    /// The server does not store it, the file cannot be read, or the transfer fails.
    pub fn put(
        &mut self,
        path: &Path,
        mut source: Source,
        name: &Name,
        resume: bool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let content = self.content_of(path, &source)?;
        if resume && self.has_file(name, content)? {
            return Ok(Outcome {
                already_there: true,
                ..content.into()
            });
        }
        progress.transfer_started(0, Some(content.length));
        let timeout = timeout_for(self.timeout, content.length);
        let session = self.session()?;
        let name = name.clone();
        session.send(&Request::Put { name, content })?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut sent = 0;
        while sent < content.length {
            let count = source.read(&mut buffer).inspect_err(|_| session.abandon());
            let count = count.map_err(|error| Error::reading(path, error))?;
            if !session.send_content(&buffer[..count])? {
                break; // the server does not want the rest
            }
            sent += count as u64;
            progress.advanced(sent);
        }
        match session.response(timeout)? {
            Response::Stored(stored) if stored == content && sent == content.length => {
                Ok(content.into())
            }
            other => Err(session.unexpected(other)),
        }
    }

    /// Length and digest of a local file.
    fn content_of(&self, path: &Path, source: &Source) -> Result<Content, Error> {
        let mut hasher = Hasher::default();
        hash(self.stop.as_ref(), |max_bytes| {
            let hashed = hasher.read_file(&source.file, source.length, max_bytes);
            hashed.map_err(|error| Error::reading(path, error))
        })
    }

    /// Whether the server has a file with this content.
    fn has_file(&mut self, name: &Name, content: Content) -> Result<bool, Error> {
        match self.stat(name) {
            // Only for a file of the same length the digest is worth its cost.
            Ok(entry) if entry.kind == Kind::File(content.length) => {
                self.has_content(name, content)
            }
            Ok(_) | Err(Error::Rejected(Status::NOT_FOUND, _)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a file of the server has this content.
    fn has_content(&mut self, name: &Name, content: Content) -> Result<bool, Error> {
        let timeout = timeout_for(self.timeout, content.length);
        let session = self.session()?;
        session.send(&Request::Hash {
            name: name.clone(),
            length: None,
        })?;
        match session.response(timeout)? {
            Response::Hash(there) => Ok(there == content),
            other => Err(session.unexpected(other)),
        }
    }
}

impl Deadline {
    fn check(deadline: Option<Self>) -> Result<(), Error> {
        match deadline {
            Some(Self { end, time }) if end <= Instant::now() => Err(Error::OutOfTime(time)),
            _ => Ok(()),
        }
    }
}

/// Receives the pages of a listing.
fn receive_entries(
    session: &mut Session,
    timeout: Duration,
    deadline: Option<Deadline>,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut names_bytes = 0;
    loop {
        let (count, is_last) = match session.response(timeout)? {
            Response::Lines(count) => (count, true),
            Response::Page(count @ 1..) => (count, false),
            other => return Err(session.unexpected(other)),
        };
        if MAX_ENTRIES < count {
            return Err(Error::protocol("a listing has too many entries"));
        }
        for _ in 0..count {
            Deadline::check(deadline)?;
            let entry = Entry::parse(&session.line(timeout)?)
                .filter(|entry| is_single_part(&entry.name))
                .ok_or_else(|| Error::protocol("a listing has an invalid entry"))?;
            names_bytes += entry.name.len();
            entries.push(entry);
            if MAX_LISTING_BYTES < entries.len() * size_of::<Entry>() + names_bytes {
                return Err(Error::protocol("a listing has too many entries"));
            }
        }
        if is_last {
            return Ok(entries);
        }
    }
}

/// Hashes a file with calls of `step` that each read this many bytes, and checks for signals in
/// between.
fn hash(
    stop: Option<&Stop>,
    mut step: impl FnMut(u64) -> Result<Option<Content>, Error>,
) -> Result<Content, Error> {
    loop {
        stop.map_or(Ok(()), Stop::check)?;
        if let Some(content) = step(HASH_STEP_BYTES)? {
            return Ok(content);
        }
    }
}

/// How long a server may be silent that has to read or write this many bytes before it responds.
fn timeout_for(timeout: Duration, bytes: u64) -> Duration {
    timeout + Duration::from_secs(bytes / MIN_BYTES_PER_SECOND)
}

/// Whether this is a valid name of something directly in a folder.
fn is_single_part(name: &[u8]) -> bool {
    Name::parse(name).is_ok_and(|parsed| parsed.as_bytes() == name && parsed.parts().count() == 1)
}

const MAX_ENTRIES: u64 = 1_000_000; // of a page
const MAX_LISTING_BYTES: usize = 64 * 1024 * 1024; // of memory
const HASH_STEP_BYTES: u64 = 16 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
const MIN_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024; // a slower disk counts as silent
