//! Chapters on what an event loop has to know. Each can be read alone; `sources`, `dup` and `out_of_fds` concern every program.

#[doc = include_str!("guide/edge.md")]
pub mod edge {}

#[doc = include_str!("guide/dup.md")]
pub mod dup {}

#[doc = include_str!("guide/fork.md")]
pub mod fork {}

#[doc = include_str!("guide/sources.md")]
pub mod sources {}

#[doc = include_str!("guide/other_libraries.md")]
pub mod other_libraries {}

#[doc = include_str!("guide/regular_files.md")]
pub mod regular_files {}

#[doc = include_str!("guide/signals_and_children.md")]
pub mod signals_and_children {}

#[doc = include_str!("guide/out_of_fds.md")]
pub mod out_of_fds {}

#[doc = include_str!("guide/threads.md")]
pub mod threads {}

#[doc = include_str!("guide/sharing_listeners.md")]
pub mod sharing_listeners {}

#[doc = include_str!("guide/coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("../docs/behaviour.md")]
pub mod behaviour {}
