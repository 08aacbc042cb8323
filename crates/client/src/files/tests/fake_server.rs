//! A simulated server: its files, and a fault.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use switchboard_files::{
    Attributes, Content, Entry, Kind, Name, Request, Response, Status, Timestamp,
};

use crate::files::client::Client;
use crate::files::error::Error;
use crate::files::progress::Progress;
use crate::files::transport::{Interrupt, Transport};

/// The files of a server, and what it received.
#[derive(Default)]
pub(super) struct Server {
    pub(super) files: BTreeMap<Name, Vec<u8>>,
    pub(super) fault: Fault,
    pub(super) piece: usize, // the maximum number of bytes in each call
    pub(super) requests: Vec<String>,
    pub(super) connections: usize,
    pub(super) content: usize,                 // bytes
    pub(super) attributes: Option<Attributes>, // `None`: it does not know the request
}

/// How it misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// It sends these bytes and closes.
    Sends(Vec<u8>),
    /// It answers every request with this line.
    Answers(String),
    /// It closes after this many bytes of a file.
    Breaks(usize),
    /// It sends other bytes than the file has.
    Damages,
    /// Each folder contains another one.
    Deep,
    /// Each folder contains a hundred.
    Wide,
}

pub(super) type Shared = Rc<RefCell<Server>>;

/// A client of a server with these files, and the server.
pub(super) fn server(files: &[(&str, &[u8])], fault: Fault, piece: usize) -> (Client, Shared) {
    let files = files.iter().map(|(own, bytes)| (name(own), bytes.to_vec()));
    let server = Rc::new(RefCell::new(Server {
        files: files.collect(),
        fault,
        piece,
        ..Server::default()
    }));
    let shared = Rc::clone(&server);
    let connect = move || {
        shared.borrow_mut().connections += 1;
        let greeting = match &shared.borrow().fault {
            Fault::Sends(bytes) => bytes.clone(),
            _ => b"220 files\n".to_vec(),
        };
        let connection = Connection {
            server: Rc::clone(&shared),
            input: Vec::new(),
            awaited: None,
            output: greeting.into(),
            is_closed: matches!(shared.borrow().fault, Fault::Sends(_)),
        };
        Ok(Box::new(connection) as Box<dyn Transport>)
    };
    (
        Client::over(Box::new(connect), Duration::from_secs(1), None),
        server,
    )
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text.as_bytes()).expect("a name")
}

/// Collects messages.
#[derive(Default)]
pub(super) struct Notes(pub(super) Vec<String>);

impl Progress for Notes {
    fn file_started(&mut self, _: &[u8]) {}
    fn transfer_started(&mut self, _: u64, _: Option<u64>) {}
    fn advanced(&mut self, _: u64) {}
    fn note(&mut self, message: &str) {
        self.0.push(message.to_owned());
    }
}

struct Connection {
    server: Shared,
    input: Vec<u8>,
    awaited: Option<(Name, Content)>, // a file whose content follows
    output: VecDeque<u8>,
    is_closed: bool,
}

impl Transport for Connection {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Error> {
        let count = buffer
            .len()
            .min(self.output.len())
            .min(self.server.borrow().piece);
        for (slot, byte) in buffer.iter_mut().zip(self.output.drain(..count)) {
            *slot = byte;
        }
        match count {
            0 if !self.is_closed => Err(Error::TimedOut(timeout)), // both sides wait
            count => Ok(count),
        }
    }

    fn write(&mut self, bytes: &[u8], interrupt: Interrupt, _: Duration) -> Result<usize, Error> {
        if self.is_closed || (interrupt == Interrupt::Input && self.has_input()) {
            return Ok(0);
        }
        let count = bytes.len().min(self.server.borrow().piece);
        self.input.extend_from_slice(&bytes[..count]);
        self.process();
        Ok(count)
    }

    fn has_input(&self) -> bool {
        self.is_closed || !self.output.is_empty()
    }
}

impl Connection {
    fn process(&mut self) {
        loop {
            if let Some((name, expected)) = &self.awaited {
                let length = usize::try_from(expected.length).expect("small");
                if self.input.len() < length {
                    return;
                }
                let rest = self.input.split_off(length);
                let bytes = std::mem::replace(&mut self.input, rest);
                let response = if Content::of(&bytes) == *expected {
                    self.server.borrow_mut().files.insert(name.clone(), bytes);
                    Response::Stored(*expected)
                } else {
                    text(Status::MISMATCH)
                };
                self.server.borrow_mut().content += length;
                self.awaited = None;
                self.send(&response);
            }
            let Some(end) = self.input.iter().position(|&byte| byte == b'\n') else {
                return;
            };
            let rest = self.input.split_off(end + 1);
            let line = std::mem::replace(&mut self.input, rest);
            self.answer(&line[..end]);
        }
    }

    fn send(&mut self, response: &Response) {
        self.output.extend(format!("{response}\n").bytes());
    }

    fn answer(&mut self, line: &[u8]) {
        let server = Rc::clone(&self.server);
        let mut server = server.borrow_mut();
        server
            .requests
            .push(String::from_utf8_lossy(line).into_owned());
        if let Fault::Answers(line) = &server.fault {
            return self.output.extend(format!("{line}\n").bytes());
        }
        match Request::parse(line).expect("a client sends valid requests") {
            Request::Stat(name) => match server.entry(&name) {
                Some(kind) => self.send(&Response::Entry(entry(kind, name.as_bytes()))),
                None => self.send(&text(Status::NOT_FOUND)),
            },
            Request::List(folder) => {
                let entries = server.list(&folder);
                self.send(&Response::Lines(entries.len() as u64));
                for entry in entries {
                    self.output.extend(format!("{entry}\n").bytes());
                }
            }
            Request::Attributes(_) => match server.attributes {
                Some(attributes) => self.send(&Response::Attributes(attributes)),
                None => self.send(&text(Status::UNKNOWN_COMMAND)),
            },
            Request::Hash { name, length } => match server.files.get(&name) {
                None => self.send(&text(Status::NOT_FOUND)),
                Some(bytes) => {
                    let length =
                        length.map_or(bytes.len(), |length| length.try_into().expect("small"));
                    let response = bytes
                        .get(..length)
                        .map(|bytes| Response::Hash(Content::of(bytes)));
                    self.send(&response.unwrap_or(text(Status::SHORT)));
                }
            },
            Request::Get { name, offset } => match server.files.get(&name) {
                None => self.send(&text(Status::NOT_FOUND)),
                Some(bytes) => {
                    let mut rest = bytes[usize::try_from(offset).expect("small")..].to_vec();
                    self.send(&Response::Bytes(rest.len() as u64));
                    match server.fault {
                        Fault::Breaks(at) if at < rest.len() => {
                            rest.truncate(at);
                            self.is_closed = true;
                        }
                        Fault::Damages => rest.iter_mut().for_each(|byte| *byte ^= 1),
                        _ => (),
                    }
                    self.output.extend(rest);
                }
            },
            Request::Put { name, .. } if server.files.contains_key(&name) => {
                self.send(&text(Status::EXISTS));
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
        match self.fault {
            Fault::Deep => return vec![entry(Kind::Folder, b"a"), entry(Kind::File(1), b"b")],
            Fault::Wide => {
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

fn text(status: Status) -> Response {
    Response::Text(status, "no".to_owned())
}
