//! Files and folders of this machine.

pub(crate) mod atomic_file;
pub(crate) mod folder;
pub(crate) mod listing;
mod reservation;
mod resolve;
pub(crate) mod rules;
pub(crate) mod source;
mod temporary;
mod usage;
