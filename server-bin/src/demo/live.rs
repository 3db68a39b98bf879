//! `/` and `/live`: a thread that looks at the server and tells everybody who watches.
//!
//! While nobody does it only wakes now and then, and a worker pays for the demonstration's numbers with one look a request at whether
//! somebody watches.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use http_core::ResponseHead;

use super::CONTENT_TYPE;
use super::sample::Sample;
use crate::Counters;
use crate::handler::{BodySource, Completer, Notifier, Pulled};

/// How often those who watch are told.
const PERIOD: Duration = Duration::from_millis(500);
/// For how long a worker that is busy is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// Samples that a slow watcher may fall behind, and that a new one sees of the time before.
const KEPT: usize = 60;
/// The most who watch at once.
const WATCHERS: usize = 1000;

/// What one worker counts: it alone writes, and whoever looks at the server reads.
#[derive(Default, Debug)]
struct Slot {
    requests: AtomicU64,
    latencies: [AtomicU64; 24],
}

/// A worker's own side of its [`Slot`].
#[derive(Debug)]
pub(super) struct Count {
    slot: Arc<Slot>,
    live: Arc<AtomicBool>,
    requests: u64,
    /// When the present round began; none without a request, or while nobody watches.
    began: Option<Instant>,
}

impl Count {
    #[inline]
    pub(super) fn request(&mut self, round: Instant) {
        if self.live.load(Ordering::Relaxed) {
            self.requests += 1;
            self.began = Some(round);
        }
    }

    /// The time to the end of the round is the longest that any of its requests took here.
    #[inline]
    pub(super) fn round_ended(&mut self) {
        let Some(began) = self.began.take() else { return };
        self.slot.requests.store(self.requests, Ordering::Relaxed);
        self.slot.took(began.elapsed());
    }
}

impl Slot {
    #[cold]
    fn took(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = (64 - microseconds.leading_zeros() as usize).min(self.latencies.len() - 1);
        // Nobody else writes here.
        let count = self.latencies[place].load(Ordering::Relaxed) + 1;
        self.latencies[place].store(count, Ordering::Relaxed);
    }
}

/// What the workers and the thread share.
#[derive(Debug)]
pub(super) struct Live {
    state: Mutex<State>,
    called: Condvar,
    /// Whether anybody watches, so that workers look at the clock.
    is_watched: Arc<AtomicBool>,
    began: Instant,
    /// What the process had in memory then.
    memory: Option<u64>,
}

#[derive(Default, Debug)]
struct State {
    counters: Option<Counters>,
    slots: Vec<Arc<Slot>>,
    /// Requests for the page.
    pages: Vec<Completer>,
    watchers: HashMap<u64, Notifier>,
    next_watcher: u64,
    /// Events with the samples from `first` on.
    samples: VecDeque<Arc<str>>,
    first: u64,
}

impl Live {
    /// Starts the thread. It ends when nothing else holds this any more.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let live = Arc::new(Self {
            state: Mutex::default(),
            called: Condvar::new(),
            is_watched: Arc::default(),
            began: Instant::now(),
            memory: memory(),
        });
        let weak = Arc::downgrade(&live);
        thread::Builder::new()
            .name("live".into())
            .spawn(move || look_and_tell(&weak))?;
        Ok(live)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn show(&self, counters: Counters) {
        self.state().counters = Some(counters);
    }

    /// Returns what a new worker counts with.
    pub(super) fn count(&self) -> Count {
        let slot = Arc::new(Slot::default());
        self.state().slots.push(Arc::clone(&slot));
        Count {
            slot,
            live: Arc::clone(&self.is_watched),
            requests: 0,
            began: None,
        }
    }

    /// Answers with the page, when the server was looked at.
    pub(super) fn page(&self, completer: Completer) {
        self.state().pages.push(completer);
        self.called.notify_one();
    }

    /// Begins to watch; none when too many do already.
    pub(super) fn watch(self: &Arc<Self>, notifier: Notifier) -> Option<Samples> {
        let mut state = self.state();
        if state.watchers.len() >= WATCHERS {
            return None;
        }
        let (number, next) = (state.next_watcher, state.first);
        state.next_watcher += 1;
        state.watchers.insert(number, notifier);
        self.called.notify_one();
        Some(Samples {
            live: Arc::clone(self),
            number,
            next,
            drains: false,
        })
    }

    /// Looks at the server. The workers answer meanwhile, so the lock is not held.
    fn sample(&self) -> Sample {
        let (counters, slots) = {
            let state = self.state();
            (state.counters.clone(), state.slots.clone())
        };
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let all = |place: usize| slots.iter().map(|slot| load(&slot.latencies[place])).sum();
        Sample {
            time: self.began.elapsed(),
            requests: slots.iter().map(|slot| load(&slot.requests)).sum(),
            latencies: std::array::from_fn(all),
            workers: counters.map_or_else(Vec::new, |counters| counters.read(PATIENCE)),
            grown: memory()
                .zip(self.memory)
                .map(|(now, before)| now.saturating_sub(before)),
        }
    }

    /// Tells everybody.
    fn tell(&self, sample: &Sample) {
        let mut state = self.state();
        let pages = std::mem::take(&mut state.pages);
        if !state.watchers.is_empty() {
            let number = state.first + state.samples.len() as u64;
            let event = format!("id: {number}\ndata: {}\n\n", sample.json());
            state.samples.push_back(event.into());
            if state.samples.len() > KEPT {
                state.samples.pop_front();
                state.first += 1;
            }
            Notifier::notify_all(state.watchers.values());
        }
        drop(state);
        for completer in pages {
            let head = ResponseHead::new(200).field(CONTENT_TYPE, "text/html; charset=utf-8");
            // Dropped, a completer answers 500.
            if let Ok(head) = head.and_then(|head| head.field("cache-control", "no-store")) {
                completer.complete(head, sample.page());
            }
        }
    }

    /// Waits until somebody wants to know. While somebody watches, that is after a period.
    fn wait(&self) {
        let state = self.state();
        if !state.pages.is_empty() {
            return;
        }
        let time = if state.watchers.is_empty() {
            10 * PERIOD
        } else {
            PERIOD
        };
        self.is_watched
            .store(!state.watchers.is_empty(), Ordering::Relaxed);
        // Woken early by a new watcher, it tells everybody a little early.
        drop(self.called.wait_timeout(state, time));
    }
}

/// The thread. It holds the demonstration while it waits, and lets it go after each wait, to see whether anybody else
/// still holds it.
fn look_and_tell(live: &Weak<Live>) {
    while let Some(live) = live.upgrade() {
        live.wait();
        let is_wanted = {
            let state = live.state();
            !state.pages.is_empty() || !state.watchers.is_empty()
        };
        if is_wanted {
            let sample = live.sample();
            live.tell(&sample);
        }
    }
}

/// The samples as one watcher gets them.
pub(super) struct Samples {
    live: Arc<Live>,
    number: u64,
    next: u64,
    drains: bool,
}

impl BodySource for Samples {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        let state = self.live.state();
        let Some(behind) = self.next.checked_sub(state.first) else {
            // Too slow: the page connects anew.
            return Pulled::End;
        };
        let at = usize::try_from(behind).unwrap_or(usize::MAX);
        for sample in state.samples.iter().skip(at) {
            out.extend_from_slice(sample.as_bytes());
            self.next += 1;
        }
        if self.drains { Pulled::End } else { Pulled::Wait }
    }

    fn drain(&mut self) {
        self.drains = true;
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        let notifier = self.live.state().watchers.remove(&self.number);
        // Outside of the lock: the last one's drop is a word to the worker.
        drop(notifier);
    }
}

/// The memory of this process that is its own and resident; none where proc(5) does not say so.
fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
