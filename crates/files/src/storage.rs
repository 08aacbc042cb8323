//! Files and folders of this machine.

pub(crate) mod atomic_file;
pub(crate) mod folder;
mod quota;
mod resolve;
pub(crate) mod source;
mod temporary;
