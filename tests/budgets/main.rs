//! Performance as a property: what is counted here does not differ from run to run, so it can gate. Starting and
//! stopping cost nothing in it: a figure is the difference between N and 2N requests, or connections, or what lies
//! between the first and the last answer.

mod memory;
mod outside;
