//! Readiness for event loops: epoll and kqueue behind one contract that reports *accept*, *readable* and *writable*.
//!
//! ```no_run
//! use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
//! use std::{collections::HashMap, io, io::Read, net::TcpListener, thread, time::Duration};
//! fn main() -> io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7000")?;
//!     listener.set_nonblocking(true)?;
//!     let (poller, mut events) = (Poller::new()?, Events::with_capacity(64));
//!     poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;
//!     let (mut clients, mut incoming) = (HashMap::new(), listener.incoming().zip((1..).map(Token::new)));
//!     loop {
//!         poller.wait(&mut events, None)?;
//!         for event in &events {
//!             if event.is_acceptable() && let Some((Ok(stream), token)) = incoming.next() {
//!                 stream.set_nonblocking(true)?;
//!                 poller.add(&stream, token, Interest::READABLE, Trigger::Level)?;
//!                 clients.insert(token, stream);
//!             } else if event.is_acceptable() {
//!                 thread::sleep(Duration::from_millis(1)); // out of fds, or client has gone
//!             } else if let Some(client) = clients.get_mut(&event.token())
//!                 && let Ok(0) = client.read(&mut [0; 4096]) {
//!                 poller.remove(&*client).ok(); // always before the close
//!                 clients.remove(&event.token());
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! This reads what comes and closes when the client does. A read that fails needs no code of its own: `WouldBlock` means
//! "not now", and an error comes once, with the end behind it. An error of `remove` is left out because it must not end the
//! other clients. Without the pause a process that is out of fds would spin, for
//! a listener whose connection cannot be taken stays ready. The example `echo_level` answers, too, and pauses nobody:
//! `cargo run -p multiplex --example echo_level`. The examples are written for edition 2024 (`if … && let …`).
//!
//! Several threads may wait on one poller, change registrations while others wait, and wake each other. Nothing is allocated
//! after the buffer of events was made. Each operation is one system call; for epoll, to add what is registered already, or to
//! modify what is not, takes a second one, and for a kqueue both take an fstat(2) as well. Sources are anything that is `AsFd`: the
//! types of std, of other crates, or a borrowed number. The poller keeps no table of them; the kernel's is the only one.
//!
//! | | epoll | kqueue |
//! | --- | --- | --- |
//! | systems | Linux, Android | macOS, iOS, FreeBSD, NetBSD, OpenBSD, DragonFly |
//! | what is proven, and how | Linux: the whole contract runs. Android: type-checked | type-checked for each. The contract ran once by hand on FreeBSD 15.1 and OpenBSD 7.3, before some later changes; the same code runs it on Linux over an emulation |
//! | [`Trigger`]s | `Level`, `Edge`, `OneShot` | the same |
//! | a source that is readable and writable | one event | two events, perhaps in two waits |
//! | [one-shot](Trigger::OneShot) for both directions | an event disarms both | an event disarms its own direction |
//! | [`Event::backlog`] | never | for listeners |
//! | [`Fanout::Exclusive`] | since Linux 4.5 | becomes `Shared` |
//! | writing to a pipe whose reader has gone | an event | an event, or `BrokenPipe` from [`add`](Poller::add) |
//! | regular files, directories, /dev/null | `Unsupported` | the same |
//! | timeouts | nanoseconds on 64-bit Linux since 5.11, else milliseconds, rounded up | nanoseconds |
//! | a [`Waker`] is | an eventfd | EVFILT_USER, or a pipe where the kernel has none |
//!
//! The [`guide`] has the rest that an event loop should know: what to mind with [single kinds of sources](guide::sources) and
//! with [another library's fds](guide::other_libraries), tables for those who [come from](guide::coming_from) mio, polling or
//! libevent, and [one](guide::behaviour), made by a test, of what each backend reports. [`timers`] are the other half of a loop.
//! The examples in the repository are whole programs: echo servers with level and edge triggers, many threads on one poller,
//! shared listeners, a proxy, wakers with a queue; the ways to use several threads were [measured](guide::threads).
//!
//! # Set from outside
//!
//! Two cfgs, by `RUSTFLAGS`:
//!
//! - `--cfg multiplex_libc`. On x86-64 Linux, changes and waits make their system call themselves, which is cheaper than to call
//!   libc. A tool that watches libc's functions does not see them then: ThreadSanitizer misses what they order, to
//!   MemorySanitizer events look uninitialised, a preloaded library is passed by, and a wait is no point where
//!   pthread_cancel(3) ends a thread. This makes each of them a call of libc, and rounds waits up to milliseconds.
//! - `--cfg multiplex_kqueue -L native=DIR -l NAME` builds the kqueue backend on Linux, over a library that provides the C
//!   functions `kqueue` and `kevent`: an emulation, for tests. Its `struct kevent` is that of FreeBSD 11 on 64 bits, which
//!   has 32 bytes, and its constants are FreeBSD's (EVFILT_USER is -11).
//!
//! # Left out
//!
//! Windows, urgent data (epoll's EPOLLPRI: it is never asked for), other filters of kqueue (files, processes, signals), and
//! anything that transfers bytes. Two threads that change the same source at the same time get one registration or the other
//! from epoll, perhaps a mixture from kqueue.

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
