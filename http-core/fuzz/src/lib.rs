//! The targets and oracles of `tests/`, built once for all fuzz targets.

#[path = "../../tests/oracle/mod.rs"]
pub mod oracle;
#[path = "../../tests/support/mod.rs"]
pub mod support;
#[path = "../../tests/targets/mod.rs"]
pub mod targets;
