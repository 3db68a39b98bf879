//! The wheel from inside: places, and how many timers a turn moves.

use super::*;

#[test]
fn each_tick_lies_in_its_own_place_on_every_level() {
    let mut timers = Timers::<()>::new(Instant::now());
    for current in [0, 1, 63, 64, 4095, 1 << 35, u64::MAX - 64] {
        timers.tick = current;
        for level in 0..LEVELS {
            let step = 1 << (level as u32 * BITS);
            let Some(tick) = current.checked_add(step) else {
                continue;
            };
            let place = timers.place(tick);
            assert!(place.level >= level, "{tick} seen from {current}");
            assert!(timers.first_tick(place) <= tick, "{tick} seen from {current}");
            assert!(timers.first_tick(place) > current, "{tick} seen from {current}");
        }
    }
}

#[test]
fn durations_beyond_a_u64_of_milliseconds_saturate() {
    assert_eq!(whole_milliseconds(Duration::MAX), u64::MAX);
    assert_eq!(whole_milliseconds(Duration::from_micros(1999)), 1);
}

/// One turn of an event loop: what fired, and how many timers moved.
fn turn<T>(timers: &mut Timers<T>, now: Instant) -> (Vec<T>, u32) {
    let fired = std::iter::from_fn(|| {
        let due = timers.expire_within_this_turn(now);
        due.map(|(_, value)| value)
    })
    .collect();
    let moved = MOVES - std::mem::replace(&mut timers.moves, MOVES);
    (fired, moved)
}

/// Lets the wheel run as an event loop does, and inserts each timer anew as it fires. Returns for each turn how many moved.
fn run_steadily(timers: &mut Timers<u64>, start: Instant, from: u64, to: u64, period: u64) -> Vec<u32> {
    let at = |tick| start + Duration::from_millis(tick);
    let (mut now, mut moves, mut zeros) = (at(from), Vec::new(), 0);
    while now < at(to) {
        let timeout = timers.next_timeout(now).expect("never empty");
        // The promise: a timer is late by no more turns than its split takes, and while it is late no turn sleeps.
        zeros = if timeout.is_zero() { zeros + 1 } else { 0 };
        assert!(
            zeros <= timers.len().div_ceil(MOVES as usize) + 1,
            "{zeros} turns without a sleep"
        );
        now += timeout;
        let (fired, moved) = turn(timers, now);
        for due in fired {
            assert!(at(due) <= now, "early");
            timers.insert(at(due + period), due + period);
        }
        moves.push(moved);
    }
    moves
}

/// 64³ ticks are 262 seconds, 64⁴ are 4.7 hours. All that lies beyond the border is in one slot when the border comes.
#[test]
fn no_turn_moves_more_than_its_share_when_a_whole_level_comes_near() {
    const TIMERS: u64 = 20_000;
    for border in [64_u64.pow(3), 64_u64.pow(4)] {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let (from, period) = (border - 40_000, 60_000);
        assert_eq!(timers.expire(start + Duration::from_millis(from)), None);
        for n in 1..=TIMERS {
            let due = from + n * period / TIMERS;
            timers.insert(start + Duration::from_millis(due), due);
        }
        let moves = run_steadily(&mut timers, start, from, border + 40_000, period);
        let most = moves.iter().max().expect("there were turns");
        assert_eq!(
            *most, MOVES,
            "the border moves more than fits into one turn, which is the most"
        );
        let together = moves.split(|moved| *moved < MOVES).map(<[u32]>::len).max();
        assert!(
            together > Some(10),
            "the border takes many turns in a row: {together:?}"
        );
        assert_eq!(timers.len(), TIMERS as usize);
    }
}

/// Late by at most as many turns as the moves take, and in the order of the deadlines.
#[test]
fn what_is_due_fires_in_the_turn_that_ends_the_split() {
    for n in [1, MOVES - 1, MOVES, MOVES + 1, 5 * MOVES, 5 * MOVES + 1] {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let at = |tick| start + Duration::from_millis(tick);
        // They are all due in one slot of the second level, the first of them at its beginning.
        for n in 0..n {
            timers.insert(at(4096 + u64::from(n % 64)), n % 64);
        }
        let turns = n.div_ceil(MOVES);
        for t in 1..turns {
            assert_eq!(
                turn(&mut timers, at(4096 + 63)),
                (vec![], MOVES),
                "turn {t} of {turns}"
            );
            assert_eq!(timers.next_timeout(at(4096 + 63)), Some(Duration::ZERO));
        }
        let (fired, moved) = turn(&mut timers, at(4096 + 63));
        assert_eq!((fired.len(), moved), (n as usize, n - (turns - 1) * MOVES));
        assert!(fired.is_sorted(), "earlier milliseconds first");
    }
}

/// A list of one timer is the one whose end is easily taken for the end of a slot.
#[test]
fn what_is_left_of_a_half_done_split_can_be_cancelled_and_set_anew() {
    for (left, cancels) in [(1, true), (2, true), (1, false), (2, false)] {
        let start = Instant::now();
        let at = |tick| start + Duration::from_millis(tick);
        let (mut timers, n) = (Timers::new(start), MOVES + left);
        let ids: Vec<_> = (0..n).map(|n| timers.insert(at(4096), n)).collect();
        assert_eq!(turn(&mut timers, at(4096)), (vec![], MOVES));
        let first = timers.splitting;
        let id = *ids
            .iter()
            .find(|id| id.index == first)
            .expect("it is one of them");
        if cancels {
            assert!(timers.cancel(id).is_some());
        } else {
            assert!(timers.rearm(id, at(9000)));
        }
        assert_eq!(turn(&mut timers, at(4096)).0.len(), n as usize - 1);
        assert_eq!(turn(&mut timers, at(9000)).0.len(), usize::from(!cancels));
        assert!(timers.is_empty());
    }
}

/// Several splits one after the other, after a clock that jumped, share the moves of a turn.
#[test]
fn a_jump_over_many_slots_moves_no_more_in_a_turn() {
    let start = Instant::now();
    let mut timers = Timers::new(start);
    let hour = Duration::from_secs(60 * 60);
    for n in 0..10_000 {
        timers.insert(start + n * hour / 10_000, n);
    }
    let (mut fired, mut turns) = (Vec::new(), 0);
    while !timers.is_empty() {
        let (some, moved) = turn(&mut timers, start + hour);
        assert!(moved <= MOVES);
        fired.extend(some);
        turns += 1;
        assert!(
            turns <= 10_000 * 4 / MOVES + 1,
            "each moves at most once per level"
        );
    }
    assert!(fired.is_sorted() && fired.len() == 10_000);
    assert!(turns > 10_000 / MOVES);
}
