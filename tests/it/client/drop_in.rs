//! The client in place of nc, in scripts.
