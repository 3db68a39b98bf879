//! `kqueue(2)` and `kevent(2)` for Linux.
