//! The hub among processes: what comes in by each wire, and what goes out.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{MsgFlags, recv};
use tracing::warn;

use crate::hub::codec::{Frames, encode};
use crate::hub::hub::{Hub, MemberId};
use crate::hub::message::Request;
use crate::hub_link::socket::{PACKET_BYTES, send_packets};
use crate::reactor::poll::timeout;
use crate::session::rooms::room_kinds;
use crate::session::service::Service;
use crate::sys::fd;

/// Connects wires with the hub until its control is closed and the last wire has gone.
///
/// Everybody at the other end of a wire is a process of this server; one that does not make sense
/// is cut off.
pub(crate) struct HubServer {
    hub: Hub,
    epoll: Epoll,
    control: Option<OwnedFd>, // brings new wires
    ends: HashMap<u64, End>,
    met: u64,
    members: HashMap<MemberId, (u64, u32)>, // at which end, and its number there
    buffer: Vec<u8>,
    refusing: bool, // since the last one that could be taken
}

/// The hub's end of one wire.
struct End {
    socket: OwnedFd,
    input: Frames,
    output: Vec<u8>, // not sent yet
    blocked: bool,   // the socket takes no more for now, and is watched until it does
    numbers: HashMap<u32, MemberId>,
    stirred: VecDeque<(u32, MemberId)>, // may have more to hear
}

impl HubServer {
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn new(control: OwnedFd, service: Arc<dyn Service>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&control, EpollEvent::new(EpollFlags::EPOLLIN, CONTROL))?;
        Ok(Self {
            hub: Hub::new(room_kinds(service)),
            epoll,
            control: Some(control),
            ends: HashMap::new(),
            met: CONTROL,
            members: HashMap::new(),
            buffer: vec![0; PACKET_BYTES],
            refusing: false,
        })
    }

    /// Goes on until nobody can come and nobody is there.
    ///
    /// # Errors
    ///
    /// The system cannot wait for descriptors.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        while self.control.is_some() || !self.ends.is_empty() {
            let count = match self.epoll.wait(&mut events, timeout(self.hub.deadline())) {
                Err(Errno::EINTR) => 0,
                done => done?,
            };
            self.hub.at(Instant::now());
            for event in &events[..count] {
                match event.data() {
                    CONTROL => self.meet(),
                    end => self.attend(end, event.events()),
                }
                self.spread();
            }
            self.hub.at(Instant::now()).tick();
            self.spread();
        }
        Ok(())
    }

    /// Takes a new wire; whoever brings them may have gone.
    fn meet(&mut self) {
        let Some(control) = &self.control else { return };
        match fd::receive_fd(control.as_fd()) {
            Ok(Some(socket)) => {
                self.met += 1;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, self.met);
                if let Err(errno) = self.epoll.add(&socket, event) {
                    return self.refuse(&errno.into());
                }
                self.refusing = false;
                let id = self.hub.connect(); // member 0, who comes with it
                self.members.insert(id, (self.met, 0));
                let end = End {
                    socket,
                    input: Frames::default(),
                    output: Vec::new(),
                    blocked: false,
                    numbers: HashMap::from([(0, id)]),
                    stirred: VecDeque::new(),
                };
                self.ends.insert(self.met, end);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
            Ok(None) => self.control = None,
            Err(error) => self.refuse(&error),
        }
    }

    /// A wire is lost, and its end hears of that: once for all that follow at once.
    fn refuse(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.refusing, true) {
            warn!("the hub has no room for one more conversation: {error}");
        }
    }

    fn attend(&mut self, number: u64, events: EpollFlags) {
        if events.contains(EpollFlags::EPOLLOUT) {
            self.send(number);
        }
        if events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR)
            && !self.receive(number)
        {
            self.lose(number);
        }
    }

    /// Does what the members at an end ask for; whether that end goes on.
    fn receive(&mut self, number: u64) -> bool {
        let Some(end) = self.ends.get_mut(&number) else {
            return true;
        };
        match recv(
            end.socket.as_raw_fd(),
            &mut self.buffer,
            MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(0) => return false,
            Ok(count) => end.input.push(&self.buffer[..count]),
            // It went without having heard all that waited for it; what it said may wait still.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNRESET) => return true,
            Err(_) => return false,
        }
        while let Some(end) = self.ends.get_mut(&number) {
            let (of, request) = match end.input.next::<Request>() {
                Ok(Some(asked)) => asked,
                Ok(None) => return true,
                Err(_) => {
                    warn!("a conversation sends the hub what is no request; cutting it off");
                    return false;
                }
            };
            let (hub, members) = (&mut self.hub, &mut self.members);
            let id = *end.numbers.entry(of).or_insert_with(|| {
                let id = hub.connect();
                members.insert(id, (number, of));
                id
            });
            if request == Request::Disconnect {
                end.numbers.remove(&of);
                members.remove(&id);
            }
            self.hub.request(id, request);
        }
        true
    }

    /// An end is gone, with the members who have not departed.
    fn lose(&mut self, number: u64) {
        if let Some(end) = self.ends.remove(&number) {
            self.epoll.delete(&end.socket).ok(); // it closes with the last copy
            for id in end.numbers.into_values() {
                self.members.remove(&id);
                self.hub.disconnect(id);
            }
        }
    }

    /// Tells everybody what there is to be heard, until nobody can be told more.
    fn spread(&mut self) {
        loop {
            let stirred = self.hub.take_ready();
            if stirred.is_empty() {
                return;
            }
            let mut ends = Vec::new();
            for id in stirred {
                if let Some(&(number, of)) = self.members.get(&id)
                    && let Some(end) = self.ends.get_mut(&number)
                {
                    if end.stirred.is_empty() && !end.blocked {
                        ends.push(number);
                    }
                    if end.stirred.back() != Some(&(of, id)) {
                        end.stirred.push_back((of, id));
                    }
                }
            }
            for number in ends {
                self.send(number);
            }
        }
    }

    /// Sends what the members at an end are to hear, as much as its socket takes.
    fn send(&mut self, number: u64) {
        let Some(end) = self.ends.get_mut(&number) else {
            return;
        };
        let mut blocked = false;
        while !blocked {
            while end.output.len() < PACKET_BYTES
                && let Some(&(of, id)) = end.stirred.front()
            {
                match self.hub.next(id) {
                    Some(notice) => encode(of, &notice, &mut end.output),
                    None => drop(end.stirred.pop_front()),
                }
            }
            if end.output.is_empty() {
                break;
            }
            if send_packets(end.socket.as_fd(), &mut end.output).is_err() {
                // Nobody is there. That shows when the socket is read.
                end.output.clear();
                end.stirred.clear();
                break;
            }
            blocked = !end.output.is_empty();
        }
        if blocked != end.blocked {
            end.blocked = blocked;
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, blocked);
            let mut event = EpollEvent::new(flags, number);
            self.epoll.modify(&end.socket, &mut event).ok(); // it was added when it came
        }
    }
}

const CONTROL: u64 = 0;
const AT_ONCE: usize = 64;
