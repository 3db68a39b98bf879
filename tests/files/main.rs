//! A directory, served by the built server: what its files cost, and what happens while they change.

mod changing;
mod cost;
mod counting;
mod listing;
mod names;
