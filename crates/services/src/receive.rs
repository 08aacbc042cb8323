//! Receive: what one client sends becomes a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use switchboard_core::{
    Address, Config, Error, Flow, Outbox, Peer, Refusal, Result, Service, Session, Transport,
    UdpPolicy,
};
use switchboard_files::{AtomicFile, Content, FileError, Folder, Name, Rules};

use crate::units::size;

/// Takes what a peer sends until it ends its side, and makes a file of it: whole or not at all.
///
/// The first one to be done wins; everybody else is told that it is there already, unless files are
/// replaced. Who only comes and leaves has sent nothing, not an empty file: somebody may have
/// looked whether the port is open.
///
/// A peer that ends its side since it was killed looks like one that is done. So both sides are told
/// what was received, and can compare: the peer in an answer, and whoever runs the server on standard
/// output, unless that is where the peer is.
pub struct Receive {
    folder: Folder,
    name: Name,
    rules: Rules,
    sink: Sink,
}

/// Where to, and what.
#[derive(Args)]
pub(crate) struct Options {
    /// The file that is to be
    #[arg(value_name = "FILE")]
    path: PathBuf,

    /// Replace a file that is there, also one that was received before
    #[arg(long)]
    overwrite: bool,

    /// Take nothing that is larger, such as 100M
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file: Option<u64>,
}

type Sink = Arc<Mutex<dyn Write + Send>>;

impl Receive {
    /// Receives into a file of this name, by these rules.
    ///
    /// # Errors
    ///
    /// The file is there already, or could not be.
    pub fn new(path: &Path, rules: Rules) -> Result<Self, FileError> {
        let (folder, name) = Folder::parent_of(path)?;
        AtomicFile::create(&folder, &name, None, rules)?;
        Ok(Self {
            folder,
            name,
            rules,
            sink: Arc::new(Mutex::new(io::stdout())),
        })
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, String> {
        let rules = Rules {
            overwrite: options.overwrite,
            max_file: options.max_file,
            ..Rules::default()
        };
        let path = options.path;
        Self::new(&path, rules).map_err(|problem| format!("{}: {problem}", path.display()))
    }
}

impl Service for Receive {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
            .udp(UdpPolicy::Unsupported(
                "a lost datagram would go unnoticed; `serve files` offers TFTP",
            ))
            .example("nc -N {target} < FILE") // without -N, nc does not close its side at the end of FILE
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let draft = AtomicFile::create(&self.folder, &self.name, None, self.rules);
        let draft = draft.map_err(|problem| Refusal(not_received(&problem).into()))?;
        Ok(Box::new(Receiving {
            draft: Some(draft),
            peer: (peer.remote != Address::Stdio).then(|| peer.to_string()),
            sink: Arc::clone(&self.sink),
        }))
    }
}

struct Receiving {
    draft: Option<AtomicFile>, // until it is done
    peer: Option<String>,      // unless it reads what is printed, and was told already
    sink: Sink,
}

impl Receiving {
    /// Both sides are told what there is now.
    fn tell(&self, content: &Content, out: &mut Outbox) {
        let Content { length, sha256 } = content;
        let words = format!("received {length} bytes, SHA-256 {sha256}\n");
        out.send(words.as_bytes());
        let Some(peer) = &self.peer else {
            return;
        };
        let line = format!("{peer}: {words}");
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // It is there, whether or not anybody can read that.
        sink.write_all(line.as_bytes())
            .and_then(|()| sink.flush())
            .ok();
    }
}

impl Session for Receiving {
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        match self.draft.as_mut().map(|draft| draft.write_all(bytes)) {
            None | Some(Ok(())) => Ok(Flow::Continue),
            Some(Err(error)) => {
                self.draft = None;
                end(&error.into(), out)
            }
        }
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        let Some(draft) = self.draft.take() else {
            return Ok(Flow::Close); // it was told already
        };
        if draft.length() == 0 {
            out.send(b"not received: nothing was sent\n");
            return Ok(Flow::Close);
        }
        match draft.publish(None) {
            Ok(content) => self.tell(&content, out),
            Err(problem) => return end(&problem, out),
        }
        Ok(Flow::Close)
    }

    /// What has begun may come to its end.
    fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
        let begun = |draft: &AtomicFile| 0 < draft.length();
        Ok(if self.draft.as_ref().is_some_and(begun) {
            Flow::Continue
        } else {
            Flow::Close
        })
    }
}

/// The peer is told what is wrong; whoever runs the server as well, if it is here.
fn end(problem: &FileError, out: &mut Outbox) -> Result {
    let words = not_received(problem);
    out.send(format!("{words}\n").as_bytes());
    match problem {
        FileError::Exists | FileError::TooLarge { .. } => Ok(Flow::Close),
        _ => Err(Error::Failed(words.into())),
    }
}

fn not_received(problem: &FileError) -> String {
    format!("not received: {problem}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use switchboard_core::testing::{Chunks, Connection, drive_stream};
    use switchboard_core::{CloseReason, Limits};
    use switchboard_files::Digest;
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::talk::from_words;

    const PLAIN: Rules = Rules {
        overwrite: false,
        make_folders: false,
        max_file: None,
        quota: None,
    };

    /// A service for the file `it` in a folder of its own, and what it prints.
    fn place(rules: Rules) -> (TempDir, Receive, Arc<Mutex<Vec<u8>>>) {
        let folder = tempdir().expect("a folder can be made");
        let sink = Arc::new(Mutex::new(Vec::new()));
        let service = Receive::new(&folder.path().join("it"), rules).expect("there is room");
        let printing = Receive {
            sink: Arc::clone(&sink) as Sink,
            ..service
        };
        (folder, printing, sink)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).expect("it is there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("it is there").file_name();
        entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect()
    }

    /// Whatever the pieces in which `said` arrives, this is answered, and this is there then.
    #[track_caller]
    fn check(rules: Rules, said: &[u8], answer: &str, there: Option<&[u8]>) {
        for size in 1..=said.len().max(1) {
            for taken in [1, 1000] {
                let (folder, service, sink) = place(rules);
                let pieces = Chunks {
                    input: size,
                    output: taken,
                };
                let (heard, _) = drive_stream(&service, said, pieces, &Limits::default());
                assert_eq!(String::from_utf8_lossy(&heard), answer, "{pieces:?}");
                assert_eq!(fs::read(folder.path().join("it")).ok().as_deref(), there);
                assert_eq!(names(&folder).len(), usize::from(there.is_some()));
                let printed = sink.lock().expect("nothing panicked").clone();
                let printed = String::from_utf8(printed).expect("it is text");
                let expected = there.map(|_| format!("127.0.0.1:5000: {answer}"));
                assert_eq!(printed, expected.unwrap_or_default());
            }
        }
    }

    #[test]
    fn what_is_sent_becomes_the_file() {
        let said = b"one\r\n\xfftwo";
        let sha256 = Digest::of(said);
        let answer = format!("received 9 bytes, SHA-256 {sha256}\n");
        check(PLAIN, said, &answer, Some(said));
    }

    #[test]
    fn who_reads_what_is_printed_is_told_once() {
        let (_folder, service, sink) = place(PLAIN);
        let mut here = Connection::open(&service, &Peer::stdio(), &Limits::default());
        here.receive(b"one");
        here.end_input();
        assert!(here.output().starts_with(b"received 3 bytes"));
        assert_eq!(*sink.lock().expect("nothing panicked"), b"");
    }

    #[test]
    fn nothing_is_not_a_file() {
        check(PLAIN, b"", "not received: nothing was sent\n", None);
    }

    #[test]
    fn what_is_too_large_is_not_received() {
        let few = Rules {
            max_file: Some(3),
            ..PLAIN
        };
        let answer = "not received: the file is too large: at most 3 bytes are allowed\n";
        check(few, b"1234", answer, None);
        let answer = format!("received 3 bytes, SHA-256 {}\n", Digest::of(b"123"));
        check(few, b"123", &answer, Some(b"123"));
    }

    #[test]
    fn the_first_to_be_done_wins() {
        let (folder, service, _) = place(PLAIN);
        let open = || Connection::open(&service, &Peer::stdio(), &Limits::default());
        let (mut slow, mut fast) = (open(), open());
        slow.receive(b"slow");
        fast.receive(b"fast");
        fast.end_input();
        assert!(fast.output().starts_with(b"received 4 bytes"));
        slow.end_input();
        let there = b"not received: a file or folder of this name exists already\n";
        assert_eq!(slow.output(), there);
        let late = open();
        assert_eq!(late.output(), there);
        assert!(matches!(late.into_close_reason(), CloseReason::Refused(_)));
        let path = folder.path().join("it");
        assert_eq!(fs::read(&path).expect("it is there"), b"fast");
        assert!(Receive::new(&path, PLAIN).is_err(), "nor would it start");
    }

    #[test]
    fn it_is_replaced_only_if_asked() {
        let over = Rules {
            overwrite: true,
            ..PLAIN
        };
        let (folder, service, _) = place(over);
        for said in ["one", "two"] {
            let pieces = Chunks {
                input: 1,
                output: 99,
            };
            drive_stream(&service, said.as_bytes(), pieces, &Limits::default());
            let there = fs::read(folder.path().join("it")).expect("it is there");
            assert_eq!(there, said.as_bytes());
        }
        let options: Options = from_words("it --overwrite --max-file 2k");
        assert!(options.overwrite);
        assert_eq!(options.max_file, Some(2048));
    }

    #[test]
    fn a_stop_lets_it_come_to_its_end() {
        let (folder, service, _) = place(PLAIN);
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
