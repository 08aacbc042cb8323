pub(crate) mod hub_process;
pub(crate) mod in_process;
pub(crate) mod link;
pub(crate) mod socket;
