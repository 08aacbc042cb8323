//! Error messages, hints and exit codes of the client.
