//! Gives the memory of large directories back to the system, but not with each of them.
//!
//! It looks through all heaps, each under its lock, and workers that take memory meanwhile wait for it. So it is done at most once
//! a second, however many clients ask for listings: that is at most some hundredths of a second of each.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::give_memory_back;

/// Between two times that memory is given back.
const PAUSE: Duration = Duration::from_secs(1);

/// When memory was given back last, by whichever thread, and whether one is to do it again.
struct Pace {
    last: Option<Instant>,
    is_owed: bool,
}

/// What a thread is to do that has memory to give back.
#[derive(PartialEq, Eq, Debug)]
enum Turn {
    /// To give it back.
    Now,
    /// To see to it that it is given back after that time.
    After(Duration),
    /// Nothing: another one sees to it.
    Never,
}

impl Pace {
    const fn new() -> Self {
        Self {
            last: None,
            is_owed: false,
        }
    }

    fn ask(&mut self, now: Instant) -> Turn {
        let since = self.last.map(|last| now.saturating_duration_since(last));
        match since.map_or(Duration::ZERO, |since| PAUSE.saturating_sub(since)) {
            _ if self.is_owed => Turn::Never,
            Duration::ZERO => {
                self.last = Some(now);
                Turn::Now
            }
            left => {
                self.is_owed = true;
                Turn::After(left)
            }
        }
    }

    fn paid(&mut self, now: Instant) {
        (self.last, self.is_owed) = (Some(now), false);
    }
}

/// Gives freed memory back, now or within a second.
pub(super) fn give_back_soon() {
    static PACE: Mutex<Pace> = Mutex::new(Pace::new());
    let pace = || PACE.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = pace().ask(Instant::now());
    match turn {
        Turn::Now => give_memory_back(),
        Turn::Never => {}
        Turn::After(time) => {
            let later = move || {
                thread::sleep(time);
                pace().paid(Instant::now());
                give_memory_back();
            };
            // Without a thread the next listing tries again.
            if thread::Builder::new().name("memory".into()).spawn(later).is_err() {
                pace().is_owed = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_ask_memory_is_given_back_once_a_second_and_the_last_one_is_not_forgotten() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::new();
        assert_eq!(pace.ask(at(0)), Turn::Now);
        assert_eq!(pace.ask(at(300)), Turn::After(Duration::from_millis(700)));
        assert_eq!(pace.ask(at(400)), Turn::Never);
        // The thread that sees to it may be late.
        assert_eq!(pace.ask(at(1100)), Turn::Never);
        pace.paid(at(1200));
        assert_eq!(pace.ask(at(1300)), Turn::After(Duration::from_millis(900)));
        pace.paid(at(2200));
        assert_eq!(pace.ask(at(3200)), Turn::Now);
    }
}
