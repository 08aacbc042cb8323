//! Many clients that read everything, in one thread.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::Server;

/// Clients of one server, with the number of lines each has read.
#[derive(Debug)]
pub struct Readers {
    epoll: Epoll,
    readers: Vec<(TcpStream, usize)>,
    buffer: Vec<u8>,
    timestamps: Vec<(Instant, u64)>, // the time of reading, and the timestamp in the line
}

impl Readers {
    /// Connects `count` clients.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn connect(server: &Server, count: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut readers = Vec::new();
        for number in 0..count {
            let mut reader = server.connect()?;
            server.send_opening(&mut reader, number)?;
            reader.set_nonblocking(true)?;
            epoll.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            readers.push((reader, 0));
        }
        Ok(Self {
            epoll,
            readers,
            buffer: vec![0; 256 * 1024],
            timestamps: Vec::new(),
        })
    }

    /// Waits for input, then reads once from each client that has some. Returns whether there was
    /// any.
    ///
    /// # Errors
    ///
    /// The server closed a connection, or another I/O error.
    pub fn read(&mut self, timeout: Duration) -> io::Result<bool> {
        let mut events = [EpollEvent::empty(); 64];
        let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::MAX);
        let count = match self.epoll.wait(&mut events, timeout) {
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
                    let timestamps = memchr::memchr_iter(b'@', bytes).filter_map(|at| {
                        let digits = bytes.get(at + 1..at + 21)?; // one split between two reads is skipped
                        str::from_utf8(digits).ok()?.parse().ok()
                    });
                    let now = Instant::now();
                    self.timestamps
                        .extend(timestamps.map(|timestamp| (now, timestamp)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(error) => return Err(error),
            }
        }
        Ok(0 < count)
    }

    /// The latencies of the lines read since the last call. Such a line contains the time of
    /// sending, in nanoseconds since `start`: twenty digits after an `@`.
    pub fn latencies(&mut self, start: Instant) -> Vec<Duration> {
        let timestamps = self.timestamps.drain(..);
        let late = timestamps
            .map(|(read, sent)| (read - start).saturating_sub(Duration::from_nanos(sent)));
        late.collect()
    }

    /// The lines that all clients have read together.
    pub fn lines(&self) -> usize {
        self.readers.iter().map(|(_, lines)| lines).sum()
    }

    /// The lines of the client that has read fewest.
    pub fn min_lines(&self) -> usize {
        let lines = self.readers.iter().map(|&(_, lines)| lines);
        lines.min().unwrap_or(0)
    }
}
