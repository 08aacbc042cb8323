//! What all correspondents of one socket share.

use std::collections::HashMap;
use std::sync::Arc;

use crate::exec::one_shot::Errand;
use crate::hub::message::Request;
use crate::limits::admission::Admission;
use crate::limits::host_rate::Pace;
use crate::limits::limits::Limits;
use crate::limits::token_bucket::Bucket;
use crate::session::service::Service;
use crate::udp::dropped::Drops;
use crate::udp::peer::Pair;

/// What it needs to serve any of them.
pub(crate) struct Desk {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    pub(crate) place: usize, // where the server listens
    pub(crate) admission: Admission,
    pub(crate) pace: Pace,
    pub(crate) refusals: Bucket,
    pub(crate) drops: Drops,
    pub(crate) errands: Vec<Errand>, // programs that are to run
    pub(crate) members: HashMap<u32, Pair>, // of rooms, by their numbers
    pub(crate) met: u32,
    pub(crate) asked: Vec<(u32, Request)>, // of the hub
    pub(crate) stopping: bool,
}

impl Desk {
    /// The number of one more member, where the service has rooms.
    pub(super) fn meet(&mut self, pair: Pair) -> Option<u32> {
        self.service.rooms()?;
        self.met = self.met.wrapping_add(1);
        self.members.insert(self.met, pair);
        Some(self.met)
    }
}
