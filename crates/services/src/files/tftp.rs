//! One peer of a folder that speaks TFTP, over datagrams.

mod file;

use std::io::Read;
use std::mem;
use std::time::Duration;

use switchboard_core::{Flow, Outbox, Result, Session, UdpPolicy};
use switchboard_files::tftp::{
    Caps, Dally, ErrorCode, Malformed, Mode, Packet, Receiver, Request, RequestKind, Sender, Step,
    ToNetascii, Transfer, TransferError,
};
use switchboard_files::{AtomicFile, FileError, Name};

use super::Shelf;
use file::Upload;

/// A peer, from its request to the end of the file; then it may ask for another.
///
/// Time goes on by the clock, and at least to where it asked to be woken.
pub(super) struct Visitor {
    shelf: Shelf,
    caps: Caps,
    clock: fn() -> Duration,
    now: Duration,
    doing: Doing,
    stopping: bool,
}

/// What is going on.
enum Doing {
    /// A request is waited for.
    Nothing,
    Sending(Box<Sender<Box<dyn Read>>>),
    Receiving(Box<Receiver<Upload>>),
    /// A file has come and is there, which its peer may not know.
    Lingering(Dally),
}

/// The conversation ends with this packet, or without words.
struct End(Option<Vec<u8>>);

/// What peers are sent before they have spoken to the port that they were given.
pub(super) const UDP_POLICY: UdpPolicy = UdpPolicy::DedicatedPort {
    bytes: 6 * 516,
    reason: "a first block, and five times again while there is no answer",
};

impl Visitor {
    pub(super) fn new(shelf: Shelf, clock: fn() -> Duration, ipv6: bool) -> Self {
        Self {
            shelf,
            caps: Caps::ethernet(ipv6),
            clock,
            now: clock(),
            doing: Doing::Nothing,
            stopping: false,
        }
    }

    fn hear(&mut self, message: &[u8]) -> Result<Step, End> {
        let now = self.now;
        let packet = match (Packet::parse(message), &self.doing) {
            (Ok(packet), _) => packet,
            (Err(Malformed::Nothing), Doing::Nothing) => return Err(End(None)),
            (Err(problem), Doing::Nothing) => return Err(TransferError::from(problem).into()),
            (Err(_), _) => return Ok(Step::Continue),
        };
        if let Packet::Request(request) = &packet
            && self.is_free()
        {
            self.doing = self.begin(request)?;
            return Ok(Step::Continue);
        }
        match (self.doing.transfer(), &packet) {
            (Some(transfer), Packet::Request(_)) => {
                transfer.on_request(now);
                transfer.on_timeout(now)?;
                return Ok(Step::Continue);
            }
            (Some(transfer), packet) => return Ok(transfer.on_packet(packet, now)?),
            (None, _) => (),
        }
        match (&mut self.doing, &packet) {
            (Doing::Lingering(dally), packet) => dally.on_packet(packet),
            (_, Packet::Error { .. }) => return Err(End(None)),
            _ => {
                let words = "there is no such transfer";
                return Err(End::because(ErrorCode::UnknownTransfer, words));
            }
        }
        Ok(Step::Continue)
    }

    /// Whether a request is one for another file: nothing is missing of this one. Some clients ask
    /// for all their files from the same port.
    fn is_free(&self) -> bool {
        match &self.doing {
            Doing::Nothing | Doing::Lingering(_) => true,
            Doing::Sending(sending) => sending.is_all_sent() && !sending.is_unanswered(),
            Doing::Receiving(_) => false,
        }
    }

    fn begin(&self, request: &Request<'_>) -> Result<Doing, End> {
        let name = Name::parse(request.name).map_err(FileError::from)?;
        match request.kind {
            RequestKind::Read => self.get(&name, request),
            RequestKind::Write => self.put(&name, request),
        }
    }

    fn get(&self, name: &Name, request: &Request<'_>) -> Result<Doing, End> {
        let source = self.shelf.folder.read(name)?;
        // How long it becomes as text is not known before.
        let size = (request.mode == Mode::Octet).then_some(source.length);
        let (terms, agreed) = request.options.negotiate(&self.caps, size);
        let opening = (!agreed.is_empty()).then(|| Packet::OptionAck(agreed).to_bytes());
        let source: Box<dyn Read> = match request.mode {
            Mode::Octet => Box::new(source),
            Mode::Netascii => Box::new(ToNetascii::new(source)),
        };
        let sending = Sender::new(source, &terms, opening, self.now);
        Ok(Doing::Sending(Box::new(sending)))
    }

    fn put(&self, name: &Name, request: &Request<'_>) -> Result<Doing, End> {
        if !self.shelf.writable {
            return Err(End::because(ErrorCode::Access, "files cannot be put here"));
        }
        // No room is reserved for somebody who may not be there.
        let file = AtomicFile::create(&self.shelf.folder, name, None, self.shelf.rules)?;
        let size = request.options.tsize;
        // Of text it is another one here; 0 may stand for one that is not known.
        let length = size.filter(|&size| request.mode == Mode::Octet && 0 < size);
        file.check_length(length.unwrap_or(0))?;
        let (terms, agreed) = request.options.negotiate(&self.caps, size);
        let agreed = (!agreed.is_empty()).then(|| Packet::OptionAck(agreed).to_bytes());
        let upload = Upload::new(file, request.mode, length);
        let receiving = Receiver::new(upload, &terms, agreed, self.now);
        Ok(Doing::Receiving(Box::new(receiving)))
    }

    /// The time has come that it waited for.
    fn tick(&mut self) -> Result<Step, End> {
        let now = self.now;
        if let Some(transfer) = self.doing.transfer() {
            transfer.on_timeout(now)?;
        }
        Ok(match &self.doing {
            Doing::Lingering(dally) if dally.deadline() <= now => Step::Done,
            _ => Step::Continue,
        })
    }

    /// When it is to be woken.
    fn deadline(&self) -> Option<Duration> {
        match &self.doing {
            Doing::Nothing => None,
            Doing::Sending(sending) => Some(sending.deadline()),
            Doing::Receiving(receiving) => Some(receiving.deadline()),
            Doing::Lingering(lingering) => Some(lingering.deadline()),
        }
    }

    /// Goes on after that.
    fn follow(&mut self, step: Result<Step, End>, out: &mut Outbox) -> Flow {
        let said = step.and_then(|step| match step {
            Step::Continue => self.say(out),
            Step::Done => self.end(out),
        });
        said.unwrap_or_else(|End(words)| {
            if let Some(words) = words {
                out.send(&words);
            }
            Flow::Close
        })
    }

    /// Sends what there is to say, as far as there is room.
    fn say(&mut self, out: &mut Outbox) -> Result<Flow, End> {
        loop {
            let packet = match &mut self.doing {
                Doing::Nothing => None,
                Doing::Sending(sending) => sending.next_packet(self.now)?,
                Doing::Receiving(receiving) => receiving.next_packet(self.now)?,
                Doing::Lingering(lingering) => lingering.next_packet(),
            };
            match packet {
                Some(packet) => out.send(packet),
                None => break,
            }
            if out.is_full() {
                return Ok(Flow::WhenWritable);
            }
        }
        if let Some(deadline) = self.deadline() {
            out.set_timer(deadline.saturating_sub(self.now));
        }
        Ok(Flow::Continue)
    }

    /// All of the file has been sent, or has come; who waited for the last block to come again has
    /// waited enough.
    fn end(&mut self, out: &mut Outbox) -> Result<Flow, End> {
        let Doing::Receiving(receiving) = mem::replace(&mut self.doing, Doing::Nothing) else {
            return Ok(Flow::Close);
        };
        let (upload, lingering) = receiving.finish(LINGER, self.now);
        upload.publish()?;
        self.doing = Doing::Lingering(lingering);
        let flow = self.say(out)?;
        Ok(if self.stopping { Flow::Close } else { flow })
    }
}

impl Session for Visitor {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        self.now = self.now.max((self.clock)());
        let step = self.hear(message);
        Ok(self.follow(step, out))
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        let due = self.deadline().unwrap_or_default();
        self.now = self.now.max((self.clock)()).max(due);
        let step = self.tick();
        Ok(self.follow(step, out))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        self.now = self.now.max((self.clock)());
        Ok(self.follow(Ok(Step::Continue), out))
    }

    /// What goes on may come to its end.
    fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
        self.stopping = true;
        Ok(match self.doing {
            Doing::Sending(_) | Doing::Receiving(_) => Flow::Continue,
            Doing::Nothing | Doing::Lingering(_) => Flow::Close,
        })
    }
}

impl Doing {
    fn transfer(&mut self) -> Option<&mut dyn Transfer> {
        match self {
            Self::Sending(sending) => Some(&mut **sending),
            Self::Receiving(receiving) => Some(&mut **receiving),
            Self::Lingering(_) | Self::Nothing => None,
        }
    }
}

impl End {
    fn because(code: ErrorCode, words: &str) -> Self {
        Self(Some(Packet::error(code, words)))
    }
}

impl From<FileError> for End {
    fn from(problem: FileError) -> Self {
        let code = match &problem {
            FileError::NotFound | FileError::NotAFile | FileError::NotAFolder => {
                ErrorCode::NotFound
            }
            FileError::Denied | FileError::Name(_) => ErrorCode::Access,
            FileError::Exists => ErrorCode::Exists,
            FileError::TooLarge { .. } | FileError::NoSpace | FileError::Quota { .. } => {
                ErrorCode::Full
            }
            FileError::Locked
            | FileError::Mismatch
            | FileError::Short { .. }
            | FileError::TooManyEntries { .. }
            | FileError::Io(_) => ErrorCode::Undefined,
        };
        Self::because(code, &problem.to_string())
    }
}

impl From<TransferError> for End {
    fn from(failure: TransferError) -> Self {
        match failure {
            TransferError::Io(error) => FileError::from(error).into(),
            failure => Self(
                failure
                    .reply()
                    .map(|(code, words)| Packet::error(code, words)),
            ),
        }
    }
}

const LINGER: Duration = Duration::from_secs(17); // some clients ask again every five, which may be lost

#[cfg(test)]
mod tests;
