//! Readiness for event loops: epoll and kqueue behind one contract that reports *accept*, *readable* and *writable*.
//!
//! ```no_run
//! use std::collections::HashMap;
//! use std::io::{Read, Write};
//! use std::net::TcpListener;
//!
//! use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
//!
//! fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7000")?;
//!     listener.set_nonblocking(true)?;
//!     let poller = Poller::new()?;
//!     poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;
//!     let (mut clients, mut events, mut buffer) = (HashMap::new(), Events::with_capacity(64), [0; 1024]);
//!     for next in 1.. {
//!         poller.wait(&mut events, None)?;
//!         for event in &events {
//!             if event.is_acceptable() && let Ok((stream, _)) = listener.accept() {
//!                 stream.set_nonblocking(true)?;
//!                 poller.add(&stream, Token::new(next), Interest::READABLE, Trigger::Level)?;
//!                 clients.insert(Token::new(next), stream);
//!             } else if let Some(stream) = clients.get_mut(&event.token()) {
//!                 let count = stream.read(&mut buffer).unwrap_or(0);
//!                 if count == 0 || stream.write_all(&buffer[..count]).is_err() {
//!                     poller.remove(&*stream)?;
//!                     clients.remove(&event.token());
//!                 }
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Several threads may wait on one poller, change registrations while others wait, and wake each other; nothing is allocated
//! after the buffer of events was made, and each operation is one system call. Sources are anything that is `AsFd`: the types of
//! std, of other crates, or a borrowed number. The poller keeps no table of them; the kernel's is the only one.
//!
//! | | epoll | kqueue |
//! | --- | --- | --- |
//! | systems | Linux, Android | macOS, iOS, FreeBSD, NetBSD, OpenBSD, DragonFly |
//! | what is proven, and how | Linux: the whole contract runs. Android: type-checked | type-checked for each; the same code runs the whole contract on Linux over an emulation that is stricter than any of these systems |
//! | [`Trigger`]s | `Level`, `Edge`, `OneShot` | the same |
//! | a source that is readable and writable | one event | two events, perhaps in two waits |
//! | [one-shot](Trigger::OneShot) for both directions | an event disarms both | an event disarms its own direction |
//! | [`Event::backlog`] | never | for listeners |
//! | [`Fanout::Exclusive`] | since Linux 4.5 | becomes `Shared` |
//! | a pipe whose reader has gone | an event | an event, or `BrokenPipe` from [`add`](Poller::add) |
//! | regular files | `Unsupported` | `Unsupported` where the kernel refuses them |
//! | timeouts | nanoseconds since Linux 5.11, else milliseconds, rounded up | nanoseconds |
//! | a [`Waker`] is | an eventfd | EVFILT_USER, or a pipe where the kernel has none |
//!
//! The rest of what an event loop should know stands in the [`guide`], with tables for those who come from mio, polling or
//! libevent, and with [one](guide::behaviour), made by a test, of what each backend reports. [`timers`] are the other half of a
//! loop. The examples in the repository are whole programs: echo servers with level and edge triggers, many threads on one poller,
//! shared listeners, a proxy, wakers with a queue; the ways to use several threads were [measured](guide::threads).
//!
//! # Set from outside
//!
//! On x86-64 Linux, changes and waits make their system call themselves, which is cheaper than to call libc. A tool that watches
//! libc's functions, such as ThreadSanitizer or a preloaded library, does not see them then; `RUSTFLAGS="--cfg multiplex_libc"`
//! shows it every call.
//!
//! # What is not here
//!
//! Windows, other filters of kqueue (files, processes, signals), and anything that transfers bytes. Two threads that change the
//! same source at the same time get one registration or the other from epoll, perhaps a mixture from kqueue.

mod event;
pub mod guide;
mod interest;
mod poller;
mod sys;
pub mod timers;
mod token;
mod waker;

pub use event::{Event, Events, Iter};
pub use interest::{Fanout, Interest, Trigger};
pub use poller::Poller;
pub use token::Token;
pub use waker::Waker;
