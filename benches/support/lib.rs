//! What benches and comparisons share: contestants behind one trait, counting by callgrind, a load generator, other servers
//! to put under the same load, and what is read from the kernel meanwhile.

pub mod count;
pub mod deadlines;
pub mod load;
pub mod measure;
pub mod parts;
pub mod readiness;
pub mod report;
pub mod servers;
