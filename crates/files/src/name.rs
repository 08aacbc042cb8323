//! The name of a file below a folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::protocol::quoting::Quoted;

/// A path below a folder, which does not lead up: parts, separated by `/`.
///
/// It is made of any bytes but NUL. That it leads through no link is seen to by the
/// [`Folder`](crate::Folder) that it is asked of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

/// Why bytes are no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is the folder itself, where a file is to be.
    #[error("a file needs a name")]
    Empty,
    /// A part is `..`.
    #[error("a name cannot lead up (..)")]
    Up,
    /// It has a byte 0.
    #[error("a name cannot have the byte 0")]
    Nul,
    /// A part begins with a dot, and such names are not used here.
    #[error("names that begin with a dot are not used here")]
    Hidden,
    /// A part is longer than 255 bytes, or all of it longer than 4095.
    #[error("a name has at most 255 bytes in each part, and 4095 in all")]
    Long,
}

impl Name {
    /// The name of the folder itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a name: `/` in front, empty parts and `.` are left out.
    ///
    /// # Errors
    ///
    /// It leads up, is too long, or has a byte 0.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        if MOST_BYTES < bytes.len() {
            return Err(NameError::Long);
        }
        if bytes.contains(&0) {
            return Err(NameError::Nul);
        }
        let mut name = Self::root();
        for part in bytes.split(|&byte| byte == b'/') {
            match part {
                b"" | b"." => (),
                b".." => return Err(NameError::Up),
                part if MOST_PART_BYTES < part.len() => return Err(NameError::Long),
                part => name.push(part),
            }
        }
        Ok(name)
    }

    fn push(&mut self, part: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(part);
    }

    /// Its bytes, without a leading `/`; none for the folder itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// It as a path below a folder; `.` for the folder itself.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        let bytes: &[u8] = if self.is_root() { b"." } else { &self.0 };
        Path::new(OsStr::from_bytes(bytes))
    }

    /// Whether it is the folder itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some part begins with a dot.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.parts().any(|part| part.starts_with(b"."))
    }

    /// Its parts, from the folder down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.0.split(|&byte| byte == b'/');
        parts.filter(|part| !part.is_empty()) // the one part of the folder itself
    }

    /// The last part, and the name of the folder that it is in; nothing for the folder itself.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|&byte| byte == b'/') {
            None => Some((Self::root(), &self.0)),
            Some(at) => Some((Self(self.0[..at].to_owned()), &self.0[at + 1..])),
        }
    }

    /// The name of what is called `below` in this folder.
    ///
    /// # Errors
    ///
    /// That is no name, or both are too long together.
    pub fn join(&self, below: &[u8]) -> Result<Self, NameError> {
        Self::parse(&[&self.0, &b"/"[..], below].concat())
    }

    /// It as a word of a line; `/` for the folder itself.
    #[must_use]
    pub fn word(&self) -> Quoted<'_> {
        Quoted(if self.is_root() { b"/" } else { &self.0 })
    }
}

const MOST_BYTES: usize = 4095; // the system takes no longer path
const MOST_PART_BYTES: usize = 255; // and no file system a longer name

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, name: Result<&[u8], NameError>) {
        let read = Name::parse(bytes.as_ref());
        assert_eq!(read.as_ref().map(Name::as_bytes), name.as_ref().copied());
    }

    #[test]
    fn names_do_not_lead_up() {
        check("notes.txt", Ok(b"notes.txt"));
        check("/a//b/./c/", Ok(b"a/b/c"));
        for root in ["", "/", ".", "./.", "//"] {
            check(root, Ok(b""));
        }
        for up in ["..", "/..", "a/..", "a/../b", "../../etc/passwd"] {
            check(up, Err(NameError::Up));
        }
        check("a/...", Ok(b"a/..."));
        check("..a", Ok(b"..a"));
        check("a\0b", Err(NameError::Nul));
        check("\0..", Err(NameError::Nul));
        check("x".repeat(255), Ok("x".repeat(255).as_bytes()));
        check("x".repeat(256), Err(NameError::Long));
        let long = "x/".repeat(2047) + "x";
        check(&long, Ok(long.as_bytes()));
        check("x/".repeat(2048), Err(NameError::Long));
        check("/".repeat(4096), Err(NameError::Long));
    }

    #[test]
    fn names_have_parts() {
        let name = Name::parse(b"/a/.b/c").expect("a name");
        let parts: Vec<_> = name.parts().collect();
        assert_eq!(parts, [&b"a"[..], b".b", b"c"]);
        assert!(name.is_hidden());
        let (folder, last) = name.split_last().expect("it has a last part");
        assert_eq!((folder.as_bytes(), last), (&b"a/.b"[..], &b"c"[..]));
        assert_eq!(folder.join(last), Ok(name.clone()));
        assert_eq!(folder.join(b".."), Err(NameError::Up));
        assert_eq!(Name::root().split_last(), None);
        assert_eq!(Name::root().parts().count(), 0);
        assert_eq!(Name::root().word().to_string(), "/");
        assert_eq!(Name::root().as_path(), Path::new("."));
        assert!(!Name::parse(b"a.b/c.").expect("a name").is_hidden());
    }

    proptest! {
        #[test]
        fn a_name_stays_below(bytes: Vec<u8>) {
            if let Ok(name) = Name::parse(&bytes) {
                prop_assert!(name.parts().all(|part| !matches!(part, b"" | b"." | b"..")));
                prop_assert!(!name.as_path().is_absolute());
                prop_assert_eq!(Name::parse(name.as_bytes()), Ok(name.clone()));
            }
        }
    }
}
