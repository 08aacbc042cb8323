//! A client on a UDP socket.

use std::net::UdpSocket;

use super::server::Server;
use super::wait::DEADLINE;

/// A UDP socket connected to a server. Every receive fails after [`DEADLINE`].
pub(crate) struct UdpClient(pub(crate) UdpSocket);

impl UdpClient {
    /// From a new port of 127.0.0.1 to the UDP address of `server`.
    pub(crate) fn connect(server: &Server) -> Self {
        Self::connect_from("127.0.0.1:0", "127.0.0.1", server.udp_address().port())
    }

    pub(crate) fn connect_from(own: &str, host: &str, port: u16) -> Self {
        let socket = UdpSocket::bind(own).expect("the port is free");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
        socket.connect((host, port)).expect("the address is valid");
        Self(socket)
    }

    #[track_caller]
    pub(crate) fn send(&self, datagram: impl AsRef<[u8]>) {
        self.0.send(datagram.as_ref()).expect("it can be sent");
    }

    /// The next datagram.
    #[track_caller]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 65_535];
        let count = self.0.recv(&mut bytes).expect("the server answers");
        bytes.truncate(count);
        bytes
    }

    /// The next datagram, as text.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Sends a datagram and returns the next one.
    #[track_caller]
    pub(crate) fn ask(&self, datagram: impl AsRef<[u8]>) -> String {
        self.send(datagram);
        self.text()
    }

    /// The datagrams that have arrived. Call it when the server sends no more.
    pub(crate) fn rest(&self) -> Vec<Vec<u8>> {
        received_so_far(&self.0)
    }
}

/// The datagrams in the receive buffer of a socket.
pub(crate) fn received_so_far(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).expect("it is a socket");
    let mut bytes = vec![0; 65_535];
    let next = || {
        let count = socket.recv(&mut bytes).ok()?;
        Some(bytes[..count].to_vec())
    };
    let received = std::iter::from_fn(next).collect();
    socket.set_nonblocking(false).expect("it is a socket");
    received
}
