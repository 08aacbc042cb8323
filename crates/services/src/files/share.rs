//! What the sessions of a shared folder have in common.

use switchboard_files::{Folder, Rules};

/// The folder, and what peers may do with it.
#[derive(Clone)]
pub(super) struct Share {
    pub(super) folder: Folder,
    pub(super) writable: bool,
    pub(super) rules: Rules,
}
