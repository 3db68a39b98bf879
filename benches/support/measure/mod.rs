//! What the kernel says of processes, and what becomes of several rounds of numbers.

mod memory;
mod process;
mod spread;

pub use memory::{Slabs, TcpMemory};
pub use process::{cpu, descendants, resident};
pub use spread::{Spread, slope};
