//! A client of one peer, over a stream or datagrams.

use std::net::UdpSocket;

use socket2::Socket;

use crate::duplex::ending::{DuplexError, Ending};
use crate::duplex::io::{Input, Output, Tap};
use crate::duplex::options::DuplexOptions;
use crate::duplex::{datagram, stream};
use crate::stop::Stop;

/// A connection to the peer, in non-blocking mode.
#[derive(Debug)]
#[non_exhaustive]
pub enum Link {
    /// A stream.
    Stream(Socket),
    /// Datagrams to and from one peer; the socket is connected.
    Datagram(UdpSocket),
    /// Datagrams from any peer; those that are sent go to the last one.
    LastSender(UdpSocket),
}

/// A full-duplex client of one peer.
pub struct Duplex<'a> {
    link: Link,
    input: &'a mut dyn Input,
    output: &'a mut dyn Output,
    taps: Vec<&'a mut dyn Tap>,
    options: DuplexOptions,
    stop: Option<&'a Stop>,
}

impl<'a> Duplex<'a> {
    /// A client that moves bytes between the peer, `input` and `output`.
    pub fn new(
        link: Link,
        input: &'a mut dyn Input,
        output: &'a mut dyn Output,
        options: DuplexOptions,
        stop: Option<&'a Stop>,
    ) -> Self {
        Self {
            link,
            input,
            output,
            taps: Vec::new(),
            options,
            stop,
        }
    }

    /// Copies what is sent and received to `tap`, too.
    #[must_use]
    pub fn tap(mut self, tap: &'a mut dyn Tap) -> Self {
        self.taps.push(tap);
        self
    }

    /// Runs until either side ends it.
    ///
    /// # Errors
    ///
    /// The connection broke, input or output failed, or a signal arrived.
    pub fn run(self) -> Result<Ending, DuplexError> {
        let Self {
            link,
            input,
            output,
            taps,
            options,
            stop,
        } = self;
        match link {
            Link::Stream(socket) => stream::run(&socket, input, output, taps, &options, stop),
            Link::Datagram(socket) | Link::LastSender(socket) => {
                datagram::run(&socket, input, output, taps, &options, stop)
            }
        }
    }
}
