//! Names of files: on the server, and of the targets here and there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use switchboard_client::Error;
use switchboard_core::Sanitized;
use switchboard_files::{Name, Source};

use crate::error::Failure;

/// Parses a name of a file on the server.
pub(super) fn name(text: &OsStr) -> Result<Name, Failure> {
    let bytes = text.as_bytes();
    Name::parse(bytes).map_err(|error| Failure::Usage(format!("'{}': {error}", Sanitized(bytes))))
}

/// The last part of a name; the root has none, and is returned as it is.
pub(super) fn last_part(name: &Name) -> Name {
    let last = name.split_last().map(|(_, last)| Name::parse(last));
    last.and_then(Result::ok).unwrap_or_default()
}

/// The last part of a local path; empty for a path such as `.`, whose content goes into the folder
/// itself.
pub(super) fn file_name(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStrExt::as_bytes)
}

/// Opens a local file that is sent.
pub(super) fn open(path: &Path) -> Result<Source, Error> {
    Source::open(path).map_err(|cause| Error::Local {
        file: path.to_owned(),
        cause,
    })
}

/// Checks that no two of these pairs of a source and its target write to the same target. An empty
/// target is the folder itself, which contains the targets of all other sources.
pub(super) fn check_targets<'a>(
    pairs: impl IntoIterator<Item = (&'a OsStr, Vec<u8>)>,
) -> Result<(), Failure> {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let mut sources = HashMap::new();
    for (source, target) in &pairs {
        let shown = Sanitized(source.as_bytes());
        if target.is_empty() && 1 < pairs.len() {
            return Err(Failure::Usage(format!(
                "'{shown}' includes everything: give it alone"
            )));
        }
        if let Some(earlier) = sources.insert(target, source) {
            let (earlier, target) = (Sanitized(earlier.as_bytes()), Sanitized(target));
            return Err(Failure::Usage(format!(
                "'{earlier}' and '{shown}' have the same target, '{target}'"
            )));
        }
    }
    Ok(())
}
