//! `get`, `put` and `list`: the clients of the `files` service.

mod get;
mod list;
mod names;
mod options;
mod put;
mod report;

pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use options::{GET_HELP, GetOptions, LIST_HELP, ListOptions, PUT_HELP, PutOptions};
pub(crate) use put::put;
