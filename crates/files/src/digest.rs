//! The identity of a file's content: its length and SHA-256.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use base16ct::HexDisplay;
use sha2::{Digest as _, Sha256};

use crate::error::FileError;

/// A SHA-256, displayed as 64 lower-case hexadecimal digits and parsed in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// Length and digest of a file; displayed as both, separated by a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// In bytes.
    pub length: u64,
    /// Of all these bytes.
    pub sha256: Digest,
}

/// The text is not a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Content::of(bytes).sha256
    }
}

impl Content {
    /// Length and digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.content()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", HexDisplay(&self.0))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.length, self.sha256)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(digits: &str) -> Result<Self, ParseDigestError> {
        let mut digest = [0; 32];
        match base16ct::mixed::decode(digits, &mut digest) {
            Ok(_) if digits.len() == 64 => Ok(Self(digest)),
            _ => Err(ParseDigestError),
        }
    }
}

/// Computes length and digest of bytes as they arrive.
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    sha256: Sha256,
    length: u64,
}

impl Hasher {
    /// Appends `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Length and digest of all bytes up to now.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            length: self.length,
            sha256: Digest(self.sha256.clone().finalize().into()),
        }
    }

    /// Appends bytes of `file`, from the current length on: about `max_bytes`, and none behind `end`.
    /// Returns the content once its length is `end`. The position of the file does not matter.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is shorter than `end`.
    pub fn read_file(
        &mut self,
        file: &File,
        end: u64,
        max_bytes: u64,
    ) -> Result<Option<Content>, FileError> {
        let goal = end.min(self.length.saturating_add(max_bytes.max(1)));
        let mut buffer = vec![0; BUFFER_BYTES];
        while self.length < goal {
            let wanted = usize::try_from(goal - self.length).unwrap_or(usize::MAX);
            let wanted = &mut buffer[..wanted.min(BUFFER_BYTES)];
            match file.read_at(wanted, self.length) {
                Ok(0) => {
                    return Err(FileError::ended(file, self.length, end));
                }
                Ok(count) => self.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((self.length == end).then(|| self.content()))
    }
}

const BUFFER_BYTES: usize = 64 * 1024; // larger ones are mapped anew for each call

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_hexadecimal() {
        assert_eq!(Digest::of(b"").to_string(), OF_NOTHING);
        let capitals = OF_NOTHING.to_uppercase();
        assert_eq!(capitals.parse(), Ok(Digest::of(b"")));
        for wrong in ["", "e3", &OF_NOTHING[1..], &capitals.replace('E', "+")] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError), "{wrong}");
        }
        let too_long = format!("{OF_NOTHING}00");
        assert_eq!(too_long.parse::<Digest>(), Err(ParseDigestError));
    }

    #[test]
    fn a_file_is_hashed_in_steps() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&content).expect("the disk has room");
        for (length, most) in [
            (0, 1),
            (1, 0),
            (5, 2),
            (300_000, 7_000),
            (299_999, u64::MAX),
        ] {
            let mut hasher = Hasher::default();
            let hashed = loop {
                let hashed = hasher.read_file(&file, length, most);
                if let Some(hashed) = hashed.expect("the file is long enough") {
                    break hashed;
                }
            };
            let length = usize::try_from(length).expect("small");
            assert_eq!(hashed, Content::of(&content[..length]));
        }
        let hashed = Hasher::default().read_file(&file, 300_001, u64::MAX);
        let problem = hashed.expect_err("the file is shorter");
        assert!(matches!(
            problem,
            FileError::Short {
                length: 300_000,
                ..
            }
        ));
    }

    proptest! {
        #[test]
        fn a_displayed_digest_parses(bytes: [u8; 32]) {
            prop_assert_eq!(Digest(bytes).to_string().parse(), Ok(Digest(bytes)));
        }
    }
}
