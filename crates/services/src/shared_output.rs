//! Standard output of the server, where several sessions print.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A writer that the sessions of a process share.
#[derive(Clone)]
pub(crate) struct SharedOutput(Arc<Mutex<dyn Write + Send>>);

impl SharedOutput {
    pub(crate) fn stdout() -> Self {
        Self(Arc::new(Mutex::new(io::stdout())))
    }

    /// A writer into memory, and that memory.
    #[cfg(test)]
    pub(crate) fn memory() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let memory = Arc::new(Mutex::new(Vec::new()));
        (Self(Arc::clone(&memory) as _), memory)
    }

    /// Prints these bytes in one write, since other processes print to the same file. Pipes keep writes
    /// of up to 4 KiB (`PIPE_BUF`) apart, files and terminals keep all.
    pub(crate) fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(bytes)?;
        output.flush()
    }
}
