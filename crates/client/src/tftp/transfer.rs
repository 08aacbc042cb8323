//! One transfer with one server.

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use switchboard_files::tftp::{
    ErrorCode, Packet, Receiver, Request, Requester, Sender, Step, TransferError,
};

use crate::tftp::TftpError;
use crate::tftp::socket::{Arrived, Socket};

/// A socket for one transfer, and who is at the other end.
pub(super) struct ClientTransfer<'a> {
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
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError>;
    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError>;
    fn deadline(&self) -> Duration;
    fn bytes(&self) -> u64;
    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError>;
}

impl<'a> ClientTransfer<'a> {
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
    ) -> Result<(Self, Requester), TftpError> {
        let mut transfer = Self {
            socket: Socket::new(server, stop).map_err(TftpError::Unreachable)?,
            server,
            began: Instant::now(),
            patience,
            silent_at: patience,
            first: Vec::new(),
            bytes: 0,
        };
        let mut requester = Requester::new(request, transfer.now());
        loop {
            while let Some(packet) = requester.next_packet(transfer.now()) {
                transfer.socket.send(packet, server)?;
            }
            let from = match transfer
                .socket
                .receive(transfer.until(requester.deadline()))?
            {
                Arrived::Nothing => {
                    transfer.check_silence()?;
                    requester.on_timeout(transfer.now())?;
                    continue;
                }
                Arrived::Undelivered(to, error) if to == server => {
                    return Err(TftpError::Unreachable(error));
                }
                Arrived::From(from) if from.ip() == server.ip() => from,
                Arrived::From(_) | Arrived::Undelivered(..) => continue,
            };
            let Ok(packet) = Packet::parse(transfer.socket.received()) else {
                continue;
            };
            let step = requester.on_packet(&packet, transfer.now());
            transfer.server = from;
            transfer.silent_at = transfer.now() + patience;
            step.map_err(|failure| transfer.failed(failure))?;
            transfer.first = transfer.socket.received().to_vec();
            return Ok((transfer, requester));
        }
    }

    /// Receives the file, and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// Not all of it came.
    pub(super) fn receive<W: Write>(
        &mut self,
        mut receiver: Receiver<W>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<W, TftpError> {
        let first = mem::take(&mut self.first);
        let packet = Packet::parse(&first).map_err(TransferError::from)?;
        let step = receiver.on_packet(&packet, self.now());
        self.follow(&mut receiver, step, progress)?;
        // Where nothing was lost, the last answer will not be lost.
        let linger = match receiver.has_repeated() {
            true => LINGER,
            false => Duration::ZERO,
        };
        let (sink, mut dally) = receiver.finish(linger, self.now());
        loop {
            while let Some(packet) = dally.next_packet() {
                self.socket.send(packet, self.server).ok();
            }
            // All is here, whatever else goes wrong.
            if linger.is_zero() || !self.hear(dally.deadline()).unwrap_or(false) {
                return Ok(sink);
            }
            if let Ok(packet) = Packet::parse(self.socket.received()) {
                dally.on_packet(&packet);
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
        mut sender: Sender<R>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TftpError> {
        self.follow(&mut sender, Ok(Step::Continue), progress)
    }

    /// Goes on after that, until all of the file is there.
    fn follow(
        &mut self,
        transfer: &mut dyn Transfer,
        mut step: Result<Step, TransferError>,
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
    fn step(
        &mut self,
        transfer: &mut dyn Transfer,
    ) -> Result<Result<Step, TransferError>, TftpError> {
        loop {
            match transfer.next_packet(self.now()) {
                Ok(Some(packet)) => self.socket.send(packet, self.server)?,
                Ok(None) => break,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if !self.hear(transfer.deadline())? {
            self.check_silence()?;
            return Ok(transfer.on_timeout(self.now()));
        }
        self.silent_at = self.now() + self.patience;
        Ok(match Packet::parse(self.socket.received()) {
            Ok(packet) => transfer.on_packet(&packet, self.now()),
            Err(_) => Ok(Step::Continue),
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
                    let words = Packet::error(ErrorCode::Undefined, "stopped");
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
        let packet = Packet::error(ErrorCode::UnknownTransfer, words);
        self.socket.send(&packet, from)
    }

    /// Tells the server about it, as far as it has to know.
    fn failed(&self, failure: TransferError) -> TftpError {
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

    fn check_silence(&self) -> Result<(), TransferError> {
        if self.now() < self.silent_at {
            return Ok(());
        }
        Err(TransferError::Timeout)
    }
}

impl<R: Read> Transfer for Sender<R> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        Self::on_packet(self, packet, now)
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        Self::on_timeout(self, now)
    }

    fn deadline(&self) -> Duration {
        Self::deadline(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError> {
        Ok(Self::next_packet(self, now)?)
    }
}

impl<W: Write> Transfer for Receiver<W> {
    fn on_packet(&mut self, packet: &Packet<'_>, now: Duration) -> Result<Step, TransferError> {
        Self::on_packet(self, packet, now)
    }

    fn on_timeout(&mut self, now: Duration) -> Result<Step, TransferError> {
        Self::on_timeout(self, now)
    }

    fn deadline(&self) -> Duration {
        Self::deadline(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn next_packet(&mut self, now: Duration) -> Result<Option<&[u8]>, TransferError> {
        Ok(Self::next_packet(self, now))
    }
}

const LINGER: Duration = Duration::from_secs(1); // for a server that asks again, but no longer
