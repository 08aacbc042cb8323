//! What a transfer reports, while it runs and when it has succeeded.

use switchboard_files::{Content, Digest};

/// The result of a successful transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The length of the file.
    pub bytes: u64,
    /// Its digest, if both sides were compared.
    pub sha256: Option<Digest>,
    /// How many bytes of an earlier transfer were reused.
    pub resumed_from: Option<u64>,
    /// Whether the file was there already, so that nothing was transferred.
    pub already_there: bool,
}

impl From<Content> for Outcome {
    /// The whole content was transferred.
    fn from(content: Content) -> Self {
        Self {
            bytes: content.length,
            sha256: Some(content.sha256),
            ..Self::default()
        }
    }
}

/// Receives reports during transfers.
pub trait Progress {
    /// The next file begins.
    fn file_started(&mut self, name: &[u8]);
    /// Its content begins to move, at this offset; `length` is that of the whole file, if known.
    fn transfer_started(&mut self, offset: u64, length: Option<u64>);
    /// Its content has been transferred up to this offset.
    fn advanced(&mut self, offset: u64);
    /// A message for people, safe to print on a terminal.
    fn note(&mut self, message: &str);
}
