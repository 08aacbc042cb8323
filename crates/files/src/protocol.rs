//! The lines of the files protocol: requests, responses and what they consist of.

pub(crate) mod entry;
pub(crate) mod quoting;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod status;
