//! The client in exercises of network programming.
