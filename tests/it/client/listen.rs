//! The client that waits for a peer.
