//! Receive file: saves what one client sends.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use switchboard_core::{
    Address, Config, Error, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport,
    UdpPolicy,
};
use switchboard_files::{AtomicFile, Content, FileError, Folder, Name, Rules, counted};

use crate::file_problem::FileProblem;
use crate::shared_output::SharedOutput;
use crate::units::size;

/// Saves what a peer sends until it closes its side. The file appears only when it is complete.
///
/// The first complete file is saved; later peers get an error, unless files are overwritten. A peer
/// that sends nothing, such as a port scanner, leaves no empty file.
///
/// A peer that was killed closes its side too. To make a truncated file visible, the length and the
/// digest are sent to the peer and printed on standard output (unless the peer reads that).
pub struct ReceiveFile {
    folder: Folder,
    name: Name,
    rules: Rules,
    output: SharedOutput,
}

#[derive(Args)]
pub(crate) struct Options {
    /// The file to save to
    #[arg(value_name = "FILE")]
    path: PathBuf,

    /// Replace an existing file, also one that was received before
    #[arg(long)]
    overwrite: bool,

    /// Refuse content that is larger than this, such as 100M
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file: Option<u64>,
}

impl ReceiveFile {
    /// A service that saves to `path` by these rules.
    ///
    /// # Errors
    ///
    /// The file exists already, or cannot be created.
    pub fn new(path: &Path, rules: Rules) -> Result<Self, FileError> {
        let (folder, name) = Folder::parent_of(path)?;
        folder.remove_stale(&Name::root(), false);
        AtomicFile::create(&folder, &name, None, rules)?;
        Ok(Self {
            folder,
            name,
            rules,
            output: SharedOutput::stdout(),
        })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, FileProblem> {
        let rules = Rules {
            overwrite: options.overwrite,
            max_file: options.max_file,
            ..Rules::default()
        };
        let path = options.path;
        Self::new(&path, rules).map_err(|error| FileProblem::new(&path, error))
    }
}

impl Service for ReceiveFile {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
            .udp(UdpPolicy::Unsupported(
                "a lost datagram would go unnoticed; `serve files` offers TFTP",
            ))
            .example("nc -N {target} < FILE") // without -N, nc keeps its side open at the end of FILE
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let file = AtomicFile::create(&self.folder, &self.name, None, self.rules);
        let file = file.map_err(|error| Refusal(not_received(&error).into()))?;
        Ok(Box::new(ReceiveFileSession {
            file: Some(file),
            peer: (peer.remote != Address::Stdio).then(|| peer.to_string()),
            output: self.output.clone(),
        }))
    }
}

struct ReceiveFileSession {
    file: Option<AtomicFile>, // until it is published or discarded
    peer: Option<String>,     // `None` if the peer itself reads standard output
    output: SharedOutput,
}

impl ReceiveFileSession {
    /// Reports the saved file to the peer and on standard output.
    fn report(&self, content: &Content, out: &mut Outbox) {
        let Content { length, sha256 } = content;
        let report = format!("received {}, SHA-256 {sha256}\n", counted(*length, "byte"));
        out.send(report.as_bytes());
        if let Some(peer) = &self.peer {
            // The file is saved, even if this cannot be printed.
            let line = format!("{peer}: {report}");
            self.output.print(line.as_bytes()).ok();
        }
    }
}

impl Session for ReceiveFileSession {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        match self.file.as_mut().map(|file| file.write_all(bytes)) {
            None | Some(Ok(())) => Ok(Flow::Continue),
            Some(Err(error)) => {
                self.file = None;
                fail(&error.into(), out)
            }
        }
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        let Some(file) = self.file.take() else {
            return Ok(Flow::Close);
        };
        if file.length() == 0 {
            out.send(b"not received: nothing was sent\n");
            return Ok(Flow::Close);
        }
        match file.publish(None) {
            Ok(content) => self.report(&content, out),
            Err(error) => return fail(&error, out),
        }
        Ok(Flow::Close)
    }

    /// A transfer in progress may be completed.
    fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
        Ok(match &self.file {
            Some(file) if 0 < file.length() => Flow::Continue,
            _ => Flow::Close,
        })
    }
}

/// Sends the error to the peer. It is also logged if it is a failure of the server.
fn fail(error: &FileError, out: &mut Outbox) -> Result {
    let message = not_received(error);
    out.send(format!("{message}\n").as_bytes());
    match error {
        FileError::Exists | FileError::TooLarge { .. } => Ok(Flow::Close),
        _ => Err(Error::Failed(message.into())),
    }
}

fn not_received(error: &FileError) -> String {
    format!("not received: {error}")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::{fs, io};

    use switchboard_core::testing::{Chunks, Connection, drive_stream};
    use switchboard_core::{CloseReason, Limits};
    use switchboard_files::Digest;
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::testing::parse_options;

    const PLAIN: Rules = Rules {
        overwrite: false,
        make_folders: false,
        max_file: None,
        quota: None,
    };

    /// A service for the file `it` in a temporary folder, and its standard output.
    fn service(rules: Rules) -> (TempDir, ReceiveFile, Arc<Mutex<Vec<u8>>>) {
        let folder = tempdir().expect("a folder can be made");
        let service = ReceiveFile::new(&folder.path().join("it"), rules).expect("there is room");
        let (output, memory) = SharedOutput::memory();
        let service = ReceiveFile { output, ..service };
        (folder, service, memory)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).expect("it exists");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("it exists").file_name();
        entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect()
    }

    /// Checks the answer to `input` and the saved content, for every chunking.
    #[track_caller]
    fn check(rules: Rules, input: &[u8], answer: &str, saved: Option<&[u8]>) {
        for size in 1..=input.len().max(1) {
            for taken in [1, 1000] {
                let (folder, service, sink) = service(rules);
                let chunks = Chunks {
                    input: size,
                    output: taken,
                };
                let (sent, _) = drive_stream(&service, input, chunks, &Limits::default());
                assert_eq!(String::from_utf8_lossy(&sent), answer, "{chunks:?}");
                assert_eq!(fs::read(folder.path().join("it")).ok().as_deref(), saved);
                assert_eq!(names(&folder).len(), usize::from(saved.is_some()));
                let printed = sink.lock().expect("nothing panicked").clone();
                let printed = String::from_utf8(printed).expect("it is text");
                let expected = saved.map(|_| format!("127.0.0.1:5000: {answer}"));
                assert_eq!(printed, expected.unwrap_or_default());
            }
        }
    }

    #[test]
    fn the_input_is_saved() {
        let input = b"one\r\n\xfftwo";
        let sha256 = Digest::of(input);
        let answer = format!("received 9 bytes, SHA-256 {sha256}\n");
        check(PLAIN, input, &answer, Some(input));
    }

    #[test]
    fn a_peer_on_standard_output_gets_one_report() {
        let (_folder, service, sink) = service(PLAIN);
        let mut here = Connection::open(&service, &Peer::stdio(), &Limits::default());
        here.receive(b"one");
        here.end_input();
        assert!(here.output().starts_with(b"received 3 bytes"));
        assert_eq!(*sink.lock().expect("nothing panicked"), b"");
    }

    #[test]
    fn empty_input_is_not_saved() {
        check(PLAIN, b"", "not received: nothing was sent\n", None);
    }

    #[test]
    fn too_large_input_is_not_saved() {
        let few = Rules {
            max_file: Some(3),
            ..PLAIN
        };
        let answer = "not received: the file is too large: the maximum is 3 bytes\n";
        check(few, b"1234", answer, None);
        let answer = format!("received 3 bytes, SHA-256 {}\n", Digest::of(b"123"));
        check(few, b"123", &answer, Some(b"123"));
    }

    #[test]
    fn the_first_complete_file_is_saved() {
        let (folder, service, _) = service(PLAIN);
        let open = || Connection::open(&service, &Peer::stdio(), &Limits::default());
        let (mut slow, mut fast) = (open(), open());
        slow.receive(b"slow");
        fast.receive(b"fast");
        fast.end_input();
        assert!(fast.output().starts_with(b"received 4 bytes"));
        slow.end_input();
        let exists = b"not received: a file or folder of this name exists already\n";
        assert_eq!(slow.output(), exists);
        let late = open();
        assert_eq!(late.output(), exists);
        assert!(matches!(late.into_close_reason(), CloseReason::Refused(_)));
        let path = folder.path().join("it");
        assert_eq!(fs::read(&path).expect("it exists"), b"fast");
        assert!(ReceiveFile::new(&path, PLAIN).is_err(), "nor does it start");
    }

    #[test]
    fn it_is_replaced_with_overwrite() {
        let over = Rules {
            overwrite: true,
            ..PLAIN
        };
        let (folder, service, _) = service(over);
        for input in ["one", "two"] {
            let chunks = Chunks {
                input: 1,
                output: 99,
            };
            drive_stream(&service, input.as_bytes(), chunks, &Limits::default());
            let saved = fs::read(folder.path().join("it")).expect("it exists");
            assert_eq!(saved, input.as_bytes());
        }
        let options: Options = parse_options("it --overwrite --max-file 2k");
        assert!(options.overwrite);
        assert_eq!(options.max_file, Some(2048));
    }

    #[test]
    fn a_transfer_in_progress_completes_when_the_server_stops() {
        let (folder, service, _) = service(PLAIN);
        let open = || Connection::open(&service, &Peer::stdio(), &Limits::default());
        let (mut idle, mut cut, mut whole) = (open(), open(), open());
        idle.shut_down();
        assert!(idle.is_done());
        for connection in [&mut cut, &mut whole] {
            connection.receive(b"hel");
            connection.shut_down();
            assert!(!connection.is_done());
        }
        drop(cut);
        assert_eq!(names(&folder), [""; 0]);
        whole.receive(b"lo");
        whole.end_input();
        assert_eq!(names(&folder), ["it"]);
    }
}
