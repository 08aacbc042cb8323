//! Files that are on their way into a folder, and have no name yet.

use std::fs;
use std::path::Path;

use crate::support::server::{Server, until};

/// Waits until the server's drafts in this folder are as wanted, which is told how many bytes each
/// has, in order.
pub(crate) fn until_drafts(server: &Server, folder: &Path, are: impl Fn(&[u64]) -> bool) {
    until("files to be on their way", || {
        are(&lengths(server, folder)).then_some(())
    });
}

fn lengths(server: &Server, folder: &Path) -> Vec<u64> {
    let processes = server.children().into_iter().map(|(pid, _)| pid);
    let open = processes.chain([server.pid()]).flat_map(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        files.into_iter().flatten().flatten()
    });
    let drafts = open.filter(|file| {
        let path = fs::read_link(file.path()).unwrap_or_default();
        path.starts_with(folder) && path.to_string_lossy().ends_with("(deleted)")
    });
    // Through the descriptor, since there is no name.
    let lengths = drafts.filter_map(|file| fs::metadata(file.path()).ok().map(|about| about.len()));
    let mut lengths: Vec<u64> = lengths.collect();
    lengths.sort_unstable();
    lengths
}
