//! The conversations, one file each, and the table that names them.

mod chargen;
mod chat;
mod daytime;
mod discard;
mod display;
mod duel;
mod echo;
mod eliza;
mod exec;
mod file;
mod files;
mod forward;
mod receive;
mod receive_buffer;
mod registry;
mod stop_words;
#[cfg(test)]
mod talk;
pub mod units;
mod uppercase;
mod utc;

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

pub use chargen::Chargen;
pub use chat::Chat;
pub use daytime::Daytime;
pub use discard::Discard;
pub use display::Display;
pub use duel::Duel;
pub use echo::Echo;
pub use eliza::{Eliza, NoScript, Options as ElizaOptions, Telling, find_script, read_script};
pub use exec::Exec;
pub use file::OneFile;
pub use files::Files;
pub use forward::Forward;
pub use receive::Receive;
pub use registry::{Services, Unusable};
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
    services.add_with("echo", "Sends every byte back (RFC 862)", |echo: Echo| {
        Ok::<_, Infallible>(echo) // its options are all it is
    });
    services.add("uppercase", "Sends everything back in upper case", || {
        Uppercase
    });
    services.add_with(
        "display",
        "Prints what arrives, with the peer in front",
        Display::from_options,
    );
    services.add(
        "discard",
        "Takes everything and says nothing (RFC 863)",
        || Discard,
    );
    services.add("daytime", "Tells the time and closes (RFC 867)", || {
        Daytime::new(SystemTime::now)
    });
    services.add("chargen", "Sends lines without end (RFC 864)", || Chargen);
    services.add_with(
        "forward",
        "Passes on what one client sends to another, or to all",
        Forward::from_options,
    );
    services.add_with(
        "chat",
        "People meet in rooms, and hear each other",
        Chat::from_options,
    );
    services.add_with(
        "duel",
        "Connect Four for two, while the others watch",
        Duel::from_options,
    );
    services.add_with(
        "files",
        "Shows a folder, and takes files if it is told to",
        Files::from_options,
    );
    services.add_with(
        "exec",
        "Runs a program for each peer, which talks to it by itself",
        Exec::from_options,
    );
    services.add_with(
        "file",
        "Sends one file to whoever connects, and closes",
        OneFile::from_options,
    );
    services.add_with(
        "receive",
        "Makes a file of what one client sends: whole or not at all",
        Receive::from_options,
    );
    services
}

/// How long it is since it was asked for the first time, in this process or the one that it is a copy
/// of.
fn uptime() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}
