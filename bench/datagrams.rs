//! Datagrams that UDP echo servers answer in a second, side by side.
//!
//! One client keeps 64 datagrams of 32 bytes outstanding: each answer is followed by the next one,
//! and what is not answered within a while is given up and followed likewise.
//!
//! The client must not be what is measured. This one, a socket and many datagrams at a call,
//! drives the server in C the hardest: with one datagram at a call, or two threads and a socket
//! each, up to a quarter less came out of it. The last column tells: a server that is not busy all
//! the time waits for its client, or the machine has other things to do.
//!
//! `target/release/datagrams [MILLISECONDS [ROUNDS]]`

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};
use switchboard_bench::{Column, Server, Window, compare, numbers, over_udp};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([500, 15])?;
    let time = Duration::from_millis(milliseconds);
    println!("{OUTSTANDING} datagrams of {BYTES} bytes outstanding, {rounds} rounds of {time:?}");
    let columns = ["datagrams/s", "lost", "server busy, %"].map(|head| Column { head, digits: 0 });
    compare(over_udp()?, rounds, columns, |server| measure(server, time));
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 3]> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(GIVEN_UP))?;
    let mut client = Client::new(socket);
    let used = server.used()?;
    let start = Instant::now();
    let mut now = start;
    let mut window = Window::<OUTSTANDING>::new(now);
    let mut due = window.serials().to_vec();
    let (mut answered, mut lost) = (0, 0);
    while now < start + time {
        client.send(&due)?;
        let answers = client.receive()?;
        now = Instant::now();
        due = answers
            .into_iter()
            .filter_map(|serial| window.answered(serial, now))
            .collect();
        answered += due.len();
        let overdue = window.overdue(GIVEN_UP, now);
        lost += overdue.len();
        due.extend(overdue);
    }
    if answered == 0 {
        return Err(io::Error::other("no answer"));
    }
    let busy = (server.used()? - used).as_secs_f64() * 100.0;
    let [rate, busy] = [answered as f64, busy].map(|sum| sum / (now - start).as_secs_f64());
    Ok([rate, lost as f64, busy])
}

/// The socket, and what calls for many datagrams at once need.
struct Client {
    socket: UdpSocket,
    sending: MultiHeaders<()>,
    receiving: MultiHeaders<()>,
    buffers: [[u8; BYTES]; OUTSTANDING],
}

impl Client {
    fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            sending: MultiHeaders::preallocate(OUTSTANDING, None),
            receiving: MultiHeaders::preallocate(OUTSTANDING, None),
            buffers: [[0; BYTES]; OUTSTANDING],
        }
    }

    /// Sends a datagram for each serial number, which it begins with.
    fn send(&mut self, serials: &[u64]) -> io::Result<()> {
        let datagrams: Vec<[u8; BYTES]> = serials
            .iter()
            .map(|serial| {
                let mut datagram = [b'.'; BYTES];
                datagram[..8].copy_from_slice(&serial.to_le_bytes());
                datagram
            })
            .collect();
        let mut slices: Vec<[IoSlice; 1]> = datagrams.iter().map(|d| [IoSlice::new(d)]).collect();
        while !slices.is_empty() {
            let sent = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.sending,
                &slices,
                [None; OUTSTANDING],
                [],
                MsgFlags::empty(),
            )?
            .count();
            slices.drain(..sent);
        }
        Ok(())
    }

    /// The serial numbers of what has come, at least one; none after a while without any.
    fn receive(&mut self) -> io::Result<Vec<u64>> {
        let mut slices: Vec<[IoSliceMut; 1]> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let received = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.receiving,
            &mut slices,
            MsgFlags::MSG_WAITFORONE,
            None,
        );
        let lengths: Vec<usize> = match received {
            Ok(messages) => messages.map(|message| message.bytes).collect(),
            Err(Errno::EAGAIN) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let arrived = self.buffers.iter().zip(lengths);
        arrived
            .map(|(buffer, length)| match buffer.first_chunk() {
                Some(serial) if length == BYTES => Ok(u64::from_le_bytes(*serial)),
                _ => Err(io::Error::other("the echo is not what was said")),
            })
            .collect()
    }
}

const OUTSTANDING: usize = 64;
const BYTES: usize = 32;

/// Far longer than an answer takes, and short beside a round.
const GIVEN_UP: Duration = Duration::from_millis(50);
