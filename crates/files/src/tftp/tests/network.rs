//! A simulated network with a client and a server.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Cursor;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::tftp::{
    Caps, Dally, Decoder, Encoder, Mode, Negotiated, Options, Packet, Receiver, Request,
    RequestKind, Requester, Sender, Step, Transfer, TransferError,
};

/// The properties of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) loss: u32,       // percent
    pub(super) duplicates: u32, // percent
    pub(super) delay: Duration,
    pub(super) jitter: Duration, // additional delay, at most
}

/// The request of the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) kind: RequestKind,
    pub(super) mode: Mode,
    pub(super) options: Options,
}

/// The result of a transfer.
pub(super) struct Run {
    pub(super) content: Option<Vec<u8>>, // as received, once complete
    pub(super) receiver_error: Option<TransferError>,
    pub(super) sender_error: Option<TransferError>,
    pub(super) data: u64, // packets sent
    pub(super) acks: u64,
    pub(super) took: Duration,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            data, acks, took, ..
        } = self;
        let errors = (&self.receiver_error, &self.sender_error);
        write!(
            f,
            "{data} blocks and {acks} acknowledgements in {took:?}, errors: {errors:?}"
        )
    }
}

/// The state of one side.
enum State {
    Idle,
    Requesting(Requester),
    Sending(Sender<Encoder<Cursor<Vec<u8>>>>),
    Receiving(Receiver<Decoder<Vec<u8>>>),
    Dallying(Dally),
    Done,
}

struct Host {
    state: State,
    setup: Setup,
    source: Vec<u8>,
    written: Option<Vec<u8>>,
    error: Option<TransferError>,
    done_at: Option<Duration>,
}

impl Run {
    pub(super) fn of(setup: &Setup, content: &[u8], link: &Link, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut hosts = [Host::client(setup, content), Host::server(setup, content)];
        let mut in_flight: BTreeMap<(Duration, u64), (usize, Vec<u8>)> = BTreeMap::new();
        let (mut data, mut acks, mut number) = (0, 0, 0);
        let mut now = Duration::ZERO;
        loop {
            for (from, host) in hosts.iter_mut().enumerate() {
                for packet in host.packets(now) {
                    data += u64::from(packet[1] == 3);
                    acks += u64::from(packet[1] == 4);
                    let times = 1 + u32::from(random.random_range(0..100) < link.duplicates);
                    for _ in 0..times {
                        if random.random_range(0..100) < link.loss {
                            continue;
                        }
                        let jitter = random.random_range(Duration::ZERO..=link.jitter);
                        number += 1;
                        in_flight.insert(
                            (now + link.delay + jitter, number),
                            (1 - from, packet.clone()),
                        );
                    }
                }
            }
            let due = hosts.iter_mut().filter_map(Host::deadline).min();
            match in_flight.first_key_value() {
                Some((&(at, number), _)) if due.is_none_or(|due| at <= due) => {
                    now = at;
                    let (to, packet) = in_flight.remove(&(at, number)).expect("it is the first");
                    hosts[to].receive(&packet, now);
                }
                _ => match due {
                    Some(due) => {
                        now = due;
                        hosts.iter_mut().for_each(|host| host.on_timeout(now));
                    }
                    None => break,
                },
            }
            assert!(now < Duration::from_secs(10_000), "the transfer never ends");
        }
        let [client, server] = hosts;
        let (sender, receiver) = match setup.kind {
            RequestKind::Read => (server, client),
            RequestKind::Write => (client, server),
        };
        Self {
            content: receiver.written,
            receiver_error: receiver.error,
            sender_error: sender.error,
            data,
            acks,
            took: receiver.done_at.unwrap_or_default(),
        }
    }
}

impl Host {
    fn client(setup: &Setup, content: &[u8]) -> Self {
        let request = Request {
            kind: setup.kind,
            name: b"name",
            mode: setup.mode,
            options: setup.options,
        };
        let requester = Requester::new(&request, Duration::ZERO);
        Self {
            state: State::Requesting(requester),
            ..Self::server(setup, content)
        }
    }

    fn server(setup: &Setup, content: &[u8]) -> Self {
        Self {
            state: State::Idle,
            setup: *setup,
            source: content.to_vec(),
            written: None,
            error: None,
            done_at: None,
        }
    }

    fn source(&self) -> Encoder<Cursor<Vec<u8>>> {
        Encoder::new(Cursor::new(self.source.clone()), self.setup.mode)
    }

    fn sink(&self) -> Decoder<Vec<u8>> {
        Decoder::new(Vec::new(), self.setup.mode)
    }

    /// What sends or awaits packets, if anything.
    fn transfer(&mut self) -> Option<&mut dyn Transfer> {
        match &mut self.state {
            State::Sending(sender) => Some(sender),
            State::Requesting(requester) => Some(requester),
            State::Receiving(receiver) => Some(receiver),
            State::Dallying(dally) => Some(dally),
            State::Idle | State::Done => None,
        }
    }

    fn receive(&mut self, packet: &[u8], now: Duration) {
        let packet = Packet::parse(packet).expect("only packets are sent");
        let step = match &mut self.state {
            State::Idle => {
                self.accept(&packet, now);
                Ok(Step::Continue)
            }
            State::Requesting(requester) => match requester.on_packet(&packet, now) {
                Ok(_) => return self.start_transfer(&packet, now),
                Err(error) => Err(error),
            },
            _ => match (self.transfer(), packet) {
                (Some(transfer), Packet::Request(_)) => {
                    transfer.on_request(now);
                    Ok(Step::Continue)
                }
                (Some(transfer), packet) => transfer.on_packet(&packet, now),
                (None, _) => Ok(Step::Continue),
            },
        };
        self.apply(step, now);
    }

    /// The server processes a request.
    fn accept(&mut self, packet: &Packet<'_>, now: Duration) {
        let Packet::Request(request) = packet else {
            return; // the request was lost
        };
        let caps = Caps::ethernet(false);
        let size = Some(self.source.len() as u64);
        let (negotiated, acked) = request.options.negotiate(&caps, size);
        let option_ack = (!acked.is_empty()).then(|| Packet::OptionAck(acked).to_bytes());
        self.state = match request.kind {
            RequestKind::Read => {
                State::Sending(Sender::new(self.source(), &negotiated, option_ack, now))
            }
            RequestKind::Write => {
                State::Receiving(Receiver::new(self.sink(), &negotiated, option_ack, now))
            }
        };
    }

    /// The client processes the first answer.
    fn start_transfer(&mut self, packet: &Packet<'_>, now: Duration) {
        let State::Requesting(requester) = std::mem::replace(&mut self.state, State::Done) else {
            unreachable!("it was requesting");
        };
        match self.setup.kind {
            RequestKind::Read => {
                self.state = State::Receiving(requester.into_receiver(self.sink()));
                self.receive(&packet.to_bytes(), now);
            }
            RequestKind::Write => {
                self.state = State::Sending(requester.into_sender(self.source(), now));
            }
        }
    }

    fn on_timeout(&mut self, now: Duration) {
        let step = self
            .transfer()
            .map_or(Ok(Step::Continue), |transfer| transfer.on_timeout(now));
        self.apply(step, now);
    }

    fn apply(&mut self, step: Result<Step, TransferError>, now: Duration) {
        match step {
            Ok(Step::Continue) => return,
            Err(error) => {
                self.error = Some(error);
                self.state = State::Done;
            }
            Ok(Step::Done) => match std::mem::replace(&mut self.state, State::Done) {
                State::Receiving(receiver) => {
                    let (sink, dally) = receiver.finish(Duration::from_secs(100), now);
                    self.written = Some(sink.finish().expect("a vector takes all").0);
                    self.state = State::Dallying(dally);
                }
                State::Dallying(_) => return,
                _ => (),
            },
        }
        self.done_at = Some(now);
    }

    fn deadline(&mut self) -> Option<Duration> {
        self.transfer().map(|transfer| transfer.deadline())
    }

    fn packets(&mut self, now: Duration) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| {
            let packet = self.transfer()?.next_packet(now);
            packet.expect("a vector can be read").map(<[u8]>::to_vec)
        })
        .collect()
    }
}

/// The request of a client that never answers, and all packets of the server to it.
pub(super) fn to_silent_client(setup: &Setup, content: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut server = Host::server(setup, content);
    let request = Host::client(setup, content)
        .packets(Duration::ZERO)
        .remove(0);
    let mut now = Duration::ZERO;
    server.receive(&request, now);
    let mut sent = server.packets(now);
    while let Some(due) = server.deadline() {
        now = due;
        server.on_timeout(now);
        sent.extend(server.packets(now));
    }
    assert!(matches!(server.error, Some(TransferError::Timeout)));
    (request, sent)
}

/// The errors with which a sender and a receiver process an error packet.
pub(super) fn both_sides_process(packet: &Packet<'_>) -> [TransferError; 2] {
    let (negotiated, now) = (Negotiated::default(), Duration::ZERO);
    let mut sender = Sender::new(&b"content"[..], &negotiated, None, now);
    let mut receiver = Receiver::new(Vec::new(), &negotiated, None, now);
    [
        sender.on_packet(packet, now).expect_err("it is an error"),
        receiver.on_packet(packet, now).expect_err("it is an error"),
    ]
}
