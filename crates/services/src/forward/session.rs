//! The session of one client: a sender, a receiver, or both.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use switchboard_core::{Error, Flow, Member, Outbox, Result, RoomEvent, Rooms, Session, Transport};

use crate::forward::options::{OnLeave, Options, Role, To};

pub(super) struct ForwardSession {
    rooms: Rooms,
    options: Options,
    fixed_role: Option<Role>,
    is_datagram: bool,
    state: State,
    waiting: VecDeque<Vec<u8>>, // datagrams that arrived before the client became the sender
    receivers: usize,           // their number, as known to a sender
    is_new: bool,               // the end of its input does not end the session yet
    role_due: bool,             // it is a receiver and was not sent its role yet
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no role yet.
    Undecided,
    Sender,
    Receiver,
    Both,
}

impl ForwardSession {
    pub(super) fn new(
        rooms: Rooms,
        options: Options,
        fixed_role: Option<Role>,
        is_datagram: bool,
    ) -> Self {
        Self {
            rooms,
            options,
            fixed_role,
            is_datagram,
            state: State::Undecided,
            waiting: VecDeque::new(),
            receivers: 0,
            is_new: true,
            role_due: false,
        }
    }

    /// Competes for the role of the sender, which only one member gets.
    fn request_sender(&self, out: &mut Outbox) {
        self.rooms.join(out, SEAT, SENDER);
    }

    fn join_receivers(&self, out: &mut Outbox) {
        self.rooms.join(out, LINE, RECEIVER);
    }

    fn join_both(&mut self, out: &mut Outbox) {
        self.state = State::Both;
        self.rooms.join(out, LINE, "both");
    }

    /// A client that only `receives` is a receiver, unless its role is fixed.
    fn choose_role(&mut self, receives: bool, out: &mut Outbox) {
        match self.fixed_role {
            _ if self.options.to == To::Others => self.join_both(out),
            Some(Role::Receive) => self.join_receivers(out),
            Some(Role::Send) => self.request_sender(out),
            None if receives => self.join_receivers(out),
            None => self.request_sender(out),
        }
    }

    fn on_datagram(&mut self, datagram: &[u8], out: &mut Outbox) -> Flow {
        if datagram == EOT {
            return Flow::Close;
        }
        if self.is_new {
            self.is_new = false;
            self.choose_role(is_blank(datagram), out);
        }
        match self.state {
            _ if is_blank(datagram) => (), // it has no content, and only shows the client's presence
            State::Undecided if self.waiting.len() < MAX_WAITING => {
                self.waiting.push_back(datagram.to_vec());
            }
            State::Undecided | State::Receiver => (),
            State::Sender | State::Both => self.rooms.post(out, LINE, datagram),
        }
        Flow::Continue
    }

    /// It has requested to be the sender: the first to do so is.
    fn on_seat(&mut self, place: u32, out: &mut Outbox) -> Flow {
        if place == 1 {
            self.state = State::Sender;
            self.rooms.join(out, LINE, SENDER);
            self.send_role(b"1", out);
            for datagram in self.waiting.drain(..) {
                self.rooms.post(out, LINE, &datagram);
            }
            return Flow::Continue;
        }
        if self.is_datagram || self.fixed_role.is_some() {
            return refuse(out);
        }
        self.rooms.leave(out, SEAT);
        self.join_receivers(out);
        Flow::PauseInput
    }

    /// It is in the room, as the `place`-th member of its role.
    fn on_line(&mut self, place: u32, others: usize, out: &mut Outbox) -> Flow {
        match self.state {
            State::Sender => self.receivers = others,
            State::Both | State::Receiver => (),
            State::Undecided if self.options.to == To::Second && 1 < place => return refuse(out),
            State::Undecided => {
                self.state = State::Receiver;
                if !self.is_datagram {
                    self.is_new = true;
                    self.role_due = true;
                    out.set_timer(NEW_TIME);
                }
            }
        }
        Flow::Continue
    }

    fn send_role(&self, role: &[u8], out: &mut Outbox) {
        if !self.options.no_role && !self.is_datagram {
            out.send(role);
        }
    }

    /// Sends the role of a receiver, if that is still due. It waits until the input of a new client
    /// could have ended: a client that only receives accepts it, one that has left resets the
    /// connection.
    fn send_role_if_due(&mut self, out: &mut Outbox) {
        if mem::take(&mut self.role_due) {
            self.send_role(b"2", out);
        }
    }

    fn send(&self, bytes: &[u8], sender: &Member, out: &mut Outbox) {
        if self.is_datagram && sender.transport == Transport::Stream {
            bytes
                .chunks(DATAGRAM_BYTES)
                .for_each(|datagram| out.send(datagram));
        } else {
            out.send(bytes);
        }
    }

    fn on_left(&mut self, member: &Member, out: &mut Outbox) -> Flow {
        match self.state {
            State::Receiver if member.name == SENDER => {
                self.send_role_if_due(out);
                return Flow::Close;
            }
            State::Sender => {
                self.receivers = self.receivers.saturating_sub(1);
                if self.receivers == 0 {
                    match self.options.on_leave {
                        OnLeave::Close => return Flow::Close,
                        OnLeave::Notify => out.send(NO_RECEIVER.as_bytes()),
                    }
                }
            }
            State::Undecided | State::Receiver | State::Both => (),
        }
        Flow::Continue
    }

    /// Input of a stream waits for the role.
    fn flow(&self) -> Flow {
        if self.state == State::Undecided && !self.is_datagram {
            Flow::PauseInput
        } else {
            Flow::Continue
        }
    }
}

impl Session for ForwardSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        if self.is_datagram {
            return Ok(Flow::Continue);
        }
        out.set_timer(NEW_TIME);
        self.choose_role(false, out);
        Ok(self.flow())
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        if self.is_datagram {
            return Ok(self.on_datagram(message, out));
        }
        self.is_new = false;
        self.send_role_if_due(out);
        if let State::Sender | State::Both = self.state {
            self.rooms.post(out, LINE, message);
        }
        Ok(Flow::Continue)
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        let flow = self.flow();
        Ok(match event {
            RoomEvent::Entered { room, place, .. } if **room == *SEAT => self.on_seat(*place, out),
            RoomEvent::Entered { place, others, .. } => self.on_line(*place, *others, out),
            RoomEvent::Post { post, .. } => {
                if let State::Receiver | State::Both = self.state {
                    self.send_role_if_due(out);
                    self.send(&post.bytes, &post.sender, out);
                }
                Flow::Continue
            }
            RoomEvent::Joined { room, .. } if **room == *LINE => {
                self.receivers += 1;
                Flow::Continue
            }
            RoomEvent::Left { room, member, .. } if **room == *LINE => self.on_left(member, out),
            RoomEvent::TooSlow | RoomEvent::Full { .. } => {
                return Err(Error::Failed("the hub has no room for this session".into()));
            }
            _ => flow,
        })
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        self.is_new = false;
        self.send_role_if_due(out);
        Ok(self.flow())
    }

    /// A new client that ends its input only receives. Later the end of input ends the session, because
    /// a client that closes its connection looks the same.
    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        self.send_role_if_due(out);
        let only_receives = self.is_new && self.state != State::Sender;
        Ok(if only_receives {
            Flow::Continue
        } else {
            Flow::Close
        })
    }

    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.send_role_if_due(out);
        Ok(Flow::Close)
    }
}

fn refuse(out: &mut Outbox) -> Flow {
    out.send(TAKEN.as_bytes());
    Flow::Close
}

/// An empty datagram, or what `nc` sends for an empty line.
fn is_blank(datagram: &[u8]) -> bool {
    matches!(datagram, b"" | b"\n" | b"\r\n")
}

/// The room whose first member is the sender.
const SEAT: &str = "seat";
/// The room whose posts are forwarded.
pub(super) const LINE: &str = "line";
pub(super) const SENDER: &str = "sender";
const RECEIVER: &str = "receiver";
pub(super) const TAKEN: &str = "There is a sender and a receiver already. Try again later.\n";
pub(super) const NO_RECEIVER: &str = "No receiver is connected; your next bytes wait for one.\n";
pub(super) const EOT: &[u8] = b"\x04";
/// For this time a client is new. If its input has ended already, the end arrives in this time.
pub(super) const NEW_TIME: Duration = Duration::from_millis(300);
const MAX_WAITING: usize = 16;
const DATAGRAM_BYTES: usize = 1200; // passes any network unfragmented
