//! A server that is data: its files, and a way in which it misbehaves.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use switchboard_files::{Content, Digest, Entry, Kind, Name, Request, Response, Status, Timestamp};

use crate::client::{Client, Progress};
use crate::error::Error;
use crate::transport::{Interrupt, Transport};

/// What a server has, and what was asked of it.
#[derive(Default)]
pub(super) struct Server {
    pub(super) files: BTreeMap<Name, Vec<u8>>,
    pub(super) trick: Trick,
    pub(super) piece: usize, // of so many bytes a call takes or gives
    pub(super) asked: Vec<String>,
    pub(super) connections: usize,
    pub(super) content: usize, // so many bytes of files came
}

/// How it misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Trick {
    #[default]
    None,
    /// It says these bytes, whatever is said to it, and closes.
    Says(Vec<u8>),
    /// It answers everything with this line.
    Answers(String),
    /// After so many bytes of a file it is gone.
    Breaks(usize),
    /// What it sends is not what it has.
    Damages,
    /// Its folders are endless: in depth,
    Deep,
    /// and in width.
    Wide,
}

pub(super) type Shared = Rc<RefCell<Server>>;

/// A client of this server, and the server.
pub(super) fn server(files: &[(&str, &[u8])], trick: Trick, piece: usize) -> (Client, Shared) {
    let files = files.iter().map(|(own, bytes)| (name(own), bytes.to_vec()));
    let server = Rc::new(RefCell::new(Server {
        files: files.collect(),
        trick,
        piece,
        ..Server::default()
    }));
    let shared = Rc::clone(&server);
    let connect = move || {
        shared.borrow_mut().connections += 1;
        let greeting = match &shared.borrow().trick {
            Trick::Says(bytes) => bytes.clone(),
            _ => b"220 files\n".to_vec(),
        };
        let connection = Connection {
            server: Rc::clone(&shared),
            came: Vec::new(),
            awaited: None,
            answers: greeting.into(),
            ended: matches!(shared.borrow().trick, Trick::Says(_)),
        };
        Ok(Box::new(connection) as Box<dyn Transport>)
    };
    (
        Client::over(Box::new(connect), Duration::from_secs(1)),
        server,
    )
}

pub(super) fn name(words: &str) -> Name {
    Name::parse(words.as_bytes()).expect("a name")
}

pub(super) fn content(bytes: &[u8]) -> Content {
    Content {
        length: bytes.len() as u64,
        sha256: Digest::of(bytes),
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub(super) struct Notes(pub(super) Vec<String>);

impl Progress for Notes {
    fn begins(&mut self, _: &[u8]) {}
    fn moves(&mut self, _: u64, _: Option<u64>) {}
    fn at(&mut self, _: u64) {}
    fn note(&mut self, words: &str) {
        self.0.push(words.to_owned());
    }
}

struct Connection {
    server: Shared,
    came: Vec<u8>,
    awaited: Option<(Name, Content)>, // content that is still to come
    answers: VecDeque<u8>,
    ended: bool,
}

impl Transport for Connection {
    fn read(&mut self, into: &mut [u8], patience: Duration) -> Result<usize, Error> {
        let count = into
            .len()
            .min(self.answers.len())
            .min(self.server.borrow().piece);
        for (byte, answer) in into.iter_mut().zip(self.answers.drain(..count)) {
            *byte = answer;
        }
        match count {
            0 if !self.ended => Err(Error::TimedOut(patience)), // it waits for more, as the other does
            count => Ok(count),
        }
    }

    fn write(&mut self, bytes: &[u8], interrupt: Interrupt, _: Duration) -> Result<usize, Error> {
        if self.ended || (interrupt == Interrupt::Input && self.has_input()) {
            return Ok(0);
        }
        let count = bytes.len().min(self.server.borrow().piece);
        self.came.extend_from_slice(&bytes[..count]);
        self.hear();
        Ok(count)
    }

    fn has_input(&self) -> bool {
        self.ended || !self.answers.is_empty()
    }
}

impl Connection {
    fn hear(&mut self) {
        loop {
            if let Some((name, expected)) = &self.awaited {
                let length = usize::try_from(expected.length).expect("small");
                if self.came.len() < length {
                    return;
                }
                let rest = self.came.split_off(length);
                let bytes = std::mem::replace(&mut self.came, rest);
                let answer = if content(&bytes) == *expected {
                    self.server.borrow_mut().files.insert(name.clone(), bytes);
                    Response::Stored(*expected)
                } else {
                    words(Status::MISMATCH)
                };
                self.server.borrow_mut().content += length;
                self.awaited = None;
                self.say(&answer);
            }
            let Some(end) = self.came.iter().position(|&byte| byte == b'\n') else {
                return;
            };
            let rest = self.came.split_off(end + 1);
            let line = std::mem::replace(&mut self.came, rest);
            self.answer(&line[..end]);
        }
    }

    fn say(&mut self, answer: &Response) {
        self.answers.extend(format!("{answer}\n").bytes());
    }

    fn answer(&mut self, line: &[u8]) {
        let server = Rc::clone(&self.server);
        let mut server = server.borrow_mut();
        server
            .asked
            .push(String::from_utf8_lossy(line).into_owned());
        if let Trick::Answers(line) = &server.trick {
            return self.answers.extend(format!("{line}\n").bytes());
        }
        match Request::parse(line).expect("a client knows the commands") {
            Request::Stat(name) => match server.entry(&name) {
                Some(kind) => self.say(&Response::Entry(entry(kind, name.as_bytes()))),
                None => self.say(&words(Status::NOT_FOUND)),
            },
            Request::List(folder) => {
                let entries = server.list(&folder);
                self.say(&Response::Lines(entries.len() as u64));
                for entry in entries {
                    self.answers.extend(format!("{entry}\n").bytes());
                }
            }
            Request::Hash { name, length } => match server.files.get(&name) {
                None => self.say(&words(Status::NOT_FOUND)),
                Some(bytes) => {
                    let length =
                        length.map_or(bytes.len(), |length| length.try_into().expect("small"));
                    let answer = bytes
                        .get(..length)
                        .map(|bytes| Response::Hash(content(bytes)));
                    self.say(&answer.unwrap_or(words(Status::SHORT)));
                }
            },
            Request::Get { name, offset } => match server.files.get(&name) {
                None => self.say(&words(Status::NOT_FOUND)),
                Some(bytes) => {
                    let mut rest = bytes[usize::try_from(offset).expect("small")..].to_vec();
                    self.say(&Response::Bytes(rest.len() as u64));
                    match server.trick {
                        Trick::Breaks(at) if at < rest.len() => {
                            rest.truncate(at);
                            self.ended = true;
                        }
                        Trick::Damages => rest.iter_mut().for_each(|byte| *byte ^= 1),
                        _ => (),
                    }
                    self.answers.extend(rest);
                }
            },
            Request::Put { name, .. } if server.files.contains_key(&name) => {
                self.say(&words(Status::EXISTS));
            }
            Request::Put { name, content } => self.awaited = Some((name, content)),
            Request::Help | Request::Quit => (),
        }
    }
}

impl Server {
    fn entry(&self, name: &Name) -> Option<Kind> {
        let file = self.files.get(name);
        file.map(|bytes| Kind::File(bytes.len() as u64))
            .or_else(|| (!self.list(name).is_empty()).then_some(Kind::Folder))
    }

    fn list(&self, folder: &Name) -> Vec<Entry> {
        match self.trick {
            Trick::Deep => return vec![entry(Kind::Folder, b"a"), entry(Kind::File(1), b"b")],
            Trick::Wide => {
                let names = (0..100).map(|number| format!("{number:0>200}"));
                return names
                    .map(|name| entry(Kind::Folder, name.as_bytes()))
                    .collect();
            }
            _ => (),
        }
        let mut entries: BTreeMap<Vec<u8>, Kind> = BTreeMap::new();
        for (name, bytes) in &self.files {
            let below: Vec<_> = name.parts().collect();
            let above: Vec<_> = folder.parts().collect();
            match below.strip_prefix(&*above) {
                Some([own]) => entries.insert(own.to_vec(), Kind::File(bytes.len() as u64)),
                Some([own, ..]) => entries.insert(own.to_vec(), Kind::Folder),
                _ => None,
            };
        }
        entries
            .iter()
            .map(|(own, kind)| entry(*kind, own))
            .collect()
    }
}

fn entry(kind: Kind, name: &[u8]) -> Entry {
    Entry {
        kind,
        modified: Timestamp::default(),
        name: name.to_owned(),
    }
}

fn words(code: Status) -> Response {
    Response::Text(code, "no".to_owned())
}
