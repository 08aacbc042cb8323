//! Hex dumps, recordings and replays.
