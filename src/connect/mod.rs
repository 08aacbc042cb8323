//! `connect`: a client for any server, in a terminal or in a pipe.

mod options;
mod pipe;

use switchboard_client::{ConnectEvent, Connector, Duplex, Error, Link, Stop};
use switchboard_core::ListenAddr;

use crate::error::{Failure, transfer_code};
use crate::log;
use pipe::{Stdin, Stdout};

pub(crate) use options::{HELP, Options};

pub(crate) fn run(options: &Options, verbose: bool) -> Result<(), Failure> {
    let stop = Stop::on_signals().map_err(Failure::Input)?;
    let address = options.address()?;
    let mut connector = Connector::new(options.connect_options(), Some(&stop)).observe(
        |event: ConnectEvent<'_>| {
            if verbose {
                log::write(format!("{event}\n").as_bytes());
            }
        },
    );
    let connection = connector.connect(&address).map_err(Error::from);
    let connection = connection.map_err(|error| match error {
        Error::Stopped(_) => Failure::Reported(transfer_code(&error)), // the user knows it
        error => Failure::Transfer(error),
    })?;
    let link = match address {
        ListenAddr::Udp(_) => Link::Datagram(connection.socket),
        _ => Link::Stream(connection.socket),
    };
    let mut input = Stdin::new();
    let mut output = Stdout::new();
    let duplex = Duplex::new(
        link,
        &mut input,
        &mut output,
        options.duplex_options(),
        Some(&stop),
    );
    let ending = duplex.run().map_err(Failure::Duplex)?;
    if verbose {
        eprintln!(
            "{:?} closed; {} bytes sent, {} received",
            ending.closer, ending.sent, ending.received
        );
    }
    Ok(())
}
