//! The hub in a process of its own: one socket per link.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use tracing::warn;

use crate::hub::codec::{decode, encode};
use crate::hub::hub::Hub;
use crate::hub::message::Request;
use crate::hub::types::MemberId;
use crate::hub_link::socket::{PACKET_BYTES, PacketSocket};
use crate::reactor::poll::timeout;
use crate::session::connection::room_kinds;
use crate::session::service::Service;
use crate::sys::fd;

/// Serves links until the control socket and the last link are closed.
///
/// The other end of each link is a process of this server; one that sends malformed data is
/// disconnected.
pub(crate) struct HubServer {
    hub: Hub<(u64, u32)>, // the link of a member, and its number there
    epoll: Epoll,
    control: Option<OwnedFd>, // receives the sockets of new links
    links: HashMap<u64, ServedLink>,
    last_link: u64,
    buffer: Vec<u8>,
    is_refusing: bool, // and has logged it
}

/// The hub's end of one link.
struct ServedLink {
    /// While it has output, it is full, and watched until it is not.
    socket: PacketSocket,
    members: HashMap<u32, MemberId>,
    ready: VecDeque<(u32, MemberId)>, // may have messages
}

impl HubServer {
    pub(crate) fn new(control: OwnedFd, service: Arc<dyn Service>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&control, EpollEvent::new(EpollFlags::EPOLLIN, CONTROL))?;
        Ok(Self {
            hub: Hub::new(room_kinds(service)),
            epoll,
            control: Some(control),
            links: HashMap::new(),
            last_link: CONTROL,
            buffer: vec![0; PACKET_BYTES],
            is_refusing: false,
        })
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_AT_ONCE];
        while self.control.is_some() || !self.links.is_empty() {
            let count = match self.epoll.wait(&mut events, timeout(self.hub.deadline())) {
                Err(Errno::EINTR) => 0,
                result => result?,
            };
            self.hub.at(Instant::now());
            for event in &events[..count] {
                match event.data() {
                    CONTROL => self.accept(),
                    link => self.handle(link, event.events()),
                }
                self.distribute();
            }
            self.hub.at(Instant::now()).tick();
            self.distribute();
        }
        Ok(())
    }

    /// Receives the socket of a new link.
    fn accept(&mut self) {
        let Some(control) = &self.control else { return };
        match fd::receive_fd(control.as_fd()) {
            Ok(Some(socket)) => {
                self.last_link += 1;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, self.last_link);
                if let Err(errno) = self.epoll.add(&socket, event) {
                    return self.refuse(&errno.into());
                }
                self.is_refusing = false;
                let id = self.hub.connect((self.last_link, 0));
                let link = ServedLink {
                    socket: PacketSocket::new(socket),
                    members: HashMap::from([(0, id)]),
                    ready: VecDeque::new(),
                };
                self.links.insert(self.last_link, link);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
            Ok(None) => self.control = None, // the acceptor has ended
            Err(error) => self.refuse(&error),
        }
    }

    /// A link cannot be served: its socket is closed, which its other end notices. Logged once per
    /// burst.
    fn refuse(&mut self, error: &io::Error) {
        if !mem::replace(&mut self.is_refusing, true) {
            warn!("the hub cannot serve another session: {error}");
        }
    }

    fn handle(&mut self, number: u64, events: EpollFlags) {
        if events.contains(EpollFlags::EPOLLOUT) {
            self.send(number);
        }
        if events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR)
            && !self.receive(number)
        {
            self.lose(number);
        }
    }

    /// Receives and does the requests on a link; whether the link stays.
    fn receive(&mut self, number: u64) -> bool {
        let Some(link) = self.links.get_mut(&number) else {
            return true;
        };
        match link.socket.receive(&mut self.buffer) {
            Ok(0) => return false,
            Ok(_) => (),
            // On ECONNRESET it was closed with messages unread; its last requests may follow.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNRESET) => return true,
            Err(_) => return false,
        }
        while let Some(link) = self.links.get_mut(&number) {
            let (of, request) = match decode::<Request>(&mut link.socket.input) {
                Ok(Some(received)) => received,
                Ok(None) => return true,
                Err(_) => {
                    warn!("a session sent the hub malformed data and is disconnected");
                    return false;
                }
            };
            let id = link.members.entry(of);
            let id = *id.or_insert_with(|| self.hub.connect((number, of)));
            if request == Request::Disconnect {
                link.members.remove(&of);
            }
            self.hub.request(id, request);
        }
        true
    }

    /// Removes a link, with the members that have not disconnected.
    fn lose(&mut self, number: u64) {
        if let Some(link) = self.links.remove(&number) {
            self.epoll.delete(&link.socket).ok(); // closing it would too, with its last duplicate
            let members = link.members.into_values();
            members.for_each(|id| self.hub.disconnect(id));
        }
    }

    /// Sends all messages, until the sockets are full.
    fn distribute(&mut self) {
        loop {
            let ready = self.hub.take_ready();
            if ready.is_empty() {
                return;
            }
            let mut links = Vec::new();
            for (id, (number, of)) in ready {
                if let Some(link) = self.links.get_mut(&number) {
                    if link.ready.is_empty() && link.socket.output.is_empty() {
                        links.push(number);
                    }
                    if link.ready.back() != Some(&(of, id)) {
                        link.ready.push_back((of, id));
                    }
                }
            }
            for number in links {
                self.send(number);
            }
        }
    }

    /// Sends the messages for a link, as many as its socket takes.
    fn send(&mut self, number: u64) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        let was_blocked = !link.socket.output.is_empty();
        loop {
            while link.socket.output.len() < PACKET_BYTES
                && let Some(&(of, id)) = link.ready.front()
            {
                match self.hub.next(id) {
                    Some(message) => encode(of, &message, link.socket.output.buffer()),
                    None => drop(link.ready.pop_front()),
                }
            }
            if link.socket.output.is_empty() {
                break;
            }
            if !link.socket.flush() {
                link.ready.clear(); // the next read removes the link
            }
            if !link.socket.output.is_empty() {
                break;
            }
        }
        let is_blocked = !link.socket.output.is_empty();
        if is_blocked != was_blocked {
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, is_blocked);
            let mut event = EpollEvent::new(flags, number);
            self.epoll.modify(&link.socket, &mut event).ok(); // it was added in `accept`
        }
    }
}

const CONTROL: u64 = 0;
const EVENTS_AT_ONCE: usize = 64;
