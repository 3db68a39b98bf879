//! The contract of multiplex: each test is one behaviour that every backend has, and its name says which.
//!
//! Only the public API is used, so the same files run on every backend; where a kernel may choose, the tests allow what the
//! documentation allows. `tests/kqueue-on-linux` runs them on the kqueue backend.

mod support;

#[path = "contract/bad_input.rs"]
mod bad_input;
#[path = "contract/closing.rs"]
mod closing;
#[path = "contract/edge.rs"]
mod edge;
#[path = "contract/events.rs"]
mod events;
#[path = "contract/fork.rs"]
mod fork;
#[path = "contract/level.rs"]
mod level;
#[path = "contract/listener.rs"]
mod listener;
#[path = "contract/one_shot.rs"]
mod one_shot;
#[path = "contract/pipes.rs"]
mod pipes;
#[path = "contract/registration.rs"]
mod registration;
#[path = "contract/room.rs"]
mod room;
#[path = "contract/sharing.rs"]
mod sharing;
#[path = "contract/strict.rs"]
mod strict;
#[path = "contract/time.rs"]
mod time;
#[path = "contract/wakers.rs"]
mod wakers;
