//! Chaos mode: does everything that a kernel may do, decided by a seed.
//!
//! What it does is allowed by the man pages, or was recorded from some kernel. It never holds back the only event
//! there is, and a level-triggered event is never invented: every kernel looks again before it reports one.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash, Hasher},
    thread,
    time::Duration,
};

use crate::{
    abi::*,
    ffi::{self, Record},
    knote::{Knote, MODE},
    mode::mode,
    queue::{Errno, State},
};

thread_local!(static MADE: Cell<u64> = const { Cell::new(0) });

/// Lets the next kqueue that this thread makes have the dice of its first one: so a case of a property test meets the same
/// kernel when it is replayed alone, and while it shrinks.
pub fn begin_chaos_anew() {
    MADE.set(0);
}

/// The dice of one kqueue.
pub(crate) struct Chaos {
    state: u64,
    /// How many calls in a row were interrupted.
    interrupted: u32,
}

impl Chaos {
    /// The dice for a queue that this thread makes now; None when the mode is off. The seed is mixed with the thread's
    /// name, which is the test's, and with a count per thread: so a test replays whatever runs beside it.
    pub(crate) fn for_a_new_queue() -> Option<Self> {
        mode().chaos.map(Self::of_this_thread)
    }

    fn of_this_thread(seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (thread::current().name(), MADE.replace(MADE.get() + 1)).hash(&mut hasher);
        Self::new(seed, hasher.finish())
    }

    /// The dice for the queue number `queue` under `seed`.
    pub(crate) fn new(seed: u64, queue: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, queue).hash(&mut hasher);
        Self {
            state: hasher.finish(),
            interrupted: 0,
        }
    }

    /// The flags of an error entry or receipt: EV_ERROR alone (NetBSD, FreeBSD) or added to the change's (Darwin).
    pub(crate) fn answer_flags(&mut self, flags: u16) -> u16 {
        if self.flip() { flags | EV_ERROR } else { EV_ERROR }
    }

    /// Whether a signal comes now. At most three times in a row, so that who tries again gets on.
    pub(crate) fn interrupts(&mut self) -> bool {
        let odds = if self.interrupted == 0 { 8 } else { 2 };
        let interrupts = self.interrupted < 3 && self.one_in(odds);
        self.interrupted = if interrupts { self.interrupted + 1 } else { 0 };
        interrupts
    }

    /// For how long a call that has let others come is kept from its next change: now and then for as long as another
    /// thread needs for a call of its own and a wait after it.
    pub(crate) fn pause(&mut self) -> Duration {
        Duration::from_micros(if self.one_in(16) { 200 } else { 0 })
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.one_in(2)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }

    /// SplitMix64: any state is good, and each of the 2^64 comes once.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl State {
    /// An EV_ONESHOT knote that is ready when it is armed is reported even if it is drained before the wait: FreeBSD, NetBSD and
    /// OpenBSD do not look again; under chaos it may be. Before they report one with EV_DISPATCH they do: multiplex asks for that,
    /// and never meets this.
    pub(crate) fn arm(&mut self, generation: u64) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get(generation).cloned() else {
            return Ok(());
        };
        if knote.flags & MODE == 0 && ffi::state(knote.fd, knote.filter.bits() as libc::c_short) != 0 {
            // It stands in the queue from now on, even if it is drained before anybody looks: a kqueue around this one says so.
            self.queued |= !knote.disabled;
            return self.raise_or_lower();
        }
        if knote.flags & EV_ONESHOT == 0 || knote.disabled || !self.chaos.as_mut().is_none_or(Chaos::flip) {
            return Ok(());
        }
        let bits = knote.filter.bits();
        let ready = ffi::state(knote.fd, bits as libc::c_short) as u32;
        if ready == 0 {
            return Ok(());
        }
        let off = Knote {
            disabled: true,
            ..knote.clone()
        };
        self.inner(knote.filter)
            .modify(knote.fd, off.bits(), generation)?;
        self.deferred.push(Record {
            generation,
            bits: ready,
        });
        self.raise_or_lower()
    }

    /// Disturbs a harvest in every way that is allowed.
    pub(crate) fn disturb(&mut self, events: &mut Vec<(u64, Kevent)>) -> Result<(), Errno> {
        let Some(mut chaos) = self.chaos.take() else {
            return Ok(());
        };
        for place in (1..events.len()).rev() {
            events.swap(place, chaos.below(place + 1));
        }
        if events.len() > 1 && chaos.one_in(4) {
            let kept = 1 + chaos.below(events.len() - 1);
            for (generation, event) in events.split_off(kept) {
                if !self.put_off(generation, &event)? {
                    events.push((generation, event));
                }
            }
        }
        for (_, event) in events.iter_mut() {
            distort(&mut chaos, event);
        }
        self.chaos = Some(chaos);
        Ok(())
    }

    /// Lets the next harvest find a spurious edge of some knote with EV_CLEAR, now and then.
    pub(crate) fn invent_edge(&mut self) {
        let Some(chaos) = &mut self.chaos else { return };
        if !chaos.one_in(16) {
            return;
        }
        let edges: Vec<_> = (self.knotes.iter())
            .filter(|(_, knote)| knote.flags & MODE == EV_CLEAR && !knote.disabled)
            .map(|(generation, knote)| Record {
                generation,
                bits: knote.filter.quiet_bits(),
            })
            .collect();
        if !edges.is_empty() {
            self.deferred.push(edges[chaos.below(edges.len())]);
        }
    }

    /// Lets an event come with a later call, the way its mode allows: it must not be lost. False: it has to come now.
    fn put_off(&mut self, generation: u64, event: &Kevent) -> Result<bool, Errno> {
        let Some(knote) = self.knotes.get(generation) else {
            return Ok(self.users.put_off(event));
        };
        if knote.flags & (EV_CLEAR | EV_ONESHOT) != 0 {
            // Reported without another look, so it may be stale by then.
            let gone = if event.flags & EV_EOF != 0 {
                libc::EPOLLHUP as u32
            } else {
                0
            };
            self.deferred.push(Record {
                generation,
                bits: knote.filter.quiet_bits() | gone,
            });
        } else if knote.flags & EV_DISPATCH != 0 {
            self.inner(knote.filter)
                .modify(knote.fd, knote.bits(), generation)?;
        }
        // A level-triggered one comes by itself.
        Ok(true)
    }
}

/// Changes what a program must not rely on: the echo of EV_ADD, `data` but for a listener's backlog, and `fflags`, which are
/// the socket's error beside EV_EOF and mean nothing without.
fn distort(chaos: &mut Chaos, event: &mut Kevent) {
    let descriptor = event.filter == EVFILT_READ || event.filter == EVFILT_WRITE;
    if descriptor {
        let echo = if chaos.flip() { EV_ADD } else { 0 };
        event.flags = event.flags & !EV_ADD | echo;
    }
    let listens = i32::try_from(event.ident).is_ok_and(ffi::listens);
    if descriptor && !listens && chaos.flip() {
        event.data = chaos.next() as isize;
    }
    if descriptor && chaos.one_in(4) {
        event.fflags = if event.flags & EV_EOF != 0 {
            libc::ECONNRESET as u32
        } else {
            1 + chaos.below(255) as u32
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        io::{self, Read, Write},
        net::{TcpListener, TcpStream},
        os::{fd::AsRawFd, unix::net::UnixStream},
    };

    use super::*;
    use crate::queue::{Queue, testing::*};

    const TRIES: usize = 1000;

    /// A queue under an even seed, which has EVFILT_USER.
    fn chaotic(number: u64) -> Queue {
        queue(Some(Chaos::new(0, number)))
    }

    /// What a poll finds that goes on when it is interrupted.
    fn poll(queue: &Queue, room: usize) -> Vec<Kevent> {
        persist(|| queue.call(&[], room, AT_ONCE))
    }

    /// Applies a change that must succeed.
    fn set(queue: &Queue, change: Kevent) {
        persist(|| queue.call(&[change], 0, None));
    }

    fn persist(mut call: impl FnMut() -> Result<Vec<Kevent>, Errno>) -> Vec<Kevent> {
        loop {
            match call() {
                Err(Errno(libc::EINTR)) => {}
                outcome => return outcome.expect("only interrupted"),
            }
        }
    }

    fn idents(events: &[Kevent]) -> Vec<usize> {
        events.iter().map(|event| event.ident).collect()
    }

    #[test]
    fn an_edge_comes_out_of_nothing() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(1);
        set(&queue, change(&a, EVFILT_READ, EV_ADD | EV_CLEAR));
        assert!((0..TRIES).any(|_| !poll(&queue, 8).is_empty()));
    }

    #[test]
    fn a_level_or_one_shot_event_does_not_come_out_of_nothing() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        for mode in [0, EV_ONESHOT, EV_DISPATCH] {
            let queue = chaotic(2);
            set(&queue, change(&a, EVFILT_READ, EV_ADD | mode));
            assert!((0..TRIES).all(|_| poll(&queue, 8).is_empty()), "mode {mode:#x}");
        }
    }

    #[test]
    fn a_one_shot_event_may_be_stale_and_then_the_knote_is_gone() {
        let (mut a, mut b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(3);
        let mut stale = 0;
        for _ in 0..TRIES {
            b.write_all(b"x").expect("room");
            set(&queue, change(&a, EVFILT_READ, EV_ADD | EV_ONESHOT));
            a.read_exact(&mut [0]).expect("a byte");
            let gone = !poll(&queue, 8).is_empty();
            stale += usize::from(gone);
            let delete = queue.call(&[change(&a, EVFILT_READ, EV_DELETE)], 0, None);
            assert_eq!(delete.err(), gone.then_some(Errno(libc::ENOENT)));
        }
        assert!(stale > 0 && stale < TRIES, "{stale} of {TRIES}");
    }

    #[test]
    fn receipts_come_in_both_forms_with_the_same_errno() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(4);
        let mut forms = BTreeSet::new();
        for _ in 0..TRIES {
            let delete = change(&a, EVFILT_WRITE, EV_DELETE | EV_RECEIPT);
            let receipts = persist(|| queue.call(&[delete], 1, AT_ONCE));
            assert_eq!(receipts[0].data, libc::ENOENT as isize);
            forms.insert(receipts[0].flags);
        }
        assert_eq!(
            forms,
            BTreeSet::from([EV_ERROR, EV_ERROR | EV_DELETE | EV_RECEIPT])
        );
    }

    #[test]
    fn ev_add_is_echoed_or_not() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(5);
        set(&queue, change(&a, EVFILT_WRITE, EV_ADD));
        let forms: BTreeSet<_> = (0..TRIES).map(|_| poll(&queue, 8)[0].flags).collect();
        assert_eq!(forms, BTreeSet::from([0, EV_ADD]));
    }

    #[test]
    fn answers_are_split_and_reordered_and_nothing_is_lost() {
        for mode in [0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH] {
            let queue = chaotic(u64::from(mode));
            let pairs: Vec<_> = (0..6).map(|_| UnixStream::pair().expect("socketpair")).collect();
            let all: BTreeSet<_> = pairs.iter().map(|(a, _)| a.as_raw_fd() as usize).collect();
            let (mut split, mut orders) = (false, BTreeSet::new());
            for _ in 0..TRIES {
                for (a, _) in &pairs {
                    set(&queue, change(a, EVFILT_WRITE, EV_ADD | EV_ENABLE | mode));
                }
                let first = idents(&poll(&queue, 16));
                split |= first.len() < pairs.len();
                let mut seen: BTreeSet<_> = first.iter().copied().collect();
                orders.insert(first);
                for _ in 0..100 {
                    seen.extend(idents(&poll(&queue, 16)));
                }
                assert_eq!(seen, all, "mode {mode:#x}");
            }
            assert!(
                split && orders.len() > 100,
                "mode {mode:#x}: {} orders",
                orders.len()
            );
        }
    }

    #[test]
    fn a_one_shot_event_comes_once_even_if_it_was_put_off() {
        for mode in [EV_ONESHOT, EV_DISPATCH] {
            let queue = chaotic(6);
            let pairs: Vec<_> = (0..4).map(|_| UnixStream::pair().expect("socketpair")).collect();
            for _ in 0..TRIES {
                for (a, _) in &pairs {
                    set(&queue, change(a, EVFILT_WRITE, EV_ADD | EV_ENABLE | mode));
                }
                let events: usize = (0..20).map(|_| poll(&queue, 16).len()).sum();
                assert_eq!(events, pairs.len(), "mode {mode:#x}");
            }
        }
    }

    #[test]
    fn a_trigger_is_not_lost_when_its_event_is_put_off() {
        let queue = chaotic(7);
        let (a, _b) = UnixStream::pair().expect("socketpair");
        set(&queue, change(&a, EVFILT_WRITE, EV_ADD));
        set(&queue, user(EV_ADD | EV_CLEAR, 0));
        for _ in 0..TRIES {
            set(&queue, user(0, NOTE_TRIGGER));
            let came = (0..50)
                .flat_map(|_| poll(&queue, 8))
                .filter(|event| event.filter == EVFILT_USER);
            assert_eq!(came.count(), 1);
        }
    }

    #[test]
    fn a_signal_comes_after_the_changes_and_at_most_three_times_in_a_row() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(8);
        let interrupted = Some(Errno(libc::EINTR));
        let (mut row, mut rows) = (0, BTreeSet::new());
        for _ in 0..TRIES {
            let add = change(&a, EVFILT_READ, EV_ADD | EV_RECEIPT);
            if queue.call(&[add], 1, AT_ONCE).err() == interrupted {
                row += 1;
            } else {
                rows.insert(std::mem::take(&mut row));
            }
            // Without room for an answer no wait is asked for, and no signal can come.
            queue
                .call(&[change(&a, EVFILT_READ, EV_DELETE)], 0, None)
                .expect("the change was applied");
        }
        assert_eq!(rows, BTreeSet::from([0, 1, 2, 3]));
    }

    #[test]
    fn a_signal_may_hide_that_nothing_was_added_but_not_that_nothing_was_there() {
        let queue = chaotic(12);
        // Nobody opens so many files.
        let no_file = i32::MAX;
        let answer = |flags| {
            queue
                .call(&[change(&no_file, EVFILT_READ, flags | EV_RECEIPT)], 1, AT_ONCE)
                .is_err()
        };
        assert!((0..TRIES).any(|_| answer(EV_ADD)));
        assert!((0..TRIES).all(|_| !answer(EV_DELETE)));
    }

    #[test]
    fn fflags_are_an_error_beside_the_end_and_nonsense_else() {
        let (a, b) = UnixStream::pair().expect("socketpair");
        let queue = chaotic(13);
        set(&queue, change(&a, EVFILT_WRITE, EV_ADD));
        let fflags = || -> BTreeSet<u32> { (0..TRIES).map(|_| poll(&queue, 8)[0].fflags).collect() };
        assert!(fflags().len() > 50);
        drop(b);
        assert_eq!(fflags(), BTreeSet::from([0, libc::ECONNRESET as u32]));
    }

    #[test]
    fn another_call_comes_between_two_changes_of_one() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let seen = |queue: &Queue| {
            thread::scope(|scope| {
                let changer = scope.spawn(|| {
                    let on_and_off = [EV_ADD, EV_DELETE].map(|flags| change(&a, EVFILT_WRITE, flags));
                    for _ in 0..TRIES {
                        queue.call(&on_and_off, 0, None).expect("no wait, no signal");
                    }
                });
                let mut seen = 0;
                while !changer.is_finished() {
                    seen += poll(queue, 8).len();
                }
                seen
            })
        };
        assert!(seen(&chaotic(11)) > 0);
        assert_eq!(seen(&queue(None)), 0);
    }

    #[test]
    fn data_is_nonsense_but_for_a_backlog() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
        let queue = chaotic(9);
        set(&queue, change(&a, EVFILT_WRITE, EV_ADD));
        set(&queue, change(&listener, EVFILT_READ, EV_ADD));
        let (mut room, mut backlogs) = (BTreeSet::new(), BTreeSet::new());
        for event in (0..TRIES).flat_map(|_| poll(&queue, 8)) {
            let set = if event.filter == EVFILT_WRITE {
                &mut room
            } else {
                &mut backlogs
            };
            set.insert(event.data);
        }
        assert!(room.len() > 100 && room.iter().any(|data| *data < 0));
        assert_eq!(backlogs, BTreeSet::from([1]));
    }

    #[test]
    fn errors_differ_as_they_do_between_kernels() {
        let queue = chaotic(10);
        let (reader, writer) = io::pipe().expect("pipe");
        drop(reader);
        let (mut broken, mut closed) = (BTreeSet::new(), BTreeSet::new());
        // Nobody opens so many files.
        let no_file = i32::MAX;
        for _ in 0..TRIES {
            let add = queue.call(&[change(&writer, EVFILT_WRITE, EV_ADD)], 0, None);
            broken.insert(add.expect_err("the reader is gone").0);
            let delete = queue.call(&[change(&no_file, EVFILT_READ, EV_DELETE)], 0, None);
            closed.insert(delete.expect_err("no such file").0);
        }
        assert_eq!(broken, BTreeSet::from([libc::EPIPE, libc::EBADF]));
        assert_eq!(closed, BTreeSet::from([libc::ENOENT, libc::EBADF]));
    }

    #[test]
    fn the_same_seed_replays() {
        let (a, _b) = UnixStream::pair().expect("socketpair");
        let run = |seed| {
            let queue = queue(Some(Chaos::new(seed, 0)));
            set(&queue, change(&a, EVFILT_WRITE, EV_ADD));
            set(&queue, change(&a, EVFILT_READ, EV_ADD | EV_CLEAR));
            let answer = |_| {
                queue
                    .call(&[], 8, AT_ONCE)
                    .map(|events| events.iter().map(|event| event.data).collect())
            };
            (0..TRIES).map(answer).collect::<Vec<Result<Vec<_>, _>>>()
        };
        assert_eq!(run(12), run(12));
        assert_ne!(run(12), run(14));
    }

    #[test]
    fn a_case_that_begins_anew_meets_the_same_dice() {
        let dice = || [(); 2].map(|()| Chaos::of_this_thread(5).next());
        begin_chaos_anew();
        let first = dice();
        assert_ne!(first[0], first[1]);
        assert_ne!(dice(), first);
        begin_chaos_anew();
        assert_eq!(dice(), first);
    }
}
