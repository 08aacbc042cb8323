//! `connect`: a client for any server, on a terminal or in a pipe.

mod options;
mod pipe;
mod report;
mod screen;
mod terminal;

use std::io::{self, IsTerminal};
use std::net::UdpSocket;

use switchboard_client::{Connector, Duplex, Error, Input, Link, Output, Stop};
use switchboard_core::ListenAddr;

use crate::error::{Failure, transfer_code};
use pipe::{Stdin, Stdout};
use report::Report;
use screen::Screen;

pub(crate) use options::{HELP, Options};

/// Connects, and moves bytes in both directions until either side ends the connection.
pub(crate) fn run(options: &Options, verbose: bool) -> Result<(), Failure> {
    let address = options.address()?;
    let report = Report { verbose };
    let stop = Stop::on_signals().map_err(Failure::Input)?;
    let mut connector = Connector::new(options.connect_options(), Some(&stop))
        .observe(|event| report.print(&event.to_string()));
    let connection = connector.connect(&address).map_err(Error::from);
    let connection = connection.map_err(|error| match error {
        Error::Stopped(_) => Failure::Reported(transfer_code(&error)), // the user knows it
        error => Failure::Transfer(error),
    })?;
    let (link, duplex_options) = match address {
        ListenAddr::Udp(_) => {
            let socket = UdpSocket::from(connection.socket);
            (Link::Datagram(socket), options.for_datagrams())
        }
        _ => (Link::Stream(connection.socket), options.for_streams()),
    };
    let stdin = || Box::new(Stdin::new(io::stdin().is_terminal()));
    let (mut input, mut output): (Box<dyn Input>, Box<dyn Output>) = if options.raw {
        (stdin(), Box::new(Stdout::new()))
    } else if terminal::is_possible() {
        let (keyboard, display) = terminal::open().map_err(Failure::Input)?;
        (Box::new(keyboard), Box::new(display))
    } else if io::stdout().is_terminal() {
        (stdin(), Box::new(Screen::new()))
    } else {
        (stdin(), Box::new(Stdout::new()))
    };
    let duplex = Duplex::new(link, &mut *input, &mut *output, duplex_options, Some(&stop));
    let ending = duplex.run().map_err(Failure::from)?;
    report.ended(&ending);
    Ok(())
}
