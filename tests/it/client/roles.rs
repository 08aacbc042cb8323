//! The client of a forwarding server.
