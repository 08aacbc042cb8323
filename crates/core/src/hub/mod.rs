pub(crate) mod codec;
pub(crate) mod hub;
pub(crate) mod member;
pub(crate) mod membership;
pub(crate) mod message;
pub(crate) mod room;
pub(crate) mod telling;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod types;
