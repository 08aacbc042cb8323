//! Clients: connecting, the full-duplex client, the files protocol, and TFTP.

mod cause;
mod connect;
mod duplex;
mod files;
mod stop;
mod wait;

pub use cause::Cause;
pub use connect::{
    AttemptError, ConnectError, ConnectEvent, ConnectOptions, Connection, Connector, Endpoint,
    LookUpError, Source,
};
pub use duplex::{
    Closer, Duplex, DuplexError, DuplexOptions, Ending, EofPolicy, Input, Link, Output,
    PeerEofPolicy, Tap,
};
pub use files::{
    Client, Destination, Error, Found, LocalWalk, Outcome, Progress, RemoteWalk, Target,
    TftpClient, TftpOptions,
};
pub use stop::{Stop, Stopped};
