//! The line between a service and everybody else, for one call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::session::close_reason::CloseReason;
use crate::session::service::Error;

/// Calls into a service, whose failures and panics end one conversation and no more.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, CloseReason> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done.map_err(CloseReason::Failed),
        Err(panic) => Err(CloseReason::Panicked(words_of(&*panic))),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|&words| words.to_owned());
    fixed
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".to_owned())
}
