//! Forward: what one client sends goes to another, or to all.

mod options;

use std::collections::VecDeque;
use std::time::Duration;

use switchboard_core::{
    Config, Error, Flow, Member, Outbox, Peer, Refusal, Result, RoomEvent, RoomKind, RoomService,
    Rooms, Session, Transport,
};

pub(crate) use options::Options;
use options::{OnLeave, Role, To};

/// Passes every byte on, in order and none lost: whoever is slow to receive holds back who sends.
///
/// The first client sends, and is sent the single byte `1`; the second receives, and is sent `2`.
/// Before somebody receives, nothing is taken from who sends. Over datagrams each client chooses
/// unless its place does: with an empty first datagram it receives, with any other it sends; the
/// datagram EOT (4) leaves.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    options: Options,
}

impl Forward {
    /// What `options` ask for, unless they contradict each other.
    pub(crate) fn from_options(options: Options) -> Result<Self, &'static str> {
        if options.to == To::Others && !options.role.is_empty() {
            return Err(
                "--role has no meaning with --to others, where everyone sends and receives",
            );
        }
        Ok(Self { options })
    }
}

impl RoomService for Forward {
    fn config(&self, _: Transport) -> Config {
        Config::bytes()
    }

    fn room(&self, name: &str) -> RoomKind {
        if name == LINE {
            RoomKind::lossless().host(SENDER)
        } else {
            RoomKind::lossless()
        }
    }

    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let fixed = self.options.role.get(peer.listener).copied();
        if fixed.is_none() && !self.options.role.is_empty() {
            return Err(Refusal("Nobody has a role here.".into()));
        }
        Ok(Box::new(Forwarding {
            rooms,
            options: self.options.clone(),
            fixed,
            by_datagrams: peer.transport == Transport::Datagram,
            part: Part::None,
            held: VecDeque::new(),
            receivers: 0,
            is_new: true,
        }))
    }
}

struct Forwarding {
    rooms: Rooms,
    options: Options,
    fixed: Option<Role>,
    by_datagrams: bool,
    part: Part,
    held: VecDeque<Vec<u8>>, // datagrams that came before it was known whether it sends
    receivers: usize,        // there are so many, as far as a sender knows
    is_new: bool,            // an end of its input means that it only listens
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// That is not known yet.
    None,
    Sends,
    Receives,
    Both,
}

impl Forwarding {
    /// Applies for the part of the one who sends, which is given once.
    fn apply(&self, out: &mut Outbox) {
        self.rooms.join(out, SEAT, SENDER);
    }

    fn join_receivers(&self, out: &mut Outbox) {
        self.rooms.join(out, LINE, RECEIVER);
    }

    fn begin_both(&mut self, out: &mut Outbox) {
        self.part = Part::Both;
        self.rooms.join(out, LINE, "both");
    }

    /// The first datagram says what its peer wants, where its place leaves that open.
    fn choose(&mut self, first: &[u8], out: &mut Outbox) {
        match self.fixed {
            _ if self.options.to == To::Others => self.begin_both(out),
            Some(Role::Receive) => self.join_receivers(out),
            Some(Role::Send) => self.apply(out),
            None if is_blank(first) => self.join_receivers(out),
            None => self.apply(out),
        }
    }

    fn receive_datagram(&mut self, datagram: &[u8], out: &mut Outbox) -> Flow {
        if datagram == EOT {
            return Flow::Close;
        }
        if self.is_new {
            self.is_new = false;
            self.choose(datagram, out);
        }
        match self.part {
            _ if is_blank(datagram) => (), // says no more than that it is there
            Part::None if self.held.len() < MOST_HELD => self.held.push_back(datagram.to_vec()),
            Part::None | Part::Receives => (),
            Part::Sends | Part::Both => self.rooms.post(out, LINE, datagram),
        }
        Flow::Continue
    }

    /// It sits among those who apply for sending: the first one sends.
    fn seated(&mut self, place: u32, out: &mut Outbox) -> Flow {
        if place == 1 {
            self.part = Part::Sends;
            self.rooms.join(out, LINE, SENDER);
            self.tell_role(b"1", out);
            for datagram in self.held.drain(..) {
                self.rooms.post(out, LINE, &datagram);
            }
            return Flow::Continue;
        }
        if self.by_datagrams || self.fixed.is_some() {
            return taken(out);
        }
        self.rooms.leave(out, SEAT);
        self.join_receivers(out);
        Flow::PauseInput
    }

    /// It is on the line, beside so many others.
    fn connected(&mut self, place: u32, others: usize, out: &mut Outbox) -> Flow {
        match self.part {
            Part::Sends => self.receivers = others,
            Part::Both | Part::Receives => (),
            Part::None if self.options.to == To::Second && 1 < place => return taken(out),
            Part::None => {
                self.part = Part::Receives;
                self.tell_role(b"2", out);
            }
        }
        Flow::Continue
    }

    fn tell_role(&self, role: &[u8], out: &mut Outbox) {
        if !self.options.no_role && !self.by_datagrams {
            out.send(role);
        }
    }

    fn pass_on(&self, bytes: &[u8], origin: &Member, out: &mut Outbox) {
        if self.by_datagrams && origin.transport == Transport::Stream {
            bytes
                .chunks(DATAGRAM_BYTES)
                .for_each(|piece| out.send(piece));
        } else {
            out.send(bytes);
        }
    }

    fn left(&mut self, origin: &Member, out: &mut Outbox) -> Flow {
        match self.part {
            Part::Receives if origin.name == SENDER => return Flow::Close,
            Part::Sends => {
                self.receivers = self.receivers.saturating_sub(1);
                if self.receivers == 0 {
                    match self.options.on_leave {
                        OnLeave::Close => return Flow::Close,
                        OnLeave::Tell => out.send(LEFT.as_bytes()),
                    }
                }
            }
            Part::None | Part::Receives | Part::Both => (),
        }
        Flow::Continue
    }
}

impl Session for Forwarding {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        if self.by_datagrams {
            return Ok(Flow::Continue);
        }
        out.set_timer(NEW);
        match self.fixed {
            _ if self.options.to == To::Others => {
                self.begin_both(out);
                return Ok(Flow::Continue);
            }
            Some(Role::Receive) => self.join_receivers(out),
            Some(Role::Send) | None => self.apply(out),
        }
        Ok(Flow::PauseInput)
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        if self.by_datagrams {
            return Ok(self.receive_datagram(message, out));
        }
        self.is_new = false;
        if let Part::Sends | Part::Both = self.part {
            self.rooms.post(out, LINE, message);
        }
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, heard: &RoomEvent, out: &mut Outbox) -> Result {
        let waits = self.part == Part::None && !self.by_datagrams;
        Ok(match heard {
            RoomEvent::Entered { room, place, .. } if **room == *SEAT => self.seated(*place, out),
            RoomEvent::Entered { place, others, .. } => self.connected(*place, *others, out),
            RoomEvent::Post { post, .. } => {
                if let Part::Receives | Part::Both = self.part {
                    self.pass_on(&post.bytes, &post.sender, out);
                }
                Flow::Continue
            }
            RoomEvent::Joined { room, .. } if **room == *LINE => {
                self.receivers += 1;
                Flow::Continue
            }
            RoomEvent::Left { room, member, .. } if **room == *LINE => self.left(member, out),
            RoomEvent::TooSlow | RoomEvent::Full { .. } => {
                return Err(Error::Failed("the hub has no place for it".into()));
            }
            _ if waits => Flow::PauseInput,
            _ => Flow::Continue,
        })
    }

    /// It is no longer new.
    fn on_timer(&mut self, _: &mut Outbox) -> Result {
        self.is_new = false;
        let waits = self.part == Part::None;
        Ok(if waits {
            Flow::PauseInput
        } else {
            Flow::Continue
        })
    }

    /// Who sends has sent all. Who receives and ends its side at once only listens; later, it is
    /// taken to have left: a client that closes looks no different.
    fn on_eof(&mut self, _: &mut Outbox) -> Result {
        let listens = self.is_new && self.part != Part::Sends;
        Ok(if listens { Flow::Continue } else { Flow::Close })
    }

    fn on_shutdown(&mut self, _: &mut Outbox) -> Result {
        Ok(Flow::Close)
    }
}

fn taken(out: &mut Outbox) -> Flow {
    out.send(TAKEN.as_bytes());
    Flow::Close
}

/// An empty datagram, or one that `nc` can send in its place.
fn is_blank(datagram: &[u8]) -> bool {
    matches!(datagram, b"" | b"\n" | b"\r\n")
}

const SEAT: &str = "seat"; // who is first in there sends
const LINE: &str = "line"; // what is posted there is forwarded
const SENDER: &str = "sender";
const RECEIVER: &str = "receiver";
const TAKEN: &str = "The line is taken. Try again later.\n";
const LEFT: &str = "Nobody receives any more; what you send waits for the next one.\n";
const EOT: &[u8] = b"\x04";
const NEW: Duration = Duration::from_secs(1); // for so long
const MOST_HELD: usize = 16;
const DATAGRAM_BYTES: usize = 1200; // goes through any network in one piece

#[cfg(test)]
mod tests;
