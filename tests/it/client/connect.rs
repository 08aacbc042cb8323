//! Names, addresses and attempts of the client.
