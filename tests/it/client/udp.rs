//! The full-duplex client over UDP.
