//! Placeholder.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use socket2::Socket;

use crate::limits::Limits;
use crate::service::Service;
use crate::state::State;
use crate::task::{Task, Watched};

pub(crate) struct Datagrams;

impl Datagrams {
    pub(crate) fn new(
        _: Socket,
        _: &[u16],
        _: Arc<dyn Service>,
        _: &Limits,
        _: State,
    ) -> io::Result<Self> {
        Err(io::Error::other("not yet"))
    }
}

impl Task for Datagrams {
    fn watched(&self) -> Watched<'_> {
        [None; 3]
    }
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn attend(&mut self, _: usize, _: bool, _: &mut [u8], _: Instant) {}
    fn tick(&mut self, _: Instant) {}
    fn stop(&mut self, _: Instant) {}
    fn fail(&mut self, _: io::Error) {}
    fn is_over(&self) -> bool {
        true
    }
    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        None
    }
}
