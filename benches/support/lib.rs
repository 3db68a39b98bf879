//! What benches and counted comparisons share: contestants behind one trait, and counting by callgrind.

pub mod count;
pub mod deadlines;
pub mod readiness;
