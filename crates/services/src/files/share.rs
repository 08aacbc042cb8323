//! What the sessions of a shared folder have in common.

use switchboard_files::{Folder, Rules};

#[derive(Clone)]
pub(super) struct Share {
    pub(super) folder: Folder,
    pub(super) uploads: Option<Rules>,       // `None`: read-only
    pub(super) min_upload_rate: Option<u64>, // bytes per second
}
