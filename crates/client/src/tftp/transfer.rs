//! One transfer with one server.

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use switchboard_files::tftp::{Asking, Code, Failure, Packet, Receiving, Request, Sending, Step};

use crate::tftp::TftpError;
use crate::tftp::socket::{Arrived, Socket};

/// A socket for one transfer, and who is at the other end.
pub(super) struct Line<'a> {
    socket: Socket<'a>,
    server: SocketAddr, // with the port of the transfer, once that is known
    began: Instant,
    patience: Duration,
    silent_at: Duration, // if nothing comes from the server until then
    first: Vec<u8>,      // what answered the request
    bytes: u64,
}

/// Either side of a transfer.
trait Transfer {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, Failure>;
    fn on_time(&mut self, now: Duration) -> Result<Step, Failure>;
    fn deadline(&self) -> Duration;
    fn bytes(&self) -> u64;
    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, Failure>;
}

impl<'a> Line<'a> {
    /// Asks the server at this address, until it has answered. It is not to be silent for longer than
    /// `patience`, from now on.
    ///
    /// # Errors
    ///
    /// It cannot be reached, does not answer or refuses.
    pub(super) fn ask(
        server: SocketAddr,
        request: &Request<'_>,
        patience: Duration,
        stop: Option<BorrowedFd<'a>>,
    ) -> Result<(Self, Asking), TftpError> {
        let mut line = Self {
            socket: Socket::new(server, stop).map_err(TftpError::Unreachable)?,
            server,
            began: Instant::now(),
            patience,
            silent_at: patience,
            first: Vec::new(),
            bytes: 0,
        };
        let mut asking = Asking::new(request, line.now());
        loop {
            while let Some(packet) = asking.next_packet(line.now()) {
                line.socket.send(packet, server)?;
            }
            let from = match line.socket.receive(line.until(asking.deadline()))? {
                Arrived::Nothing => {
                    line.check_silence()?;
                    asking.on_time(line.now())?;
                    continue;
                }
                Arrived::Undelivered(to, error) if to == server => {
                    return Err(TftpError::Unreachable(error));
                }
                Arrived::From(from) if from.ip() == server.ip() => from,
                Arrived::From(_) | Arrived::Undelivered(..) => continue,
            };
            let Ok(packet) = Packet::parse(line.socket.received()) else {
                continue;
            };
            let step = asking.on_packet(&packet, line.now());
            line.server = from;
            line.silent_at = line.now() + patience;
            step.map_err(|failure| line.failed(failure))?;
            line.first = line.socket.received().to_vec();
            return Ok((line, asking));
        }
    }

    /// Receives the file, and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// Not all of it came.
    pub(super) fn receive<W: Write>(
        &mut self,
        mut receiving: Receiving<W>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<W, TftpError> {
        let first = mem::take(&mut self.first);
        let packet = Packet::parse(&first).map_err(Failure::from)?;
        let step = receiving.on_packet(&packet, self.now());
        self.follow(&mut receiving, step, progress)?;
        // Where nothing was lost, the last answer will not be lost.
        let linger = match receiving.has_repeated() {
            true => LINGER,
            false => Duration::ZERO,
        };
        let (sink, mut lingering) = receiving.finish(linger, self.now());
        loop {
            while let Some(packet) = lingering.next_packet() {
                self.socket.send(packet, self.server).ok();
            }
            // All is here, whatever else goes wrong.
            if linger.is_zero() || !self.hear(lingering.deadline()).unwrap_or(false) {
                return Ok(sink);
            }
            if let Ok(packet) = Packet::parse(self.socket.received()) {
                lingering.on_packet(&packet);
            }
        }
    }

    /// Sends the file.
    ///
    /// # Errors
    ///
    /// It was not acknowledged to the end.
    pub(super) fn send<R: Read>(
        &mut self,
        mut sending: Sending<R>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TftpError> {
        self.follow(&mut sending, Ok(Step::Going), progress)
    }

    /// Goes on after that, until all of the file is there.
    fn follow(
        &mut self,
        transfer: &mut dyn Transfer,
        mut step: Result<Step, Failure>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TftpError> {
        loop {
            let done = step.map_err(|failure| self.failed(failure))? == Step::Done;
            if self.bytes != transfer.bytes() || done {
                self.bytes = transfer.bytes();
                progress(self.bytes);
            }
            if done {
                return Ok(());
            }
            step = self.step(transfer).map_err(|error| match error {
                TftpError::Unreachable(cause) => TftpError::Lost(cause), // it was there
                error => error,
            })?;
        }
    }

    /// Says what there is to say, and waits for one answer.
    fn step(&mut self, transfer: &mut dyn Transfer) -> Result<Result<Step, Failure>, TftpError> {
        loop {
            match transfer.next_packet(self.now()) {
                Ok(Some(packet)) => self.socket.send(packet, self.server)?,
                Ok(None) => break,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if !self.hear(transfer.deadline())? {
            self.check_silence()?;
            return Ok(transfer.on_time(self.now()));
        }
        self.silent_at = self.now() + self.patience;
        Ok(match Packet::parse(self.socket.received()) {
            Ok(packet) => transfer.on_packet(&packet, self.now()),
            Err(_) => Ok(Step::Going),
        })
    }

    /// Waits until the server says something, or the time has come: that, or the end of patience.
    /// Whether it did.
    fn hear(&mut self, deadline: Duration) -> Result<bool, TftpError> {
        loop {
            match self.socket.receive(self.until(deadline)) {
                Ok(Arrived::Nothing) => return Ok(false),
                Ok(Arrived::From(from)) if from == self.server => return Ok(true),
                Ok(Arrived::From(from)) => self.refuse(from)?,
                Ok(Arrived::Undelivered(to, error))
                    if to == self.server && error.kind() == ErrorKind::ConnectionRefused =>
                {
                    return Err(TftpError::Unreachable(error));
                }
                Ok(Arrived::Undelivered(..)) => (), // may pass, or was to somebody who was refused
                Err(error) => {
                    let words = Packet::error(Code::Undefined, "stopped");
                    self.socket.send(&words, self.server).ok();
                    return Err(error);
                }
            }
        }
    }

    /// Tells somebody else that this is not the transfer that was meant.
    fn refuse(&self, from: SocketAddr) -> Result<(), TftpError> {
        if let Ok(Packet::Error { .. }) = Packet::parse(self.socket.received()) {
            return Ok(());
        }
        let words = "there is no such transfer";
        let packet = Packet::error(Code::UnknownTransfer, words);
        self.socket.send(&packet, from)
    }

    /// Tells the server about it, as far as it has to know.
    fn failed(&self, failure: Failure) -> TftpError {
        if let Some(packet) = failure.answer() {
            self.socket.send(&packet, self.server).ok(); // the failure is worse
        }
        failure.into()
    }

    /// How long it is since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The end of a wait that is to end at this time, if patience does not end before.
    fn until(&self, time: Duration) -> Instant {
        self.began + time.min(self.silent_at)
    }

    fn check_silence(&self) -> Result<(), Failure> {
        if self.now() < self.silent_at {
            return Ok(());
        }
        Err(Failure::Silent)
    }
}

impl<R: Read> Transfer for Sending<R> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, Failure> {
        Self::on_packet(self, packet, now)
    }

    fn on_time(&mut self, now: Duration) -> Result<Step, Failure> {
        Self::on_time(self, now)
    }

    fn deadline(&self) -> Duration {
        Self::deadline(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, Failure> {
        Ok(Self::next_packet(self, now)?)
    }
}

impl<W: Write> Transfer for Receiving<W> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, Failure> {
        Self::on_packet(self, packet, now)
    }

    fn on_time(&mut self, now: Duration) -> Result<Step, Failure> {
        Self::on_time(self, now)
    }

    fn deadline(&self) -> Duration {
        Self::deadline(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, Failure> {
        Ok(Self::next_packet(self, now))
    }
}

const LINGER: Duration = Duration::from_secs(1); // for a server that asks again, but no longer
