pub(crate) mod acceptor;
pub(crate) mod backlog;
pub(crate) mod model;
pub(crate) mod rejects;
pub(crate) mod waiting;
pub(crate) mod worker;
