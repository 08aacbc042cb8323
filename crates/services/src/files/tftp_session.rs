//! The session of a peer that uses TFTP.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufWriter;
use std::mem;
use std::time::Duration;

use switchboard_core::{Flow, Outbox, Result, Session, UdpPolicy};
use switchboard_files::tftp::{
    Caps, Dally, Decoder, Encoder, ErrorCode, Malformed, Mode, Negotiated, Packet, Receiver,
    Request, RequestKind, Sender, Step, Transfer, TransferError,
};
use switchboard_files::{AtomicFile, FileError, Name, Source};

use crate::files::share::Share;

/// One transfer after the other: some clients request all their files from the same port.
pub(super) struct TftpSession {
    share: Share,
    caps: Caps,
    clock: fn() -> Duration,
    now: Duration, // at least the deadline of the timer that expired last
    state: State,
    request: u64,       // the hash of the datagram that began the transfer
    max_refusal: usize, // bytes
    is_trusted: bool,   // the address of the peer is not forged, although it was not shown
    is_stopping: bool,
}

enum State {
    /// Waiting for a request.
    Idle,
    Sending(Box<Sender<Encoder<Source>>>),
    /// With the length that the peer announced.
    Receiving(Box<Receiver<Decoder<BufWriter<AtomicFile>>>>, Option<u64>),
    /// A file was received, and the last ACK may be lost.
    Dallying(Dally),
}

/// The session ends, with this packet if any.
struct End(Option<Vec<u8>>);

/// What may be sent before the peer has sent a datagram to its dedicated port. One request draws one
/// block, or no more than 128 bytes and three times its length.
pub(super) const UDP_POLICY: UdpPolicy = UdpPolicy::DedicatedPort {
    bytes: 3 * 516,
    reason: "a first block, and two more for a peer that repeats its request",
};

impl TftpSession {
    pub(super) fn new(share: Share, clock: fn() -> Duration, ipv6: bool, is_trusted: bool) -> Self {
        Self {
            share,
            caps: Caps::ethernet(ipv6),
            clock,
            now: clock(),
            state: State::Idle,
            request: 0,
            max_refusal: usize::MAX,
            is_trusted,
            is_stopping: false,
        }
    }

    /// `is_verified`: the address of the peer is not forged.
    fn on_datagram(&mut self, datagram: &[u8], is_verified: bool) -> Result<Step, End> {
        let now = self.now;
        let packet = match (Packet::parse(datagram), &self.state) {
            (Ok(packet), _) => packet,
            (Err(Malformed::Nothing), State::Idle) => return Err(End(None)),
            (Err(malformed), State::Idle) => return Err(TransferError::from(malformed).into()),
            (Err(_), _) => return Ok(Step::Continue),
        };
        if let Packet::Request(request) = &packet {
            let mut hasher = DefaultHasher::new();
            datagram.hash(&mut hasher);
            let hash = hasher.finish();
            // A client that got no answer may go on to another file.
            let is_other = !is_verified && self.request != hash;
            if is_other || self.accepts_request() {
                self.request = hash;
                self.state = self.begin(request)?;
                return Ok(Step::Continue);
            }
        } else if !is_verified && !matches!(self.state, State::Idle) {
            return Ok(Step::Continue); // it was not sent to the port of the transfer
        }
        match (self.state.transfer(), &packet) {
            (Some(transfer), Packet::Request(_)) => {
                transfer.on_request(now);
                Ok(transfer.on_timeout(now)?)
            }
            (Some(transfer), packet) => Ok(transfer.on_packet(packet, now)?),
            (None, Packet::Error { .. }) => Err(End(None)),
            (None, _) => {
                let message = "unknown transfer";
                Err(End::with_error(ErrorCode::UnknownTransfer, message))
            }
        }
    }

    /// Whether a request starts a new transfer: the current one has nothing left to transfer. Else it
    /// is a retransmission.
    fn accepts_request(&self) -> bool {
        match &self.state {
            State::Idle | State::Dallying(_) => true,
            State::Sending(sender) => sender.is_all_sent(),
            State::Receiving(..) => false,
        }
    }

    fn begin(&self, request: &Request<'_>) -> Result<State, End> {
        let name = self.name(request.name)?;
        match request.kind {
            RequestKind::Read => self.get(&name, request),
            RequestKind::Write => self.put(&name, request),
        }
    }

    /// The name of a file. Boot loaders of Windows separate its parts by `\`, which is taken as `/`
    /// unless a file has the very name.
    fn name(&self, bytes: &[u8]) -> Result<Name, FileError> {
        let plain = Name::parse(bytes);
        let is_there = |name: &Name| self.share.folder.entry(name).is_ok();
        if !bytes.contains(&b'\\') || plain.as_ref().is_ok_and(is_there) {
            return Ok(plain?);
        }
        let slash = |&byte: &u8| if byte == b'\\' { b'/' } else { byte };
        let converted: Vec<u8> = bytes.iter().map(slash).collect();
        Ok(Name::parse(&converted)?)
    }

    fn get(&self, name: &Name, request: &Request<'_>) -> Result<State, End> {
        let source = self.share.folder.read(name)?;
        // The length as netascii is only known after the conversion.
        let size = (request.mode == Mode::Octet).then_some(source.length);
        let (negotiated, ack) = self.negotiate(request, size);
        let encoder = Encoder::new(source, request.mode);
        let mut sender = Sender::new(encoder, &negotiated, ack, self.now);
        if self.is_trusted {
            sender.trust_peer();
        }
        Ok(State::Sending(Box::new(sender)))
    }

    fn put(&self, name: &Name, request: &Request<'_>) -> Result<State, End> {
        let Some(rules) = self.share.uploads else {
            let message = "files cannot be put here";
            return Err(End::with_error(ErrorCode::Access, message));
        };
        // No space is reserved, since the source address may be forged.
        let mut file = AtomicFile::create(&self.share.folder, name, None, rules)?;
        let size = request.options.tsize;
        // The length of a netascii file is another one here, and 0 may stand for an unknown length.
        let length = size.filter(|&size| request.mode == Mode::Octet && 0 < size);
        file.announce(length.unwrap_or(0))?;
        let (negotiated, ack) = self.negotiate(request, size);
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        let decoder = Decoder::new(writer, request.mode);
        let mut receiver = Receiver::new(decoder, &negotiated, ack, self.now);
        if self.is_trusted {
            receiver.trust_peer();
        }
        Ok(State::Receiving(Box::new(receiver), length))
    }

    /// The parameters of the transfer, and the acknowledgement of the options, if any is accepted.
    fn negotiate(&self, request: &Request<'_>, size: Option<u64>) -> (Negotiated, Option<Vec<u8>>) {
        let (negotiated, accepted) = request.options.negotiate(&self.caps, size);
        let ack = (!accepted.is_empty()).then(|| Packet::OptionAck(accepted).to_bytes());
        (negotiated, ack)
    }

    fn advance(&mut self, step: Result<Step, End>, out: &mut Outbox) -> Flow {
        let flow = step.and_then(|step| match step {
            Step::Continue => self.send_packets(out),
            Step::Done => self.finish(out),
        });
        flow.unwrap_or_else(|End(packet)| {
            if let Some(mut packet) = packet
                && MIN_REFUSAL <= self.max_refusal
            {
                if self.max_refusal < packet.len() {
                    packet.truncate(self.max_refusal - 1);
                    packet.push(0);
                }
                out.send(&packet);
            }
            Flow::Close
        })
    }

    /// Sends the packets that are due, while the outbox has room, and sets the timer.
    fn send_packets(&mut self, out: &mut Outbox) -> Result<Flow, End> {
        if let Some(transfer) = self.state.transfer() {
            while let Some(packet) = transfer.next_packet(self.now)? {
                out.send(packet);
                if out.is_full() {
                    return Ok(Flow::WhenWritable);
                }
            }
            out.set_timer(transfer.deadline().saturating_sub(self.now));
        }
        Ok(Flow::Continue)
    }

    /// The transfer is complete, or the dally period ended.
    fn finish(&mut self, out: &mut Outbox) -> Result<Flow, End> {
        let State::Receiving(receiver, announced) = mem::replace(&mut self.state, State::Idle)
        else {
            return Ok(Flow::Close);
        };
        let (decoder, dally) = receiver.finish(DALLY, self.now);
        let (writer, length) = decoder.finish().map_err(FileError::from)?;
        if announced.is_some_and(|announced| announced != length) {
            return Err(FileError::Mismatch.into());
        }
        let file = writer
            .into_inner()
            .map_err(|error| FileError::from(error.into_error()))?;
        file.publish(None)?;
        self.state = State::Dallying(dally);
        let flow = self.send_packets(out)?;
        Ok(if self.is_stopping { Flow::Close } else { flow })
    }
}

impl Session for TftpSession {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        self.now = self.now.max((self.clock)());
        self.max_refusal = match out.is_verified() {
            true => usize::MAX,
            false => MAX_FACTOR * message.len(),
        };
        let step = self.on_datagram(message, out.is_verified());
        Ok(self.advance(step, out))
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        self.now = self.now.max((self.clock)());
        let mut step = Ok(Step::Continue);
        if let Some(transfer) = self.state.transfer() {
            self.now = self.now.max(transfer.deadline());
            step = transfer.on_timeout(self.now).map_err(End::from);
        }
        Ok(self.advance(step, out))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        self.now = self.now.max((self.clock)());
        Ok(self.advance(Ok(Step::Continue), out))
    }

    /// A transfer in progress may be completed. One that the peer has not confirmed ends: its request
    /// may be forged, and nobody would complete it.
    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.is_stopping = true;
        Ok(match self.state {
            State::Sending(_) | State::Receiving(..) if !out.is_verified() => {
                let end = End::with_error(ErrorCode::Undefined, "the server stops");
                self.advance(Err(end), out)
            }
            State::Sending(_) | State::Receiving(..) => Flow::Continue,
            State::Idle | State::Dallying(_) => Flow::Close,
        })
    }
}

impl State {
    fn transfer(&mut self) -> Option<&mut dyn Transfer> {
        match self {
            Self::Sending(sender) => Some(&mut **sender),
            Self::Receiving(receiver, _) => Some(&mut **receiver),
            Self::Dallying(dally) => Some(dally),
            Self::Idle => None,
        }
    }
}

impl End {
    fn with_error(code: ErrorCode, message: &str) -> Self {
        Self(Some(Packet::error(code, message)))
    }
}

impl From<FileError> for End {
    fn from(error: FileError) -> Self {
        let code = match &error {
            FileError::NotFound
            | FileError::NotAFile
            | FileError::NotAFolder
            | FileError::SymbolicLink => ErrorCode::NotFound,
            FileError::Denied | FileError::Name(_) => ErrorCode::Access,
            FileError::Exists => ErrorCode::Exists,
            FileError::TooLarge { .. } | FileError::NoSpace | FileError::Quota { .. } => {
                ErrorCode::Full
            }
            FileError::Locked
            | FileError::Mismatch
            | FileError::Short { .. }
            | FileError::Io(_) => ErrorCode::Undefined,
        };
        Self::with_error(code, &error.to_string())
    }
}

impl From<TransferError> for End {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Io(error) => FileError::from(error).into(),
            error => {
                let reply = error.reply();
                Self(reply.map(|(code, message)| Packet::error(code, message)))
            }
        }
    }
}

const MAX_FACTOR: usize = 3; // a refusal is no amplification, as in QUIC (RFC 9000, section 8)
const MIN_REFUSAL: usize = 5; // bytes without any text
const BUFFER_BYTES: usize = 64 * 1024; // many blocks in one call
const DALLY: Duration = Duration::from_secs(17); // some clients retransmit every 5 s, and one may be lost
