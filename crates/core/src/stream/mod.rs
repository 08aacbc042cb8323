pub(crate) mod task;
