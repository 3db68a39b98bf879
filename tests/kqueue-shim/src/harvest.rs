//! Taking events out of the sources.

use crate::{
    abi::*,
    ffi::Record,
    inner::Filter,
    knote::{Knote, MODE},
    mode::Kernel,
    queue::{Errno, State},
};

/// READ, WRITE, and what waits in user space.
const SOURCES: usize = 3;

impl State {
    /// At most `room` events. Each harvest that finds some starts with another source, so none starves.
    pub(crate) fn harvest(&mut self, room: usize) -> Result<Vec<Kevent>, Errno> {
        let mut events = Vec::new();
        self.queued = false;
        for step in 0..SOURCES {
            let left = room - events.len();
            if left == 0 {
                break;
            }
            match (self.turn + step) % SOURCES {
                0 => self.harvest_filter(Filter::Read, left, &mut events)?,
                1 => self.harvest_filter(Filter::Write, left, &mut events)?,
                _ => self.harvest_user_space(left, &mut events)?,
            }
        }
        self.disturb(&mut events)?;
        for (generation, event) in &events {
            self.delivered(*generation, event)?;
        }
        if !events.is_empty() {
            self.turn += 1;
        }
        self.queued = events.iter().any(|(generation, _)| self.is_level(*generation));
        self.raise_or_lower()?;
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    fn harvest_filter(
        &mut self,
        filter: Filter,
        room: usize,
        events: &mut Vec<(u64, Kevent)>,
    ) -> Result<(), Errno> {
        let mut dead = false;
        for record in self.inner(filter).ready(room)? {
            let generation = record.generation;
            let Some(knote) = self.knotes.get(generation) else {
                // A dup keeps the registration of a number that was closed and added anew.
                dead = true;
                continue;
            };
            if !self.inner(filter).holds(knote.fd) {
                dead = true;
                self.forget(generation)?;
                continue;
            }
            // The stray HUP of a disabled knote; or an event that was put off is in the answer already.
            if knote.disabled || knote.silent || events.iter().any(|(other, _)| *other == generation) {
                continue;
            }
            let (was_fresh, is_fresh) = (knote.fresh, knote.is_fresh(record.bits));
            if was_fresh != is_fresh {
                self.freshen(generation, is_fresh)?;
            }
            let Some(knote) = self.knotes.get(generation).filter(|_| !is_fresh) else {
                continue;
            };
            if self.kernel != Kernel::FreeBsd && knote.is_cut_off(record.bits) {
                self.silence(generation)?;
                continue;
            }
            events.push((generation, knote.event(record.bits, self.kernel)));
        }
        if dead { self.rebuild(filter) } else { Ok(()) }
    }

    /// `pipe_destroy` of NetBSD and OpenBSD wakes the writer before it cuts it off: the filter finds the pipe full, and is never
    /// asked again.
    fn silence(&mut self, generation: u64) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get_mut(generation) else {
            return Ok(());
        };
        knote.silent = true;
        let (filter, fd, bits) = (knote.filter, knote.fd, knote.bits());
        self.inner(filter).modify(fd, bits, generation)
    }

    /// No BSD reports a TCP socket that was never connected. epoll says once more that it hung up, as an edge, and then when that
    /// changes.
    fn freshen(&mut self, generation: u64, fresh: bool) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get_mut(generation) else {
            return Ok(());
        };
        let before = knote.bits();
        knote.fresh = fresh;
        let (filter, fd, bits) = (knote.filter, knote.fd, knote.bits());
        if bits == before {
            // An edge in any case, and a change would be another one.
            return Ok(());
        }
        self.inner(filter).modify(fd, bits, generation)
    }

    /// What a report does to its knote.
    fn delivered(&mut self, generation: u64, event: &Kevent) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get_mut(generation) else {
            return Ok(());
        };
        if event.flags & EV_ONESHOT != 0 {
            let (filter, fd) = (knote.filter, knote.fd);
            // The descriptor may have been closed by another thread since the record was taken.
            let _ = self.inner(filter).remove(fd);
            return self.forget(generation);
        }
        if knote.flags & EV_DISPATCH != 0 {
            knote.disabled = true;
        }
        Ok(())
    }

    fn harvest_user_space(&mut self, room: usize, events: &mut Vec<(u64, Kevent)>) -> Result<(), Errno> {
        let mut left = room;
        while left > 0 && !self.deferred.is_empty() {
            let Record { generation, bits } = self.deferred.remove(0);
            let Some(knote) = self.knotes.get(generation) else {
                continue;
            };
            if !self.inner(knote.filter).holds(knote.fd) {
                self.forget(generation)?;
            } else if events.iter().all(|(other, _)| *other != generation) {
                events.push((generation, knote.event(bits, self.kernel)));
                left -= 1;
            }
        }
        events.extend(self.users.harvest(left).into_iter().map(|event| (0, event)));
        Ok(())
    }

    /// Starts the filter's epoll anew with the knotes that live.
    fn rebuild(&mut self, filter: Filter) -> Result<(), Errno> {
        match filter {
            Filter::Read => self.read.replace()?,
            Filter::Write => self.write.replace()?,
        }
        let mut gone = Vec::new();
        let watched = |(_, knote): &(u64, &Knote)| knote.filter == filter && !knote.silent;
        for (generation, knote) in self.knotes.iter().filter(watched) {
            if self
                .inner(filter)
                .add(knote.fd, knote.bits(), generation)
                .is_err()
            {
                gone.push(generation);
            }
        }
        gone.into_iter()
            .try_for_each(|generation| self.forget(generation))
    }

    fn is_level(&self, generation: u64) -> bool {
        self.knotes
            .get(generation)
            .is_some_and(|knote| knote.flags & MODE == 0)
    }

    /// Makes the queue readable exactly while something waits in user space.
    pub(crate) fn raise_or_lower(&mut self) -> Result<(), Errno> {
        let pending = self.users.pending() || self.queued || !self.deferred.is_empty();
        self.signal.set(pending)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{SocketAddr, TcpListener},
        os::unix::net::UnixStream,
    };

    use socket2::{Domain, Socket, Type};

    use crate::{
        abi::*,
        queue::testing::{AT_ONCE, change, queue, user},
    };

    #[test]
    fn a_tcp_socket_is_silent_until_it_is_connected_and_then_as_any_other() {
        for mode in [0, EV_CLEAR, EV_DISPATCH] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
            let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().expect("bound").port()));
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
            let queue = queue(None);
            let add = change(&socket, EVFILT_WRITE, EV_ADD | mode);
            queue.call(&[add], 0, None).expect("an open descriptor");
            let reports = || queue.call(&[], 4, AT_ONCE).expect("no error").len();
            assert_eq!([reports(), reports(), reports()], [0, 0, 0], "mode {mode:#x}");
            socket.connect(&address.into()).expect("it listens");
            let level = usize::from(mode == 0);
            assert_eq!(
                [reports(), reports(), reports()],
                [1, level, level],
                "mode {mode:#x}"
            );
        }
    }

    #[test]
    fn no_filter_starves_beside_others_that_stay_ready() {
        let (a, mut b) = UnixStream::pair().expect("socketpair");
        b.write_all(b"x").expect("room");
        let queue = queue(None);
        let changes = [
            change(&a, EVFILT_READ, EV_ADD),
            change(&a, EVFILT_WRITE, EV_ADD),
            user(EV_ADD, 0),
            user(0, NOTE_TRIGGER),
        ];
        queue.call(&changes, 0, None).expect("open descriptors");
        let mut filters: Vec<_> = (0..6)
            .map(|_| queue.call(&[], 1, AT_ONCE).expect("no error")[0].filter)
            .collect();
        filters.sort_unstable();
        assert_eq!(
            filters,
            [
                EVFILT_USER,
                EVFILT_USER,
                EVFILT_WRITE,
                EVFILT_WRITE,
                EVFILT_READ,
                EVFILT_READ
            ]
        );
    }
}
