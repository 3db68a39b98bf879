//! The response side: decisions in, bytes out.

pub(crate) mod body;
pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod prepared;
mod status;
