//! Files on their way: folders that nobody leaves, files that are whole or not there, and what is
//! said about them. No sockets here.
