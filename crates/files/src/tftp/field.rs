//! Strings in packets, which end with NUL.

/// The string that `bytes` begin with, and the rest; `None` without a NUL.
pub(super) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Appends a string up to its first NUL, and a NUL.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(split(bytes).map_or(bytes, |(string, _)| string));
    out.push(0);
}
