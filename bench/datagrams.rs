//! Datagrams per second of UDP echo servers.
//!
//! One client keeps 64 datagrams of 32 bytes in flight: each answer triggers the next one, and a
//! datagram without an answer counts as lost after a timeout and is replaced too.
//!
//! The client must not be the bottleneck. This one, with one socket and batched system calls, loads
//! the C server most: one datagram per call, or two threads with a socket each, reached up to a
//! quarter less. The last column shows it: a server below 100 % waits for its client or for the
//! processor.
//!
//! `target/release/datagrams [MILLISECONDS [ROUNDS]]`

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};
use switchboard_bench::{Column, Server, Window, compare, numbers, udp_echo_servers};

fn main() -> io::Result<()> {
    let [milliseconds, rounds] = numbers([500, 15])?;
    let time = Duration::from_millis(milliseconds);
    println!("{OUTSTANDING} datagrams of {BYTES} bytes outstanding, {rounds} rounds of {time:?}");
    let columns = ["datagrams/s", "lost", "server busy, %"].map(|head| Column { head, digits: 0 });
    compare(udp_echo_servers()?, rounds, columns, |server| {
        measure(server, time)
    });
    Ok(())
}

fn measure(server: &Server, time: Duration) -> io::Result<[f64; 3]> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(LOST_AFTER))?;
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
        let overdue = window.overdue(LOST_AFTER, now);
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

/// The socket and the buffers for batched system calls.
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

    /// Sends a datagram for each serial number, which is at its start.
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

    /// Waits for datagrams and returns their serial numbers; empty after the read timeout.
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
                _ => Err(io::Error::other("the echo differs from what was sent")),
            })
            .collect()
    }
}

const OUTSTANDING: usize = 64;
const BYTES: usize = 32;

/// Much longer than an answer takes, and much shorter than a round.
const LOST_AFTER: Duration = Duration::from_millis(50);
