//! The services that come with the program, and the table that names them.

mod chargen;
mod chat;
mod connect_four;
mod daytime;
mod discard;
mod display;
mod echo;
mod eliza;
mod exec;
mod file_problem;
mod files;
mod forward;
mod input_options;
mod receive_file;
mod registry;
mod send_file;
mod shared_output;
#[cfg(test)]
mod testing;
pub mod units;
mod uppercase;

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

pub use chargen::Chargen;
pub use chat::Chat;
pub use connect_four::ConnectFour;
pub use daytime::Daytime;
pub use discard::Discard;
pub use display::Display;
pub use echo::Echo;
pub use eliza::{
    Eliza, LoadScriptError, Options as ElizaOptions, ReplyFormat, find_script, read_script,
};
pub use exec::Exec;
pub use files::Files;
pub use forward::Forward;
pub use receive_file::ReceiveFile;
pub use registry::{InvalidOptions, Services};
pub use send_file::SendFile;
pub use uppercase::Uppercase;

/// Every service that comes with the program.
#[must_use]
pub fn all() -> Services {
    let mut services = Services::default();
    services.add_with(
        "eliza",
        "Your virtual friend: asks how you feel, and answers",
        Eliza::from_options,
    );
    services.add_with(
        "echo",
        "Sends every byte back (RFC 862)",
        Ok::<Echo, Infallible>,
    );
    services.add("uppercase", "Sends text back in upper case", || Uppercase);
    services.add_with(
        "display",
        "Prints what arrives, after the address of its peer",
        Display::from_options,
    );
    services.add(
        "discard",
        "Receives everything and sends nothing (RFC 863)",
        || Discard,
    );
    services.add(
        "daytime",
        "Sends the date and the time, and closes (RFC 867)",
        || Daytime::new(SystemTime::now),
    );
    services.add("chargen", "Sends lines without end (RFC 864)", || Chargen);
    services.add_with(
        "forward",
        "Forwards what one client sends to another one, or to all",
        Forward::from_options,
    );
    services.add_with(
        "chat",
        "Chat rooms for people, each with a name",
        Chat::from_options,
    );
    services.add_with(
        "connect-four",
        "Connect Four for two players; later clients watch",
        Ok::<ConnectFour, Infallible>,
    );
    services.add_with(
        "files",
        "Shares a folder; receives files with --writable",
        Files::from_options,
    );
    services.add_with(
        "exec",
        "Runs a program for each client, connected to it",
        Exec::from_options,
    );
    services.add_with(
        "send-file",
        "Sends one file to every client, and closes",
        SendFile::from_options,
    );
    services.add_with(
        "receive-file",
        "Saves what one client sends as a file, if complete",
        ReceiveFile::from_options,
    );
    services
}

/// The time since the first call, in this process or the one that it was forked from.
fn uptime() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
