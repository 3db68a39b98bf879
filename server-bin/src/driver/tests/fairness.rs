//! How long a turn goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_core::Head;

use super::rig::{GET, Rig};
use crate::driver::pace::Pace;
use crate::driver::phase::Wait;
use crate::driver::settings::{Settings, TURN_BYTES};
use crate::driver::socket::Ready;
use crate::handler::{BodySource, Context, Decision, Handler, Notifier, Pulled};

/// A clock that handlers move on, and how many microseconds a request takes.
#[derive(Clone)]
struct Time {
    start: Instant,
    passed: Arc<AtomicU64>,
    each: Arc<AtomicU64>,
}

impl Time {
    fn new(each: u64) -> Self {
        Self {
            start: Instant::now(),
            passed: Arc::default(),
            each: Arc::new(AtomicU64::new(each)),
        }
    }

    fn pass(&self) {
        let each = self.each.load(Ordering::Relaxed);
        self.passed.fetch_add(each, Ordering::Relaxed);
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.passed.load(Ordering::Relaxed))
    }

    /// A connection whose turns look at this clock.
    fn rig(&self, handler: impl Handler) -> Rig {
        self.rig_with(handler, Settings::default())
    }

    /// The same with limits of its own.
    fn rig_with(&self, handler: impl Handler, settings: Settings) -> Rig {
        let time = self.clone();
        let pace = Pace::new(Box::new(move || time.now()), &settings);
        let mut rig = Rig::with(handler, settings);
        rig.kit.pace = pace;
        self.begin_round(&mut rig);
        rig
    }

    /// A connection whose requests take their time.
    fn slow(&self) -> Rig {
        let time = self.clone();
        self.rig(move |_: &Head<'_>, _: &mut Context<'_>| {
            time.pass();
            Decision::from("hello")
        })
    }

    fn begin_round(&self, rig: &mut Rig) {
        rig.kit.begin(self.now(), || SystemTime::UNIX_EPOCH);
    }

    /// How many requests each turn answers, until all are.
    fn turns(&self, rig: &mut Rig, requests: usize) -> Vec<usize> {
        self.begin_round(rig);
        let mut wait = rig.arrive(GET.repeat(requests));
        let mut turns = vec![rig.statuses().len()];
        while wait == Wait::Yield && turns.len() < 100 {
            self.begin_round(rig);
            wait = rig.turn(Ready::NOTHING);
            turns.push(rig.statuses().len());
        }
        turns
    }
}

#[test]
fn a_turn_takes_no_request_after_its_time() {
    for (each, turns) in [(60, [2, 2, 2]), (40, [3, 3, 0]), (300, [1, 1, 1])] {
        let time = Time::new(each);
        let mut rig = time.slow();
        let wanted: Vec<usize> = turns.into_iter().filter(|&turn| turn > 0).collect();
        assert_eq!(
            time.turns(&mut rig, wanted.iter().sum()),
            wanted,
            "{each} µs each"
        );
    }
}

#[test]
fn quick_requests_are_bounded_by_their_number() {
    let time = Time::new(0);
    for (requests, turns) in [(32, &[32][..]), (33, &[32, 1]), (80, &[32, 32, 16])] {
        assert_eq!(time.turns(&mut time.slow(), requests), turns);
    }
}

#[test]
fn a_turn_answers_as_many_requests_as_it_was_set_to_and_leaves_the_rest_to_the_next_ones() {
    for (most, requests, turns) in [
        (1, 1, &[1][..]),
        (1, 3, &[1, 1, 1]),
        (5, 5, &[5]),
        (5, 6, &[5, 1]),
        (100, 100, &[100]),
        (100, 101, &[100, 1]),
        // As 1: else nobody would be answered.
        (0, 2, &[1, 1]),
    ] {
        let time = Time::new(0);
        let settings = Settings {
            turn_requests: most,
            ..Settings::default()
        };
        let handler = |_: &Head<'_>, _: &mut Context<'_>| Decision::from("hello");
        let mut rig = time.rig_with(handler, settings);
        // The second time its worker knows that requests are quick, and looks at the clock less often.
        for _ in 0..2 {
            rig.kit.tally.turns_ended = [0; 3];
            assert_eq!(
                time.turns(&mut rig, requests),
                turns,
                "{requests}, {most} in a turn"
            );
            let ended = turns.len() as u64 - 1;
            assert_eq!(
                rig.kit.tally.turns_ended,
                [ended, 0, 0],
                "{requests}, {most} in a turn"
            );
        }
    }
}

#[test]
fn a_turn_that_was_ended_is_counted_by_the_limit_that_it_came_to() {
    let time = Time::new(60);
    let mut rig = time.slow();
    assert_eq!(time.turns(&mut rig, 2), [2]);
    assert_eq!(rig.kit.tally.turns_ended, [0; 3], "nothing was left to do");
    assert_eq!(time.turns(&mut rig, 3), [2, 1]);
    assert_eq!(rig.kit.tally.turns_ended, [0, 0, 1], "by time");
    let long = TURN_BYTES + 1000;
    let mut rig = Time::new(0).rig(move |_: &Head<'_>, _: &mut Context<'_>| vec![b'x'; long].into());
    assert_eq!(rig.arrive(GET), Wait::Yield);
    assert_eq!(rig.kit.tally.turns_ended, [0, 1, 0], "by bytes that are sent");
}

#[test]
fn a_turn_makes_no_answer_more_once_it_has_made_as_many_bytes_as_it_was_set_to() {
    // So long is an answer with a body of four or five digits, but for the body.
    let head = |body: usize| {
        let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| Decision::from("x".repeat(body)));
        rig.arrive(GET);
        rig.sent().len() - body
    };
    for (most, head) in [(TURN_BYTES, head(10_000)), (64 * 1024, head(1_000))] {
        for (answer, turns) in [(most / 8, [8, 2]), (most / 8 - 1, [9, 1])] {
            let time = Time::new(0);
            let body = answer - head;
            let settings = Settings {
                turn_bytes: most,
                ..Settings::default()
            };
            let handler = move |_: &Head<'_>, _: &mut Context<'_>| Decision::from("x".repeat(body));
            let mut rig = time.rig_with(handler, settings);
            assert_eq!(time.turns(&mut rig, 10), turns, "answers of {answer} bytes");
            assert_eq!(rig.kit.tally.turns_ended, [0, 1, 0], "answers of {answer} bytes");
        }
    }
}

#[test]
fn a_turn_sends_as_many_bytes_of_a_body_as_it_was_set_to() {
    const BODY: usize = 500_000;
    for (most, turns) in [(200_000, 3), (BODY, 2), (BODY + 1, 1), (0, 64)] {
        let time = Time::new(0);
        let settings = Settings {
            turn_bytes: most,
            ..Settings::default()
        };
        let handler = |_: &Head<'_>, _: &mut Context<'_>| vec![b'x'; BODY].into();
        let mut rig = time.rig_with(handler, settings);
        let mut wait = rig.arrive(GET);
        let mut count = 1;
        while wait == Wait::Yield && count < 64 {
            time.begin_round(&mut rig);
            wait = rig.turn(Ready::NOTHING);
            count += 1;
        }
        assert_eq!(count, turns, "{most} bytes in a turn");
        let body = rig.sent().matches('x').count();
        assert!(
            body == BODY || most == 0 && body > 0,
            "{body} of {most} in a turn"
        );
    }
}

#[test]
fn a_turn_pulls_and_sends_no_more_once_it_has_sent_256_kib() {
    /// Makes a piece of this size, and another one of a byte.
    struct Two(usize);
    impl BodySource for Two {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            out.resize(out.len() + self.0, b'#');
            match std::mem::replace(&mut self.0, 1) {
                1 => Pulled::End,
                _ => Pulled::More,
            }
        }
    }
    // A head and the chunk's own lines are sent with it.
    for (size, turns) in [(TURN_BYTES - 1000, 1), (TURN_BYTES, 2)] {
        let time = Time::new(0);
        let mut rig = time.rig(move |_: &Head<'_>, _: &mut Context<'_>| {
            Decision::from(Box::new(Two(size)) as Box<dyn BodySource>)
        });
        assert_eq!(time.turns(&mut rig, 1).len(), turns, "a piece of {size} bytes");
        assert!(rig.owns_nothing(), "it has all left");
    }
}

#[test]
fn a_turn_looks_at_the_clock_more_often_when_requests_become_slow() {
    let time = Time::new(1);
    let mut rig = time.slow();
    assert_eq!(time.turns(&mut rig, 32), [32]);
    time.each.store(50, Ordering::Relaxed);
    // The look behind eight of them is the first that knows.
    assert_eq!(time.turns(&mut rig, 14), [8, 2, 2, 2]);
}

#[test]
fn a_turn_without_time_answers_one_request_and_one_with_all_time_as_many_as_it_may() {
    for (turn_time, answered) in [(Duration::ZERO, 1), (Duration::MAX, 32)] {
        let time = Time::new(10);
        let settings = Settings {
            turn_time,
            ..Settings::default()
        };
        let handler = time.clone();
        let mut rig = time.rig_with(
            move |_: &Head<'_>, _: &mut Context<'_>| {
                handler.pass();
                "slow".into()
            },
            settings,
        );
        assert_eq!(rig.arrive(GET.repeat(40)), Wait::Yield);
        assert_eq!(rig.statuses().len(), answered, "{turn_time:?}");
    }
}

#[test]
fn what_a_connection_hears_that_has_yielded_gives_it_no_turn_beside_the_one_that_is_coming() {
    struct Endless;
    impl BodySource for Endless {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            out.extend_from_slice(&[b'#'; 700]);
            Pulled::More
        }
    }
    let settings = Settings {
        turn_bytes: 1000,
        ..Settings::default()
    };
    let notifiers: Arc<Mutex<Vec<Notifier>>> = Arc::default();
    let kept = Arc::clone(&notifiers);
    let handler = move |_: &Head<'_>, cx: &mut Context<'_>| {
        kept.lock().unwrap().push(cx.notifier());
        Decision::from(Box::new(Endless) as Box<dyn BodySource>)
    };
    let mut rig = Rig::with(handler, settings);
    assert_eq!(rig.arrive(GET), Wait::Yield);
    let turn = rig.sent().matches('#').count();
    Notifier::notify_all(notifiers.lock().unwrap().iter());
    assert_eq!((rig.deliver(), rig.sent().len()), (1, 0), "its share is spent");
    assert_eq!((rig.drain(), rig.sent().len()), (Wait::Yield, 0));
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Yield);
    assert_eq!(rig.sent().matches('#').count(), turn);
}

#[test]
fn a_turn_pulls_no_more_from_its_source_after_its_time() {
    struct Slow(Time, usize);
    impl BodySource for Slow {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            self.0.pass();
            out.push(b'#');
            self.1 += 1;
            if self.1 == 4 { Pulled::End } else { Pulled::More }
        }
    }
    let time = Time::new(70);
    let source = time.clone();
    let mut rig = time.rig(move |_: &Head<'_>, _: &mut Context<'_>| {
        Decision::from(Box::new(Slow(source.clone(), 0)) as Box<dyn BodySource>)
    });
    assert_eq!(rig.arrive(GET), Wait::Yield);
    assert_eq!(rig.sent().matches('#').count(), 2);
    time.begin_round(&mut rig);
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Read);
    assert_eq!(rig.sent().matches('#').count(), 2);
}
