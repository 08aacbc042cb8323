//! What all correspondents of one socket share.

use std::collections::HashMap;
use std::sync::Arc;

use crate::admission::Admission;
use crate::bucket::Bucket;
use crate::correspondent::Pair;
use crate::dropped::Drops;
use crate::hub::Request;
use crate::limits::Limits;
use crate::pace::Pace;
use crate::run::Errand;
use crate::service::Service;

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
        if !self.service.needs().rooms {
            return None;
        }
        self.met = self.met.wrapping_add(1);
        self.members.insert(self.met, pair);
        Some(self.met)
    }
}
