//! The other end of file transfer: connects, and gets, puts and lists files.
