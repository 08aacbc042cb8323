pub(crate) mod alarm;
pub(crate) mod poll;
pub(crate) mod reactor;
pub(crate) mod run_one;
pub(crate) mod signals;
pub(crate) mod source;
pub(crate) mod times;
pub(crate) mod waker;
