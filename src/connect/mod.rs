//! `connect`: a client for any server, on a terminal or in a pipe.

mod address;
mod hints;
mod nc;
mod options;
mod pipe;
mod report;
mod terminal;

use std::io::{self, IsTerminal};
use std::net::UdpSocket;

use switchboard_client::{Connector, Duplex, Error, Input, Link, Output, Stop};
use switchboard_core::ListenAddr;

use crate::error::{Failure, transfer_code};
use hints::Hints;
use pipe::{Stdin, Stdout};
use report::Report;

pub(crate) use nc::tip as tip_for_nc;
pub(crate) use options::{HELP, Options};

/// Connects, and moves bytes in both directions until either side ends the connection.
pub(crate) fn run(options: &Options, verbose: bool, quiet: bool) -> Result<(), Failure> {
    let address = options.address()?;
    let report = Report { verbose, quiet };
    let stop = Stop::on_signals().map_err(Failure::Input)?;
    let mut connector = Connector::new(options.connect_options(), Some(&stop))
        .observe(|event| report.verbose(&event.to_string()));
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
        (stdin(), Box::new(terminal::display()))
    } else {
        (stdin(), Box::new(Stdout::new()))
    };
    let mut hints = Hints::default();
    let duplex = Duplex::new(link, &mut *input, &mut *output, duplex_options, Some(&stop));
    let result = duplex.tap(&mut hints).run();
    drop((input, output)); // they restore the terminal
    report.ended(&result, &hints);
    let hint = hints.hint(&result);
    match (result, hint) {
        (Ok(_), Some(hint)) => report.hint(hint),
        (Ok(_), None) => (),
        (Err(error), hint) => return Err(Failure::from_duplex(error, hint)),
    }
    Ok(())
}
