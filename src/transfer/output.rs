//! What `-o` names, where that is not a file that could be made.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Standard output for `-`; what is there already and is neither a file nor a folder, such as a
/// device or a pipe, for its own name.
///
/// # Errors
///
/// It cannot be written to.
pub(super) fn output(path: &Path) -> io::Result<Option<Box<dyn Write>>> {
    if is_standard(path) {
        return Ok(Some(Box::new(io::stdout())));
    }
    let kind = fs::metadata(path).map(|there| there.file_type());
    match kind {
        Ok(kind) if !kind.is_file() && !kind.is_dir() => {
            Ok(Some(Box::new(File::options().write(true).open(path)?)))
        }
        _ => Ok(None),
    }
}

/// Whether standard output is meant.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}
