//! The lines of the files protocol, as `docs/src/reference/files-protocol.md` defines them.

pub(crate) mod attributes;
pub(crate) mod entry;
pub(crate) mod quoting;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod status;
