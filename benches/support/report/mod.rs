//! What the commands print: Markdown tables, and plots.

mod plot;
mod table;

pub use plot::{Axes, Line, plot};
pub use table::{Table, thousands};
