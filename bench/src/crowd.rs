//! Many clients that read all that comes, in one thread.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::Server;

/// Clients of one server, and how many lines each has read.
#[derive(Debug)]
pub struct Crowd {
    epoll: Epoll,
    readers: Vec<(TcpStream, usize)>,
    buffer: Vec<u8>,
    marks: Vec<(Instant, u64)>, // when it was read, and what it says
}

impl Crowd {
    /// So many clients connect.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn come(server: &Server, count: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut readers = Vec::new();
        for number in 0..count {
            let mut reader = server.connect()?;
            server.greet(&mut reader, number)?;
            reader.set_nonblocking(true)?;
            epoll.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            readers.push((reader, 0));
        }
        Ok(Self {
            epoll,
            readers,
            buffer: vec![0; 256 * 1024],
            marks: Vec::new(),
        })
    }

    /// Waits until there is something to be read, and reads once from each who has something;
    /// whether anybody had.
    ///
    /// # Errors
    ///
    /// The server has closed a connection, or the system cannot wait.
    pub fn read(&mut self, patience: Duration) -> io::Result<bool> {
        let mut events = [EpollEvent::empty(); 64];
        let patience = EpollTimeout::try_from(patience).unwrap_or(EpollTimeout::MAX);
        let count = match self.epoll.wait(&mut events, patience) {
            Err(Errno::EINTR) => 0,
            done => done?,
        };
        for event in &events[..count] {
            let (reader, lines) = &mut self.readers[event.data() as usize];
            match reader.read(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let bytes = &self.buffer[..count];
                    *lines += memchr::memchr_iter(b'\n', bytes).count();
                    let marks = memchr::memchr_iter(b'@', bytes).filter_map(|at| {
                        let digits = bytes.get(at + 1..at + 21)?; // split by chance, it is not missed
                        str::from_utf8(digits).ok()?.parse().ok()
                    });
                    let now = Instant::now();
                    self.marks.extend(marks.map(|mark| (now, mark)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(error) => return Err(error),
            }
        }
        Ok(0 < count)
    }

    /// How late lines were read since this was last asked: those that say at which nanosecond after
    /// `start` they were sent, in twenty digits after an `@`.
    pub fn marks(&mut self, start: Instant) -> Vec<Duration> {
        let marks = self.marks.drain(..);
        let late =
            marks.map(|(read, sent)| (read - start).saturating_sub(Duration::from_nanos(sent)));
        late.collect()
    }

    /// The lines that all of them have read, together.
    pub fn lines(&self) -> usize {
        self.readers.iter().map(|(_, lines)| lines).sum()
    }

    /// The lines that the one has read who has read fewest.
    pub fn least(&self) -> usize {
        let lines = self.readers.iter().map(|&(_, lines)| lines);
        lines.min().unwrap_or(0)
    }
}
