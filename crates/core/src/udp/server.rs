//! One UDP socket with all its peers, as an event source of the reactor.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use socket2::Socket;
use tracing::{debug, error, warn};

use crate::exec::one_shot::Jobs;
use crate::exec::processes::end_orphans;
use crate::hub::message::Request;
use crate::hub_link::link::{HubLost, Link};
use crate::limits::admission::Admission;
use crate::limits::limits::Limits;
use crate::limits::stats::Stats;
use crate::limits::token_bucket::TokenBucket;
use crate::net::listener::UdpListener;
use crate::net::socket_opts::{enable_pktinfo, raise_buffers};
use crate::peer::Transport;
use crate::reactor::poll::{Interest, earlier};
use crate::reactor::source::{EventSource, Watched};
use crate::session::config::UdpPolicy;
use crate::session::service::Service;
use crate::sys::mmsg::{BATCH, Outgoing, SendMode, send_many};
use crate::sys::rlimit::fd_limit;
use crate::udp::dedicated_port::PortSockets;
use crate::udp::filter::Filter;
use crate::udp::peer_table::PeerTable;
use crate::udp::programs::JobKey;
use crate::udp::recv_batch::RecvBatch;

/// Serves all peers of a UDP socket.
///
/// While the kernel takes no more output, nothing is received.
pub(crate) struct UdpServer {
    socket: Socket,
    local: SocketAddr,
    recv_batch: RecvBatch,
    peers: PeerTable,
    jobs: Option<Jobs<JobKey>>, // if the service may run programs
    ports: Option<PortSockets>, // with `UdpPolicy::DedicatedPort`
    closing: Vec<SocketAddr>,   // ports without a session that have output left
    hub_link: Option<Link>,     // to the hub, if the service has rooms
    warnings: TokenBucket,      // of truncated datagrams, which anyone can send
    calls: usize,               // of sessions before the next call of `resume`, of each kind
    is_due: bool,               // more calls were possible
    is_done: bool,
}

impl UdpServer {
    /// # Errors
    ///
    /// The socket is not an Internet socket, or a file descriptor or memory is not available.
    pub(crate) fn new(
        listener: UdpListener,
        service: Arc<dyn Service>,
        limits: &Limits,
        stats: Stats,
        mut hub_link: Option<Link>,
    ) -> io::Result<Self> {
        let UdpListener {
            socket,
            address_index,
            ports,
            trusted,
            ..
        } = listener;
        let local = socket.local_addr()?.as_socket();
        let local = local.ok_or_else(|| io::Error::from(Errno::EAFNOSUPPORT))?;
        enable_pktinfo(&socket, local.ip())?;
        raise_buffers(&socket);
        hub_link
            .iter_mut()
            .for_each(|hub_link| hub_link.send(UNUSED_MEMBER, vec![Request::Disconnect]));
        let now = Instant::now();
        let admission = Admission::new(limits, stats)?;
        let config = service.config(Transport::Datagram);
        let max_bytes = config.framing.read_bytes().min(MAX_DATAGRAM_BYTES);
        let dedicated = matches!(config.udp, UdpPolicy::DedicatedPort { .. });
        let mut filter = Filter::new(ports, trusted);
        if local.ip().is_multicast() {
            filter.join(local.ip());
        }
        let jobs = config.exec.then(|| Jobs::new(limits, stats));
        let mut peers = PeerTable::new(service, limits, admission, address_index, filter, now);
        peers.limit_descriptors(fd_limit());
        Ok(Self {
            socket,
            local,
            recv_batch: RecvBatch::new(max_bytes),
            peers,
            jobs: jobs.transpose()?,
            ports: dedicated.then(PortSockets::new).transpose()?,
            closing: Vec::new(),
            hub_link,
            warnings: TokenBucket::per_second(WARNINGS_PER_SECOND, now),
            calls: 1,
            is_due: false,
            is_done: false,
        })
    }

    /// Receives a batch at the listening socket, or at a dedicated port; returns whether anything
    /// arrived. To be called once the previous batch is handled.
    fn receive(&mut self, port: Option<SocketAddr>) -> bool {
        let socket = match port {
            None => Some(&self.socket),
            Some(port) => self.ports.as_ref().and_then(|ports| ports.get(port)),
        };
        let Some(socket) = socket else {
            return false; // closed since it was reported ready
        };
        let bound = port.unwrap_or(self.local);
        match self.recv_batch.fill(socket.as_fd(), bound) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                // Such as ECONNREFUSED for a datagram sent to a peer that is gone.
                debug!(local = %self.local, "receive: {error}");
                false
            }
        }
    }

    /// Handles received datagrams, ready peers and messages of the hub, as long as the kernel takes
    /// the output. Returns whether everything is done. While it is due, output waits.
    fn advance(&mut self, now: Instant) -> bool {
        for _ in 0..ROUNDS_PER_TURN {
            if (!self.is_due || self.peers.out.is_full()) && !self.send() {
                self.is_due = false;
                return false;
            }
            self.peers.resume_ready(self.calls, now);
            self.handle_received(now);
            if let Some(jobs) = &mut self.jobs {
                self.peers.jobs.drain(..).for_each(|job| jobs.start(job));
            }
            let more_messages = self.exchange_with_hub(now);
            let more = more_messages || self.peers.is_ready() || !self.recv_batch.is_empty();
            self.is_due = more && !self.peers.out.is_full();
            if self.is_due {
                return false;
            }
            if self.peers.out.is_empty() {
                break;
            }
        }
        self.send() && self.is_idle()
    }

    /// Handles some received datagrams, until the send batch is full.
    fn handle_received(&mut self, now: Instant) {
        let mut open_port = |address| match &mut self.ports {
            Some(ports) => ports.open(address),
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        for _ in 0..self.calls {
            if self.peers.out.is_full() {
                return;
            }
            let Some((incoming, cut)) = self.recv_batch.next() else {
                return;
            };
            if 0 < cut && self.warnings.take(now) {
                let length = incoming.bytes.len() + cut;
                warn!(peer = %incoming.remote, "cut off {cut} of {length} bytes of a datagram");
            }
            self.peers.receive(&incoming, &mut open_port, now);
        }
    }

    /// Forwards the requests of sessions to the hub, and delivers some of its messages to them while
    /// there is room for the replies. Returns whether more messages may have arrived.
    fn exchange_with_hub(&mut self, now: Instant) -> bool {
        let Some(hub_link) = &mut self.hub_link else {
            return false;
        };
        for calls in (0..=self.calls).rev() {
            for (member, request) in self.peers.members.take_requests() {
                hub_link.send(member, vec![request]);
            }
            if self.peers.out.is_full() {
                hub_link.rearm();
                return false;
            }
            if calls == 0 {
                break;
            }
            match hub_link.next() {
                Ok(None) => return false,
                Ok(Some((member, message))) => {
                    self.peers.deliver_hub_message(member, &message, now);
                }
                Err(HubLost) => {
                    self.hub_link = None;
                    self.peers.lose_rooms(now);
                    return false;
                }
            }
        }
        true
    }

    /// Sends the outputs of programs that have ended.
    fn handle_jobs(&mut self, now: Instant) {
        let replies = self.jobs.as_mut().map(|jobs| jobs.poll(now));
        for (key, output) in replies.into_iter().flatten() {
            self.peers.reply(key, &output, now);
        }
        self.advance(now);
    }

    /// Handles what has arrived at dedicated ports.
    fn receive_at_ports(&mut self, now: Instant) {
        let ready = self.ports.iter().flat_map(PortSockets::ready);
        for (port, events) in ready.collect::<Vec<_>>() {
            if events.contains(EpollFlags::EPOLLOUT) {
                self.watch_port(port, EpollFlags::empty());
                self.peers.out.restore(port);
            }
            if self.closing.contains(&port) {
                continue; // its session has ended
            }
            for _ in 0..BATCHES_PER_TURN {
                if !self.advance(now) {
                    return;
                }
                if !self.receive(Some(port)) {
                    break;
                }
            }
        }
        self.advance(now);
    }

    /// Sends the batch; returns whether the kernel took all of it.
    fn send(&mut self) -> bool {
        let mut segmented = true; // the kernel then has less work per datagram
        while let Some(from) = self.peers.out.next_from() {
            if self.peers.out.is_set_aside(from) {
                self.peers.out.set_aside(from); // in order
                continue;
            }
            let port = self.ports.as_ref().and_then(|ports| ports.get(from));
            let sent = match port {
                Some(socket) if segmented => self.send_segments(socket, from),
                Some(socket) => {
                    let group = self.peers.out.segments().next();
                    let count = group.map_or(1, |group| group.count);
                    self.send_each(socket, count, |_| SendMode::Plain)
                }
                None if self.local.ip().is_unspecified() => {
                    self.send_each(&self.socket, BATCH, SendMode::From)
                }
                None => self.send_each(&self.socket, BATCH, |_| SendMode::Plain),
            };
            match sent {
                Ok(count) => self.peers.out.remove(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && port.is_none() => {
                    return false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.peers.out.set_aside(from);
                    self.watch_port(from, EpollFlags::EPOLLOUT);
                }
                // Such as EMSGSIZE for segments above the path MTU, which a single datagram may
                // exceed: it is fragmented.
                Err(_) if segmented && port.is_some() => {
                    segmented = false;
                    continue;
                }
                Err(error) => self.peers.out.drop_first(&error),
            }
            segmented = true;
        }
        if let Some(ports) = &mut self.ports {
            for port in self.peers.take_closed_ports() {
                if self.peers.out.is_set_aside(port) {
                    ports.watch(port, EpollFlags::EPOLLOUT);
                    self.closing.push(port);
                } else {
                    ports.close(port);
                }
            }
            let sent = |port: &mut SocketAddr| !self.peers.out.is_set_aside(*port);
            let sent = self.closing.extract_if(.., sent);
            sent.for_each(|port| ports.close(port));
        }
        true
    }

    /// Watches a dedicated port for this, and for datagrams while it has a session.
    fn watch_port(&self, port: SocketAddr, interest: EpollFlags) {
        let input = match self.closing.contains(&port) {
            true => EpollFlags::empty(),
            false => EpollFlags::EPOLLIN,
        };
        if let Some(ports) = &self.ports {
            ports.watch(port, interest | input);
        }
    }

    /// Sends up to `max` datagrams of the batch as single messages; returns how many were sent.
    fn send_each(
        &self,
        socket: &Socket,
        max: usize,
        mode: impl Fn(SocketAddr) -> SendMode,
    ) -> io::Result<usize> {
        let queued = self.peers.out.queued().take(max);
        let outgoing = queued.map(|(queued, bytes)| Outgoing {
            bytes,
            to: queued.to,
            mode: mode(queued.from),
        });
        send_many(socket.as_fd(), outgoing)
    }

    /// Sends the next datagrams of the batch that leave from one port, with segmentation offload;
    /// returns how many were sent.
    fn send_segments(&self, socket: &Socket, from: SocketAddr) -> io::Result<usize> {
        let groups = || {
            let groups = self.peers.out.segments();
            groups.take_while(|group| group.from == from)
        };
        let outgoing = groups().map(|group| Outgoing {
            bytes: group.bytes,
            to: group.to,
            mode: match u16::try_from(group.length) {
                Ok(length) if 1 < group.count => SendMode::Segmented(length),
                _ => SendMode::Plain,
            },
        });
        let sent = send_many(socket.as_fd(), outgoing)?;
        Ok(groups().take(sent).map(|group| group.count).sum())
    }

    /// Whether there is nothing to do before the next event.
    fn is_idle(&self) -> bool {
        self.recv_batch.is_empty() && self.peers.out.is_empty() && !self.peers.is_ready()
    }
}

impl EventSource for UdpServer {
    fn watched(&self) -> Watched<'_> {
        let read = self.is_idle();
        let write = !read && !self.is_due;
        let interest = Interest::In { read, write };
        let jobs = self.jobs.as_ref();
        let jobs = jobs.map(|jobs| (jobs.as_fd(), Interest::READ));
        let ports = self.ports.as_ref();
        let ports = ports.map(|ports| (ports.as_fd(), Interest::In { read, write: false }));
        let hub_link = self.hub_link.as_ref().map(|link| link.watched(read));
        [
            Some((self.socket.as_fd(), interest)),
            jobs.or(ports),
            hub_link,
        ]
    }

    fn deadline(&self) -> Option<Instant> {
        let jobs = self.jobs.as_ref().and_then(Jobs::deadline);
        let hub_link = self.hub_link.as_ref().and_then(|link| link.deadline());
        earlier(self.peers.deadline(), earlier(jobs, hub_link))
    }

    fn on_ready(&mut self, index: usize, _: bool, _: &mut [u8], now: Instant) {
        self.calls = 1;
        match index {
            JOBS_OR_PORTS if self.ports.is_some() => self.receive_at_ports(now),
            JOBS_OR_PORTS => self.handle_jobs(now),
            HUB_LINK => {
                self.advance(now);
            }
            _ => {
                // Under load, another recvmmsg(2) is cheaper than another wait.
                for _ in 0..BATCHES_PER_TURN {
                    if !self.advance(now) || !self.receive(None) {
                        return;
                    }
                }
                self.advance(now);
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        self.calls = 1;
        self.peers.tick(now);
        if is_past(self.jobs.as_ref().and_then(Jobs::deadline)) {
            self.handle_jobs(now);
        }
        if is_past(self.hub_link.as_ref().and_then(|link| link.deadline())) {
            self.hub_link.iter().for_each(|link| link.tick());
        }
        // With output left, the kernel took no more: what is ready waits until the socket is writable.
        if self.peers.is_ready() && self.peers.out.is_empty() {
            self.advance(now);
        }
        self.is_done |= is_past(self.peers.end_at);
    }

    fn is_due(&self) -> bool {
        self.is_due
    }

    fn resume(&mut self, calls: usize, now: Instant) {
        self.calls = calls;
        // Under load, another recvmmsg(2) is cheaper than another wait.
        if self.advance(now) {
            self.is_due = self.receive(None);
        }
    }

    fn flush(&mut self, _: Instant) {
        self.is_due &= self.send();
    }

    fn stop(&mut self, now: Instant) {
        self.calls = 1;
        self.peers.stop(now);
        if let Some(jobs) = &mut self.jobs {
            jobs.stop(now);
        }
        self.advance(now);
    }

    fn child_changed(&mut self) {
        end_orphans();
    }

    fn report(&mut self) {
        self.peers.admission.report();
    }

    fn fail(&mut self, error: io::Error) {
        error!(local = %self.local, "UDP server: {error}");
        self.is_done = true;
    }

    fn is_done(&self) -> bool {
        let jobs_ended = self.jobs.as_ref().is_none_or(Jobs::is_empty);
        let sent = !self.peers.out.has_aside();
        self.is_done || (jobs_ended && sent && self.peers.is_done() && self.is_idle())
    }

    fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>> {
        let drops = self.peers.finish();
        if !drops.is_empty() {
            debug!(local = %self.local, "dropped in total: {drops}");
        }
        None
    }
}

// Indices in `watched`. No service has both programs and dedicated ports.
const JOBS_OR_PORTS: usize = 1;
const HUB_LINK: usize = 2;
const UNUSED_MEMBER: u32 = 0; // sessions are members from 1 on
const MAX_DATAGRAM_BYTES: usize = 65_535;
const ROUNDS_PER_TURN: usize = 16; // sessions without end must not block the reactor
const BATCHES_PER_TURN: usize = 16; // nor must a flood
const WARNINGS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

#[cfg(test)]
mod tests;
