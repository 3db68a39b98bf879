//! Performance as a property: what is counted here does not differ from run to run, so it can gate. Each figure is the
//! difference between N and 2N requests, or connections, so that starting and stopping cost nothing in it.

mod memory;
mod outside;
