//! Send file: sends one file to every client.

use std::path::{Path, PathBuf};

use clap::Args;
use switchboard_core::{
    Config, Error, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport, UdpPolicy,
};
use switchboard_files::{FileError, Source};

use crate::file_problem::FileProblem;

/// Sends a file to every peer and closes. Input is ignored.
///
/// The file is opened for each peer, so a later one gets its new content. A transfer that fails is
/// aborted, over TCP by a reset, so that no part is mistaken for the whole.
pub struct SendFile {
    path: PathBuf,
}

#[derive(Args)]
pub(crate) struct Options {
    /// The file to send
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

impl SendFile {
    /// A service that sends the file at `path`.
    ///
    /// # Errors
    ///
    /// It cannot be opened now, or is not a regular file.
    pub fn new(path: &Path) -> Result<Self, FileError> {
        Source::open(path)?;
        let path = std::path::absolute(path)?;
        Ok(Self { path })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, FileProblem> {
        let path = options.path;
        Self::new(&path).map_err(|error| FileProblem::new(&path, error))
    }
}

impl Service for SendFile {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
            .udp(UdpPolicy::Unsupported(
                "a lost datagram would damage the file; `serve files` offers TFTP",
            ))
            .example("nc {target} > FILE")
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(SendFileSession(self.path.clone())))
    }
}

struct SendFileSession(PathBuf);

impl Session for SendFileSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        // An error message to the peer would be mistaken for the content of the file.
        let source = Source::open(&self.0).map_err(|error| {
            out.abort();
            Error::Failed(format!("{}: {error}", self.0.display()).into())
        })?;
        out.send_file(source.file, 0..source.length);
        Ok(Flow::WhenWritable) // not yet `Close`, whose grace period would limit a slow peer
    }

    fn on_writable(&mut self, _: &mut Outbox) -> Result {
        Ok(Flow::Close)
    }

    fn on_message(&mut self, _: &[u8], _: &mut Outbox) -> Result {
        Ok(Flow::Close) // the input is ignored: only the file matters
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
    use crate::testing::every_chunking;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    #[test]
    fn it_sends_the_current_content_and_ignores_input() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, b"one\r\n\xff").expect("there is room");
        let service = SendFile::new(&path).expect("it exists");
        every_chunking(&service, b"", b"one\r\n\xff");
        for content in ["", "a file that grew"] {
            fs::write(&path, content).expect("there is room");
            every_chunking(&service, b"GET / HTTP/1.0\r\n\r\n", content.as_bytes());
        }
    }

    #[test]
    fn a_slow_peer_is_not_limited_by_the_grace_period() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "here").expect("there is room");
        let service = SendFile::new(&path).expect("it exists");
        let mut connection = Connection::open(&service, &Peer::stdio(), &Limits::default());
        assert!(connection.close_reason().is_none(), "it is not closing yet");
        connection.load_file();
        connection.sent(4);
        assert!(connection.is_done());
    }

    #[test]
    fn only_a_regular_file_is_accepted() {
        let folder = folder();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe can be made");
        for wrong in [folder.path(), &pipe, &folder.path().join("none")] {
            assert!(SendFile::new(wrong).is_err(), "{}", wrong.display());
        }
    }

    #[test]
    fn a_missing_file_aborts_without_a_message() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "here").expect("there is room");
        let service = SendFile::new(&path).expect("it exists");
        fs::remove_file(&path).expect("it exists");
        let chunks = Chunks {
            input: 1,
            output: 1,
        };
        let (sent, ended) = drive_stream(&service, b"", chunks, &Limits::default());
        assert_eq!(sent, b"");
        assert!(
            matches!(ended, CloseReason::Failed(Error::Failed(_))),
            "{ended}"
        );
    }
}
