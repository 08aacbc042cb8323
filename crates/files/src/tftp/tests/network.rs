//! A pretend network, and a client and a server at its ends.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::tftp::{
    Asking, Caps, Failure, FromNetascii, Lingering, Mode, Options, Packet, Receiving, Request,
    Sending, Step, Terms, ToNetascii, Wish,
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
    pub(super) wish: Wish,
    pub(super) mode: Mode,
    pub(super) options: Options,
}

/// How a transfer went.
pub(super) struct Run {
    pub(super) content: Option<Vec<u8>>, // as it was received, once all was
    pub(super) receiver_failed: Option<Failure>,
    pub(super) sender_failed: Option<Failure>,
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
    Asking(Asking),
    Sending(Sending<Box<dyn Read>>),
    Receiving(Receiving<Sink>),
    Lingering(Lingering),
    Over,
}

struct Host {
    end: End,
    wishes: Wishes,
    source: Vec<u8>,
    written: Option<Vec<u8>>,
    failure: Option<Failure>,
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
        let (sender, receiver) = match wishes.wish {
            Wish::Get => (server, client),
            Wish::Put => (client, server),
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
            wish: wishes.wish,
            name: b"name",
            mode: wishes.mode,
            options: wishes.options,
        };
        let asking = Asking::new(&request, Duration::ZERO);
        Self {
            end: End::Asking(asking),
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
                Ok(Step::Going)
            }
            End::Asking(asking) => match asking.on_packet(&packet, now) {
                Ok(_) => return self.agreed(&packet, now),
                Err(failure) => Err(failure),
            },
            End::Sending(sending) => match packet {
                Packet::Request(_) => {
                    sending.on_request(now);
                    Ok(Step::Going)
                }
                packet => sending.on_packet(&packet, now),
            },
            End::Receiving(receiving) => match packet {
                Packet::Request(_) => {
                    receiving.on_request(now);
                    Ok(Step::Going)
                }
                packet => receiving.on_packet(&packet, now),
            },
            End::Lingering(lingering) => {
                lingering.on_packet(&packet);
                Ok(Step::Going)
            }
            End::Over => Ok(Step::Going),
        };
        self.follow(step, now);
    }

    /// The server hears a request.
    fn begin(&mut self, packet: &Packet<'_>, now: Duration) {
        let Packet::Request(request) = packet else {
            return; // it never heard the first
        };
        let caps = Caps::ethernet(false);
        let (terms, agreed) = request
            .options
            .settle(&caps, Some(self.source.len() as u64));
        let answer = Packet::Agreement(agreed).to_bytes();
        let answer = Some(answer).filter(|_| !agreed.is_empty());
        match request.wish {
            Wish::Get => {
                self.end = End::Sending(Sending::new(self.source(), &terms, answer, now));
            }
            Wish::Put => {
                self.end = End::Receiving(Receiving::new(self.sink(), &terms, answer, now));
            }
        }
    }

    /// The client's request is answered.
    fn agreed(&mut self, packet: &Packet<'_>, now: Duration) {
        let End::Asking(asking) = std::mem::replace(&mut self.end, End::Over) else {
            unreachable!("it asked");
        };
        match self.wishes.wish {
            Wish::Get => {
                self.end = End::Receiving(asking.receiving(self.sink()));
                self.hear(&packet.to_bytes(), now);
            }
            Wish::Put => self.end = End::Sending(asking.sending(self.source(), now)),
        }
    }

    fn tick(&mut self, now: Duration) {
        let step = match &mut self.end {
            End::Asking(asking) => asking.on_time(now),
            End::Sending(sending) => sending.on_time(now),
            End::Receiving(receiving) => receiving.on_time(now),
            End::Lingering(lingering) if lingering.deadline() <= now => {
                self.end = End::Over;
                return;
            }
            _ => Ok(Step::Going),
        };
        self.follow(step, now);
    }

    fn follow(&mut self, step: Result<Step, Failure>, now: Duration) {
        match step {
            Ok(Step::Going) => return,
            Err(failure) => {
                self.failure = Some(failure);
                self.end = End::Over;
            }
            Ok(Step::Done) => match std::mem::replace(&mut self.end, End::Over) {
                End::Receiving(receiving) => {
                    let (sink, lingering) = receiving.finish(Duration::from_secs(100), now);
                    self.written = Some(sink.finish());
                    self.end = End::Lingering(lingering);
                }
                _ => self.end = End::Over,
            },
        }
        self.over = Some(now);
    }

    fn deadline(&self) -> Option<Duration> {
        match &self.end {
            End::Asking(asking) => Some(asking.deadline()),
            End::Sending(sending) => Some(sending.deadline()),
            End::Receiving(receiving) => Some(receiving.deadline()),
            End::Lingering(lingering) => Some(lingering.deadline()),
            End::Idle | End::Over => None,
        }
    }

    fn said(&mut self, now: Duration) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| match &mut self.end {
            End::Asking(asking) => asking.next_packet(now).map(<[u8]>::to_vec),
            End::Sending(sending) => {
                let packet = sending.next_packet(now).expect("a vector can be read");
                packet.map(<[u8]>::to_vec)
            }
            End::Receiving(receiving) => receiving.next_packet(now).map(<[u8]>::to_vec),
            End::Lingering(lingering) => lingering.next_packet().map(<[u8]>::to_vec),
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
    assert!(matches!(server.failure, Some(Failure::Silent)));
    sent
}

/// How somebody who sends and somebody who receives end, when they are told this.
pub(super) fn both_told(packet: &Packet<'_>) -> [Failure; 2] {
    let (terms, now) = (Terms::default(), Duration::ZERO);
    let mut sending = Sending::new(&b"content"[..], &terms, None, now);
    let mut receiving = Receiving::new(Vec::new(), &terms, None, now);
    [
        sending.on_packet(packet, now).expect_err("it is told"),
        receiving.on_packet(packet, now).expect_err("it is told"),
    ]
}
