//! Threads that wait, timeouts, and the filter that a program triggers itself.

use std::{
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use super::{
    ffi::{
        self, ADD, CLEAR, DELETE, DISPATCH, ENABLE, Entry, Filter::User, Lists, NOTE_FFCOPY, NOTE_TRIGGER,
        ONESHOT, Time,
    },
    world::{World, drain, error_name, put, read},
};

/// For what has to come, also on a machine that is slow and busy.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn threads(w: &mut World) {
    two_waiters(w, "EV_CLEAR", CLEAR);
    two_waiters(w, "EV_ONESHOT", ONESHOT);
    two_waiters(w, "EV_DISPATCH", DISPATCH);

    w.renew();
    let (a, b) = w.pair("a", "b");
    put(&b, 1);
    let count = while_one_waits(w, read(&a, CLEAR, 1));
    w.say(&format!(
        "EV_ADD of a ready fd while another thread is blocked in kevent: woken with {count}"
    ));

    w.renew();
    w.set(read(&a, DISPATCH, 1));
    w.poll("dispatch fired");
    let count = while_one_waits(w, read(&a, ENABLE | DISPATCH, 1));
    w.say(&format!(
        "re-arm (ADD|ENABLE|DISPATCH) while another thread is blocked: woken with {count}"
    ));
}

fn two_waiters(w: &mut World, what: &str, mode: u32) {
    let (mut lost, mut twice) = (0, 0);
    for _ in 0..15 {
        w.renew();
        let (a, b) = w.pair("a", "b");
        w.set(read(&a, mode, 1));
        let events = told_of_one_byte(w.kq.as_raw_fd(), &b, w.pair("end", "ender"));
        lost += usize::from(events == 0);
        twice += usize::from(events > 1);
    }
    let verdict = match (twice, lost) {
        (0, 0) => "yes",
        (0, _) => "no (lost in some)",
        _ => "no (twice in some)",
    };
    w.say(&format!(
        "two threads blocked on one kq, 1 byte, {what}: delivered exactly once in 15 of 15 rounds: {verdict}"
    ));
}

/// Writes a byte while two threads wait for it, and says how many of them were told. A byte on `end`, which is registered
/// only then, lets go of who was not: so nobody has to be told within some time.
fn told_of_one_byte(kq: RawFd, sink: &UnixStream, (end, ender): (UnixStream, UnixStream)) -> usize {
    let told = AtomicUsize::new(0);
    thread::scope(|scope| {
        let waiter = || {
            let events = wait(kq, PATIENCE);
            let of_sink = events.iter().filter(|event| event.udata == 1).count();
            told.fetch_add(of_sink, SeqCst);
        };
        scope.spawn(waiter);
        scope.spawn(waiter);
        thread::sleep(Duration::from_millis(30));
        put(sink, 1);
        let start = Instant::now();
        while told.load(SeqCst) == 0 && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        // For a second one, which must not come.
        thread::sleep(Duration::from_millis(20));
        put(ender, 1);
        let end = read(&end, 0, 2);
        ffi::kevent(kq, &[end], 0, Lists::Apart, None).expect("an open descriptor");
    });
    told.into_inner()
}

fn while_one_waits(w: &mut World, change: Entry) -> usize {
    let kq = w.kq.as_raw_fd();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || wait(kq, PATIENCE));
        thread::sleep(Duration::from_millis(100));
        w.set(change);
        waiter.join().expect("no panic").len()
    })
}

fn wait(kq: RawFd, limit: Duration) -> Vec<Entry> {
    let time = (limit.as_secs() as i64, i64::from(limit.subsec_nanos()));
    ffi::kevent(kq, &[], 4, Lists::Apart, Some(time)).unwrap_or_default()
}

pub(super) fn timeout(w: &mut World) {
    const MS: i64 = 1_000_000;
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    timed(w, "zero", Some((0, 0)), (0.0, 20.0));
    timed(w, "50ms", Some((0, 50 * MS)), (49.9, 500.0));
    timed(w, "300us", Some((0, 300_000)), (0.3, 100.0));
    timed(w, "1ns", Some((0, 1)), (0.0, 100.0));
    timed(w, "tv_nsec=1.5e9", Some((0, 1500 * MS)), (0.0, 3000.0));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(80));
            put(&b, 1);
        });
        timed(w, "NULL, written from a thread at 80ms", None, (60.0, 3000.0));
    });
    timed(w, "5s with data pending", Some((5, 0)), (0.0, 500.0));
    drain(&a);
    immediate(w, "nevents=0 timeout=2s", &[], Some((2, 0)));
    immediate(w, "change, nevents=0, NULL timeout", &[read(&a, 0, 1)], None);
    put(&b, 1);
    w.apply("maxevents 1", &[], 1);
}

pub(super) fn timeout_neg(w: &mut World) {
    // A provider that takes it for "for ever" would hang: a byte after 3 s ends that.
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    thread::scope(|scope| {
        let (done, stop) = std::sync::mpsc::channel::<()>();
        let b = &b;
        scope.spawn(move || {
            if stop.recv_timeout(Duration::from_secs(3)).is_err() {
                put(b, 1);
            }
        });
        timed(
            w,
            "tv_sec=-1 (killed after 3 s when it blocks)",
            Some((-1, 0)),
            (0.0, 200.0),
        );
        drop(done);
    });
}

/// Says whether the call took at least and at most so many milliseconds.
fn timed(w: &mut World, what: &str, time: Option<Time>, (least, most): (f64, f64)) {
    let (mut outcome, mut elapsed) = wait_measured(w, time);
    // A busy machine may take its time, too; a provider that is late is late each time.
    for _ in 0..2 {
        if elapsed >= most && outcome.as_ref().is_ok_and(Vec::is_empty) {
            (outcome, elapsed) = wait_measured(w, time);
        }
    }
    let result = match outcome {
        Ok(events) => events.len().to_string(),
        Err(errno) => format!("-1 {}", error_name(i64::from(errno))),
    };
    let (late_enough, in_time) = (yes_or_no(elapsed >= least), yes_or_no(elapsed < most));
    w.say(&format!(
        "{what}: {result} elapsed>={least}ms:{late_enough} <{most}ms:{in_time}"
    ));
}

fn wait_measured(w: &World, time: Option<Time>) -> (Result<Vec<Entry>, i32>, f64) {
    let start = Instant::now();
    let outcome = ffi::kevent(w.kq.as_raw_fd(), &[], 4, Lists::Apart, time);
    (outcome, start.elapsed().as_secs_f64() * 1e3)
}

fn immediate(w: &mut World, what: &str, changes: &[Entry], time: Option<Time>) {
    let start = Instant::now();
    let count = ffi::kevent(w.kq.as_raw_fd(), changes, 0, Lists::Apart, time).map_or(-1, |_| 0);
    w.say(&format!(
        "{what}: {count} immediate:{}",
        yes_or_no(start.elapsed() < Duration::from_secs(1))
    ));
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

pub(super) fn user(w: &mut World) {
    let exists = w.change("EV_ADD|EV_CLEAR", knote(ADD | CLEAR, 0, 42));
    w.poll("not triggered");
    for _ in 0..3 {
        w.set(trigger());
    }
    w.poll("3 triggers");
    w.poll("again");
    w.set(trigger());
    w.poll("1 more");
    w.set(knote(0, NOTE_TRIGGER | NOTE_FFCOPY | 0x55, 42));
    w.poll("NOTE_FFCOPY 0x55");
    if exists {
        triggered_by_another_thread(w);
    }
    user_modes(w);
}

fn triggered_by_another_thread(w: &mut World) {
    let kq = w.kq.as_raw_fd();
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(80));
            ffi::kevent(kq, &[trigger()], 0, Lists::Apart, None)
        });
        timed(
            w,
            "blocked, triggered from another thread",
            Some((5, 0)),
            (60.0, 4000.0),
        );
    });
}

fn user_modes(w: &mut World) {
    w.begin("user/level");
    w.change("EV_ADD no EV_CLEAR", knote(ADD, 0, 42));
    w.set(trigger());
    w.poll("1st");
    w.poll("2nd");

    w.begin("user/add+trigger");
    w.change(
        "EV_ADD|EV_CLEAR + NOTE_TRIGGER in one",
        knote(ADD | CLEAR, NOTE_TRIGGER, 42),
    );
    w.poll("1st");

    w.begin("user/trigger+EV_CLEAR");
    w.set(knote(ADD | CLEAR, 0, 42));
    w.change(
        "existing knote: EV_ADD|EV_CLEAR + NOTE_TRIGGER",
        knote(ADD | CLEAR, NOTE_TRIGGER, 42),
    );
    w.poll("1st");

    w.begin("user/trigger+EV_ADD");
    w.set(knote(ADD | CLEAR, 0, 42));
    w.change(
        "existing knote: EV_ADD + NOTE_TRIGGER",
        knote(ADD, NOTE_TRIGGER, 42),
    );
    w.poll("1st");
    w.poll("2nd");

    w.begin("user/udata");
    w.set(knote(ADD | CLEAR, 0, 42));
    w.set(knote(0, NOTE_TRIGGER, 0));
    w.poll("trigger with udata 0");

    w.begin("user/unregistered");
    w.change("trigger without EV_ADD", knote(0, NOTE_TRIGGER, 0));

    w.begin("user/oneshot");
    w.set(knote(ADD | ONESHOT, 0, 42));
    w.set(trigger());
    w.poll("1st");
    w.poll("2nd");
    w.change("EV_DELETE after it fired", knote(DELETE, 0, 42));

    w.begin("user/dispatch");
    w.set(knote(ADD | CLEAR | DISPATCH, 0, 42));
    w.set(trigger());
    w.poll("1st");
    w.set(trigger());
    w.poll("triggered while disabled");
    w.set(knote(ENABLE, 0, 42));
    w.poll("EV_ENABLE");

    w.begin("user/delete-pending");
    w.set(knote(ADD | CLEAR, 0, 42));
    w.set(trigger());
    w.set(knote(DELETE, 0, 42));
    w.poll("deleted with a pending trigger");
}

fn knote(flags: u32, fflags: u32, udata: usize) -> Entry {
    Entry {
        ident: 1,
        filter: User,
        flags,
        fflags,
        data: 0,
        udata,
    }
}

fn trigger() -> Entry {
    knote(0, NOTE_TRIGGER, 42)
}
