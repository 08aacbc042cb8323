//! A pretend network, and a client and a server at its ends.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::tftp::{
    Caps, Dally, FromNetascii, Mode, Negotiated, Options, Packet, Receiver, Request, RequestKind,
    Requester, Sender, Step, ToNetascii, TransferError,
};

/// How packets get from one side to the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) loss: u32,  // of a hundred
    pub(super) twice: u32, // of a hundred
    pub(super) delay: Duration,
    pub(super) jitter: Duration, // at most so much later
}

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    pub(super) kind: RequestKind,
    pub(super) mode: Mode,
    pub(super) options: Options,
}

/// How a transfer went.
pub(super) struct Run {
    pub(super) content: Option<Vec<u8>>, // as it was received, once all was
    pub(super) receiver_failed: Option<TransferError>,
    pub(super) sender_failed: Option<TransferError>,
    pub(super) data: u64, // packets that were sent
    pub(super) acks: u64,
    pub(super) took: Duration,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            data, acks, took, ..
        } = self;
        let failed = (&self.receiver_failed, &self.sender_failed);
        write!(
            f,
            "{data} blocks and {acks} answers in {took:?}, failed: {failed:?}"
        )
    }
}

/// What is written to, as bytes or as text.
enum Sink {
    Plain(Vec<u8>),
    Text(FromNetascii<Vec<u8>>),
}

/// One side.
enum End {
    Idle,
    Requester(Requester),
    Sender(Sender<Box<dyn Read>>),
    Receiver(Receiver<Sink>),
    Dally(Dally),
    Over,
}

struct Host {
    end: End,
    wishes: Wishes,
    source: Vec<u8>,
    written: Option<Vec<u8>>,
    failure: Option<TransferError>,
    over: Option<Duration>,
}

impl Run {
    pub(super) fn of(wishes: &Wishes, content: &[u8], link: &Link, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut hosts = [Host::client(wishes, content), Host::server(wishes, content)];
        let mut way: BTreeMap<(Duration, u64), (usize, Vec<u8>)> = BTreeMap::new();
        let (mut data, mut acks, mut number) = (0, 0, 0);
        let mut now = Duration::ZERO;
        loop {
            for (from, host) in hosts.iter_mut().enumerate() {
                for packet in host.said(now) {
                    data += u64::from(packet[1] == 3);
                    acks += u64::from(packet[1] == 4);
                    let times = 1 + u32::from(random.random_range(0..100) < link.twice);
                    for _ in 0..times {
                        if random.random_range(0..100) < link.loss {
                            continue;
                        }
                        let late = random.random_range(Duration::ZERO..=link.jitter);
                        number += 1;
                        way.insert(
                            (now + link.delay + late, number),
                            (1 - from, packet.clone()),
                        );
                    }
                }
            }
            let due = hosts.iter().filter_map(Host::deadline).min();
            match way.first_key_value() {
                Some((&(at, number), _)) if due.is_none_or(|due| at <= due) => {
                    now = at;
                    let (to, packet) = way.remove(&(at, number)).expect("it was looked at");
                    hosts[to].hear(&packet, now);
                }
                _ => match due {
                    Some(due) => {
                        now = due;
                        hosts.iter_mut().for_each(|host| host.tick(now));
                    }
                    None => break,
                },
            }
            assert!(now < Duration::from_secs(10_000), "it never ends");
        }
        let [client, server] = hosts;
        let (sender, receiver) = match wishes.kind {
            RequestKind::Read => (server, client),
            RequestKind::Write => (client, server),
        };
        Self {
            content: receiver.written,
            receiver_failed: receiver.failure,
            sender_failed: sender.failure,
            data,
            acks,
            took: receiver.over.unwrap_or_default(),
        }
    }
}

impl Host {
    fn client(wishes: &Wishes, content: &[u8]) -> Self {
        let request = Request {
            kind: wishes.kind,
            name: b"name",
            mode: wishes.mode,
            options: wishes.options,
        };
        let requester = Requester::new(&request, Duration::ZERO);
        Self {
            end: End::Requester(requester),
            ..Self::server(wishes, content)
        }
    }

    fn server(wishes: &Wishes, content: &[u8]) -> Self {
        Self {
            end: End::Idle,
            wishes: *wishes,
            source: content.to_vec(),
            written: None,
            failure: None,
            over: None,
        }
    }

    fn source(&self) -> Box<dyn Read> {
        let plain = std::io::Cursor::new(self.source.clone());
        match self.wishes.mode {
            Mode::Octet => Box::new(plain),
            Mode::Netascii => Box::new(ToNetascii::new(plain)),
        }
    }

    fn sink(&self) -> Sink {
        match self.wishes.mode {
            Mode::Octet => Sink::Plain(Vec::new()),
            Mode::Netascii => Sink::Text(FromNetascii::new(Vec::new())),
        }
    }

    fn hear(&mut self, packet: &[u8], now: Duration) {
        let packet = Packet::parse(packet).expect("only packets are sent");
        let step = match &mut self.end {
            End::Idle => {
                self.begin(&packet, now);
                Ok(Step::Continue)
            }
            End::Requester(requester) => match requester.on_packet(&packet, now) {
                Ok(_) => return self.agreed(&packet, now),
                Err(failure) => Err(failure),
            },
            End::Sender(sender) => match packet {
                Packet::Request(_) => {
                    sender.on_request(now);
                    Ok(Step::Continue)
                }
                packet => sender.on_packet(&packet, now),
            },
            End::Receiver(receiver) => match packet {
                Packet::Request(_) => {
                    receiver.on_request(now);
                    Ok(Step::Continue)
                }
                packet => receiver.on_packet(&packet, now),
            },
            End::Dally(dally) => {
                dally.on_packet(&packet);
                Ok(Step::Continue)
            }
            End::Over => Ok(Step::Continue),
        };
        self.follow(step, now);
    }

    /// The server hears a request.
    fn begin(&mut self, packet: &Packet<'_>, now: Duration) {
        let Packet::Request(request) = packet else {
            return; // it never heard the first
        };
        let caps = Caps::ethernet(false);
        let (negotiated, agreed) = request
            .options
            .negotiate(&caps, Some(self.source.len() as u64));
        let answer = Packet::OptionAck(agreed).to_bytes();
        let answer = Some(answer).filter(|_| !agreed.is_empty());
        match request.kind {
            RequestKind::Read => {
                self.end = End::Sender(Sender::new(self.source(), &negotiated, answer, now));
            }
            RequestKind::Write => {
                self.end = End::Receiver(Receiver::new(self.sink(), &negotiated, answer, now));
            }
        }
    }

    /// The client's request is answered.
    fn agreed(&mut self, packet: &Packet<'_>, now: Duration) {
        let End::Requester(requester) = std::mem::replace(&mut self.end, End::Over) else {
            unreachable!("it asked");
        };
        match self.wishes.kind {
            RequestKind::Read => {
                self.end = End::Receiver(requester.receiver(self.sink()));
                self.hear(&packet.to_bytes(), now);
            }
            RequestKind::Write => self.end = End::Sender(requester.sender(self.source(), now)),
        }
    }

    fn tick(&mut self, now: Duration) {
        let step = match &mut self.end {
            End::Requester(requester) => requester.on_timeout(now),
            End::Sender(sender) => sender.on_timeout(now),
            End::Receiver(receiver) => receiver.on_timeout(now),
            End::Dally(dally) if dally.deadline() <= now => {
                self.end = End::Over;
                return;
            }
            _ => Ok(Step::Continue),
        };
        self.follow(step, now);
    }

    fn follow(&mut self, step: Result<Step, TransferError>, now: Duration) {
        match step {
            Ok(Step::Continue) => return,
            Err(failure) => {
                self.failure = Some(failure);
                self.end = End::Over;
            }
            Ok(Step::Done) => match std::mem::replace(&mut self.end, End::Over) {
                End::Receiver(receiver) => {
                    let (sink, dally) = receiver.finish(Duration::from_secs(100), now);
                    self.written = Some(sink.finish());
                    self.end = End::Dally(dally);
                }
                _ => self.end = End::Over,
            },
        }
        self.over = Some(now);
    }

    fn deadline(&self) -> Option<Duration> {
        match &self.end {
            End::Requester(requester) => Some(requester.deadline()),
            End::Sender(sender) => Some(sender.deadline()),
            End::Receiver(receiver) => Some(receiver.deadline()),
            End::Dally(dally) => Some(dally.deadline()),
            End::Idle | End::Over => None,
        }
    }

    fn said(&mut self, now: Duration) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| match &mut self.end {
            End::Requester(requester) => requester.next_packet(now).map(<[u8]>::to_vec),
            End::Sender(sender) => {
                let packet = sender.next_packet(now).expect("a vector can be read");
                packet.map(<[u8]>::to_vec)
            }
            End::Receiver(receiver) => receiver.next_packet(now).map(<[u8]>::to_vec),
            End::Dally(dally) => dally.next_packet().map(<[u8]>::to_vec),
            End::Idle | End::Over => None,
        })
        .collect()
    }
}

impl Sink {
    fn finish(self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Text(text) => text.finish().expect("a vector takes all"),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Text(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that a server sends to a client that is never heard again.
pub(super) fn to_nobody(wishes: &Wishes, content: &[u8]) -> Vec<Vec<u8>> {
    let mut server = Host::server(wishes, content);
    let request = Host::client(wishes, content).said(Duration::ZERO);
    let mut now = Duration::ZERO;
    server.hear(&request[0], now);
    let mut sent = server.said(now);
    while let Some(due) = server.deadline() {
        now = due;
        server.tick(now);
        sent.extend(server.said(now));
    }
    assert!(matches!(server.failure, Some(TransferError::Timeout)));
    sent
}

/// How somebody who sends and somebody who receives end, when they are told this.
pub(super) fn both_told(packet: &Packet<'_>) -> [TransferError; 2] {
    let (negotiated, now) = (Negotiated::default(), Duration::ZERO);
    let mut sender = Sender::new(&b"content"[..], &negotiated, None, now);
    let mut receiver = Receiver::new(Vec::new(), &negotiated, None, now);
    [
        sender.on_packet(packet, now).expect_err("it is told"),
        receiver.on_packet(packet, now).expect_err("it is told"),
    ]
}
