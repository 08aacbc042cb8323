//! Caps, rate limits and counters.

pub(crate) mod admission;
pub(crate) mod deadlines;
pub(crate) mod host_rate;
pub(crate) mod host_table;
pub(crate) mod limits;
pub(crate) mod stats;
pub(crate) mod token_bucket;
