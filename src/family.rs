//! The options `-4` and `-6`.

use clap::Args;
use switchboard_core::Family;

// (A doc comment would replace the description of the command.)
#[derive(Args)]
pub(crate) struct FamilyOptions {
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl FamilyOptions {
    /// The only family to use; `None` for both.
    pub(crate) fn only(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }
}
