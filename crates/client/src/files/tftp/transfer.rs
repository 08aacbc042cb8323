//! One transfer with one server.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use switchboard_files::tftp::{
    ErrorCode, Malformed, Packet, Receiver, Request, Requester, Step, Transfer, TransferError,
};

use crate::files::error::Error;
use crate::files::tftp::socket::{Event, Socket};
use crate::stop::Stop;

/// A socket for one transfer, and the server's address.
pub(crate) struct ClientTransfer<'a> {
    socket: Socket<'a>,
    server: SocketAddr, // with the port of the transfer, once known
    began: Instant,
    timeout: Duration,
    silent_at: Duration,    // when the server counts as gone
    first: Option<Vec<u8>>, // the packet that answered the request
    refusals_left: u32,     // of packets from elsewhere, which may be many
}

impl<'a> ClientTransfer<'a> {
    /// Sends the request to the server at this address until it answers. From now on, the server may be
    /// silent for `timeout` at most.
    ///
    /// Fails if the server refuses, does not answer ([`TransferError::Timeout`]) or cannot be reached
    /// ([`Error::Lost`]).
    pub(crate) fn request(
        server: SocketAddr,
        request: &Request<'_>,
        timeout: Duration,
        stop: Option<&'a Stop>,
    ) -> Result<(Self, Requester), Error> {
        let mut transfer = Self {
            socket: Socket::new(server, stop).map_err(Error::Lost)?,
            server,
            began: Instant::now(),
            timeout,
            silent_at: timeout,
            first: None,
            refusals_left: MAX_REFUSALS,
        };
        let mut requester = Requester::new(request, transfer.now());
        let mut rejected = None; // why a packet was no answer; the error if no answer follows
        loop {
            while let Some(packet) = requester.next_packet(transfer.now())? {
                transfer.socket.send(packet, server)?;
            }
            let wait_end = transfer.wait_end(requester.deadline());
            match transfer.socket.receive(wait_end)? {
                Event::Undelivered(to, error) if to == server => return Err(Error::Lost(error)),
                Event::Received(from) if from.ip() == server.ip() => {
                    let step = match Packet::parse(transfer.socket.received()) {
                        Ok(packet) => requester.on_packet(&packet, transfer.now()),
                        Err(malformed) => Err(malformed.into()),
                    };
                    match step {
                        // Another program of this host may have sent it.
                        Err(error) if !Self::is_answer(&error) => {
                            if let TransferError::Protocol(_) = error {
                                rejected = Some(error);
                            }
                            transfer.refuse(from)?;
                        }
                        step => {
                            transfer.server = from;
                            transfer.silent_at = transfer.now() + timeout;
                            step.map_err(|error| transfer.fail(error))?;
                            transfer.first = Some(transfer.socket.received().to_vec());
                            return Ok((transfer, requester));
                        }
                    }
                }
                Event::Deadline | Event::Received(_) | Event::Undelivered(..) => (),
            }
            // Checked after each datagram too: a stream of them must not stop the timers.
            let checked = transfer.check_silence();
            let checked = checked.and_then(|()| requester.on_timeout(transfer.now()));
            checked.map_err(|error| rejected.take().unwrap_or(error))?;
        }
    }

    /// Whether what failed is the answer of the server: an error, or an acknowledgement of options that
    /// makes no sense.
    fn is_answer(error: &TransferError) -> bool {
        matches!(
            error,
            TransferError::Peer { .. } | TransferError::Malformed(Malformed::Options)
        )
    }

    /// Receives the file, and returns the sink. Each call of `progress` gets the number of bytes.
    pub(crate) fn receive<W: Write>(
        &mut self,
        mut receiver: Receiver<W>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<W, Error> {
        self.run(&mut receiver, progress)?;
        // If no packet was lost before, the last acknowledgement is most likely not lost either.
        let linger = match receiver.has_repeated() {
            true => LINGER,
            false => Duration::ZERO,
        };
        let (sink, mut dally) = receiver.finish(linger, self.now());
        // The file is complete, so errors do not matter any more.
        self.run(&mut dally, &mut |_| ()).ok();
        Ok(sink)
    }

    /// Runs one side to its end. Each call of `progress` gets the number of received or acknowledged
    /// bytes.
    pub(crate) fn run(
        &mut self,
        side: &mut dyn Transfer,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let mut step = match self.first.take() {
            Some(first) => side.on_packet(
                &Packet::parse(&first).map_err(TransferError::from)?,
                self.now(),
            ),
            None => Ok(Step::Continue),
        };
        let mut bytes = 0;
        loop {
            let is_done = step.map_err(|error| self.fail(error))? == Step::Done;
            if bytes != side.bytes() || is_done {
                bytes = side.bytes();
                progress(bytes);
            }
            if is_done {
                return Ok(());
            }
            step = self.step(side)?;
        }
    }

    /// Sends what is due, and waits for one packet.
    fn step(&mut self, side: &mut dyn Transfer) -> Result<Result<Step, TransferError>, Error> {
        loop {
            match side.next_packet(self.now()) {
                Ok(Some(packet)) => self.socket.send(packet, self.server)?,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        if self.wait_for_packet(side.deadline())?
            && let Ok(packet) = Packet::parse(self.socket.received())
        {
            self.silent_at = self.now() + self.timeout;
            let step = side.on_packet(&packet, self.now());
            if !matches!(step, Ok(Step::Continue)) || self.socket.has_more() {
                return Ok(step);
            }
        }
        // Checked after each datagram too: a stream of them must not stop the timers.
        self.check_silence()?;
        Ok(side.on_timeout(self.now()))
    }

    /// Waits for a packet of the server. `false` at the deadline, or when the server counts as gone.
    fn wait_for_packet(&mut self, deadline: Duration) -> Result<bool, Error> {
        let end = self.wait_end(deadline);
        loop {
            match self.socket.receive(end) {
                Ok(Event::Deadline) => return Ok(false),
                Ok(Event::Received(from)) if from == self.server => return Ok(true),
                Ok(Event::Received(from)) => self.refuse(from)?,
                Ok(Event::Undelivered(to, error))
                    if to == self.server && error.kind() == ErrorKind::ConnectionRefused =>
                {
                    return Err(Error::Lost(error));
                }
                Ok(Event::Undelivered(..)) => (), // may pass, or was for a host that was refused
                Err(error) => {
                    let packet = Packet::error(ErrorCode::Undefined, "stopped");
                    self.socket.send(&packet, self.server).ok();
                    return Err(error);
                }
            }
            if end <= Instant::now() {
                return Ok(false);
            }
        }
    }

    /// Answers a packet from another port or host (RFC 1350, section 4), as long as there are few.
    fn refuse(&mut self, from: SocketAddr) -> Result<(), Error> {
        let parsed = Packet::parse(self.socket.received());
        if self.refusals_left == 0 || matches!(parsed, Ok(Packet::Error { .. })) {
            return Ok(());
        }
        self.refusals_left -= 1;
        let packet = Packet::error(ErrorCode::UnknownTransfer, "unknown transfer");
        match self.socket.send(&packet, from) {
            Err(Error::Lost(_)) => Ok(()), // it does not concern the server
            sent => sent,
        }
    }

    /// Sends an error packet, if the server is to know about the error.
    fn fail(&self, error: TransferError) -> Error {
        if let Some((code, message)) = error.reply() {
            let packet = Packet::error(code, message);
            self.socket.send(&packet, self.server).ok(); // `error` is what matters
        }
        error.into()
    }

    /// The time since the transfer began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// When to stop waiting: at the deadline, or when the server counts as gone.
    fn wait_end(&self, deadline: Duration) -> Instant {
        self.began + deadline.min(self.silent_at)
    }

    fn check_silence(&self) -> Result<(), TransferError> {
        if self.now() < self.silent_at {
            return Ok(());
        }
        Err(TransferError::Timeout)
    }
}

const MAX_REFUSALS: u32 = 8;
const LINGER: Duration = Duration::from_secs(1); // for a server that retransmits its last block
