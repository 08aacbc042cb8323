//! File: one file, sent to whoever comes.

use std::path::{Path, PathBuf};

use clap::Args;
use switchboard_core::{
    Config, Error, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport, UdpPolicy,
};
use switchboard_files::{FileError, Source};

/// Sends a file to every peer and closes, whatever is said meanwhile.
///
/// Each peer gets the file as it is when the peer comes: it is opened anew. What cannot be sent to its
/// end is broken off, over TCP by a reset, so that no part is taken for the whole.
pub struct OneFile {
    path: PathBuf,
}

/// What to send.
#[derive(Args)]
pub(crate) struct Options {
    /// The file
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

impl OneFile {
    /// Sends the file of this name.
    ///
    /// # Errors
    ///
    /// It cannot be opened now, or is no regular file.
    pub fn new(path: &Path) -> Result<Self, FileError> {
        Source::open(path)?;
        let path = std::path::absolute(path)?;
        Ok(Self { path })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, String> {
        let path = options.path;
        Self::new(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Service for OneFile {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
            .udp(UdpPolicy::Unsupported(
                "a lost datagram would damage the file; `serve files` offers TFTP",
            ))
            .example("nc {target} > FILE")
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Sending(self.path.clone())))
    }
}

struct Sending(PathBuf);

impl Session for Sending {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        // No words go to the peer if it fails: they would be taken for the file.
        let source = Source::open(&self.0).map_err(|problem| {
            out.abort();
            Error::Failed(format!("{}: {problem}", self.0.display()).into())
        })?;
        out.send_file(source.file, 0..source.length);
        Ok(Flow::WhenWritable) // a peer may stop for a while, which is not ending slowly
    }

    fn on_writable(&mut self, _: &mut Outbox) -> Result {
        Ok(Flow::Close)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Close) // it closed before
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use switchboard_core::testing::{Chunks, Connection, drive_stream};
    use switchboard_core::{CloseReason, Limits};

    use super::*;
    use crate::talk::every_chunking;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    #[test]
    fn it_sends_the_file_as_it_is_whatever_is_said() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, b"one\r\n\xff").expect("there is room");
        let service = OneFile::new(&path).expect("it is there");
        every_chunking(&service, b"", b"one\r\n\xff");
        for content in ["", "a file that grew"] {
            fs::write(&path, content).expect("there is room");
            every_chunking(&service, b"GET / HTTP/1.0\r\n\r\n", content.as_bytes());
        }
    }

    #[test]
    fn who_stops_reading_has_time() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "here").expect("there is room");
        let service = OneFile::new(&path).expect("it is there");
        let mut connection = Connection::open(&service, &Peer::stdio(), &Limits::default());
        assert!(
            connection.close_reason().is_none(),
            "the rest is not its last words"
        );
        connection.load_file();
        connection.sent(4);
        assert!(connection.is_done());
    }

    #[test]
    fn only_a_regular_file_is_served() {
        let folder = folder();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe can be made");
        for wrong in [folder.path(), &pipe, &folder.path().join("none")] {
            assert!(OneFile::new(wrong).is_err(), "{}", wrong.display());
        }
    }

    #[test]
    fn a_file_that_has_gone_is_a_failure_without_words() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "here").expect("there is room");
        let service = OneFile::new(&path).expect("it is there");
        fs::remove_file(&path).expect("it is there");
        let pieces = Chunks {
            input: 1,
            output: 1,
        };
        let (heard, ended) = drive_stream(&service, b"", pieces, &Limits::default());
        assert_eq!(heard, b"");
        assert!(
            matches!(ended, CloseReason::Failed(Error::Failed(_))),
            "{ended}"
        );
    }
}
