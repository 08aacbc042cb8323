//! What all correspondents of one socket share.

use std::sync::Arc;

use crate::admission::Admission;
use crate::bucket::Bucket;
use crate::dropped::Drops;
use crate::limits::Limits;
use crate::pace::Pace;
use crate::run::Errand;
use crate::service::Service;

/// What it needs to serve any of them.
pub(crate) struct Desk {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) pace: Pace,
    pub(crate) refusals: Bucket,
    pub(crate) drops: Drops,
    pub(crate) errands: Vec<Errand>, // programs that are to run
    pub(crate) stopping: bool,
}
