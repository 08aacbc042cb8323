//! The full-duplex client over TCP and Unix sockets, in a pipe.
