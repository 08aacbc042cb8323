pub(crate) mod codec;
pub(crate) mod hub;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod room;
#[cfg(test)]
mod tests;
pub(crate) mod types;
