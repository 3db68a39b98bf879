//! Faults that were found by reading: each test failed before its fault was mended.
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_core::Head;

use super::rig::{GET, Rig, SHUT, hello, post, seconds};
use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::Settings;
use crate::driver::socket::Ready;
use crate::handler::{
    BodySink, BodySource, Context, Decision, FileGuard, FileSlice, Notifier, Pulled, Reply, Took,
};

#[test]
fn lingering_ends_in_all_also_when_reads_are_less_than_a_millisecond_apart() {
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    assert_eq!(rig.connection.phase(), Phase::Lingering);
    // 60 s of a byte each 0.9 ms; twice linger_time.
    for _ in 0..66_667 {
        if rig.pass(Duration::from_micros(900)).is_some() {
            return;
        }
        rig.arrive("x");
    }
    panic!("still {:?} after 60 s", rig.connection.phase());
}

#[derive(Clone, Default)]
struct Pauses(Arc<Mutex<Option<Notifier>>>, bool);

impl BodySink for Pauses {
    fn begin(&mut self, cx: &mut Context<'_>) -> Took {
        if self.1 {
            *self.0.lock().unwrap() = Some(cx.notifier());
        }
        Took::Pause
    }
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Took {
        Took::More
    }
    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        "thank you".into()
    }
}

#[test]
fn a_sink_that_pauses_before_a_body_without_bytes_answers_when_it_goes_on() {
    let sink = Pauses(Arc::default(), true);
    let handed = sink.clone();
    let mut rig =
        Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| Decision::Stream(Box::new(handed.clone())));
    rig.arrive(post(0));
    assert_eq!(rig.connection.phase(), Phase::Paused);
    sink.0.lock().unwrap().as_ref().unwrap().notify();
    rig.deliver();
    assert_eq!((rig.statuses(), rig.connection.phase()), (vec![200], Phase::Idle));
}

#[test]
fn a_pause_that_nobody_can_end_before_a_body_without_bytes_is_none() {
    let sink = Pauses(Arc::default(), false);
    let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| Decision::Stream(Box::new(sink.clone())));
    rig.arrive(post(0));
    assert_eq!((rig.statuses(), rig.connection.phase()), (vec![200], Phase::Idle));
}

#[derive(Debug)]
struct Guard;
impl FileGuard for Guard {
    fn is_unchanged(&self, _: BorrowedFd<'_>) -> io::Result<bool> {
        panic!("on purpose")
    }
    fn read(&self, _: BorrowedFd<'_>, _: u64, _: &mut [u8]) -> io::Result<usize> {
        panic!("on purpose")
    }
}

#[test]
fn a_guard_of_a_file_that_panics_costs_its_own_connection() {
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        Decision::from(FileSlice {
            file: file.into(),
            offset: 0,
            len: 10,
            guard: Some(Box::new(Guard)),
        })
    });
    assert_eq!(rig.arrive(GET), Wait::Nothing);
}

/// A source with a wait timeout of its own.
struct Timed;
impl BodySource for Timed {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.extend_from_slice(b"news");
        Pulled::Wait
    }
    fn wait_timeout(&self) -> Option<Duration> {
        Some(seconds(2))
    }
}

#[test]
fn the_own_timeout_of_a_source_is_for_one_wait_also_after_a_fin() {
    let place: Arc<Mutex<Option<Notifier>>> = Arc::default();
    let given = place.clone();
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        *given.lock().unwrap() = Some(cx.notifier());
        Decision::from(Box::new(Timed) as Box<dyn BodySource>)
    });
    rig.arrive(GET);
    rig.turn(SHUT);
    for n in 0..8 {
        assert_eq!(rig.pass(seconds(1)), None, "no wait took 2 s, second {n}");
        place.lock().unwrap().as_ref().unwrap().notify();
        rig.deliver();
        assert_eq!(rig.connection.phase(), Phase::HalfClosed);
    }
}

#[test]
fn the_time_of_a_half_closed_stream_is_not_renewed_by_bytes_that_wait_for_room() {
    let place: Arc<Mutex<Option<Notifier>>> = Arc::default();
    let given = place.clone();
    struct News;
    impl BodySource for News {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            out.extend_from_slice(b"news");
            Pulled::Wait
        }
    }
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        *given.lock().unwrap() = Some(cx.notifier());
        Decision::from(Box::new(News) as Box<dyn BodySource>)
    });
    rig.arrive(GET);
    rig.turn(SHUT);
    for n in 0..100 {
        if rig.pass(seconds(9)).is_some() {
            return;
        }
        place.lock().unwrap().as_ref().unwrap().notify();
        rig.wire().room = Some(1);
        rig.deliver();
        rig.room(100);
        assert_eq!(rig.connection.phase(), Phase::HalfClosed, "{n}");
    }
    panic!("a half-closed stream lives for 900 s");
}

#[test]
fn a_silent_connection_that_is_fresh_gets_no_more_in_a_drain_than_an_idle_one() {
    let mut rig = Rig::with(hello, Settings::default());
    rig.drain();
    let end = rig.pass(Settings::default().drain_idle_timeout);
    assert_eq!(end, Some(Wait::Nothing));
}

#[test]
fn an_empty_line_is_no_first_byte_of_a_head() {
    let mut rig = Rig::new(hello);
    rig.arrive("\r\n");
    assert_eq!(
        rig.pass(Settings::default().head_timeout + seconds(1)),
        Some(Wait::Nothing)
    );
}

/// A protocol that waits for bytes and never reads them.
struct Deaf(Arc<Mutex<u32>>);
impl crate::handler::Protocol for Deaf {
    fn ready(
        &mut self,
        _: &mut crate::handler::Io<'_>,
        _: crate::handler::Happened,
        _: std::time::Instant,
    ) -> crate::handler::Wants {
        *self.0.lock().unwrap() += 1;
        crate::handler::Wants::Nothing
    }
}

#[test]
fn a_protocol_that_wants_nothing_is_not_called_for_bytes() {
    let count: Arc<Mutex<u32>> = Arc::default();
    let given = count.clone();
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("upgrade", "deaf");
        Decision::Upgrade(Box::new(Deaf(given.clone())))
    });
    rig.arrive("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: deaf\r\n\r\n");
    rig.turn(Ready::NOTHING);
    let before = *count.lock().unwrap();
    for _ in 0..10 {
        rig.arrive("x");
    }
    assert_eq!(
        (*count.lock().unwrap(), rig.connection.phase()),
        (before, Phase::Upgraded(crate::handler::Wants::Nothing))
    );
}

#[derive(Clone)]
struct Stops(Arc<Mutex<Vec<(String, u16)>>>);
impl crate::handler::Handler for Stops {
    fn head(&mut self, head: &Head<'_>, _: &mut Context<'_>) -> Decision {
        assert_ne!(head.target().path(), "/panic");
        "hello".into()
    }
    fn done(&mut self, outcome: &crate::handler::Outcome<'_>) -> crate::handler::Watch {
        let target = String::from_utf8(outcome.target.to_vec()).unwrap();
        self.0.lock().unwrap().push((target, outcome.status));
        crate::handler::Watch::Stop
    }
}

#[test]
fn a_request_whose_handler_panics_is_told_of_with_its_own_target_or_not_at_all() {
    let heard = Arc::default();
    let mut rig = Rig::new(Stops(Arc::clone(&heard)));
    rig.arrive(GET);
    rig.arrive("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    let heard = heard.lock().unwrap();
    assert!(heard.iter().all(|(target, _)| !target.is_empty()), "{heard:?}");
}

#[test]
fn the_bytes_of_an_upgrade_are_those_that_were_sent() {
    #[derive(Clone)]
    struct Reads(Arc<Mutex<Vec<u64>>>);
    impl crate::handler::Handler for Reads {
        fn head(&mut self, _: &Head<'_>, cx: &mut Context<'_>) -> Decision {
            cx.field("upgrade", "deaf");
            Decision::Upgrade(Box::new(Reader))
        }
        fn done(&mut self, outcome: &crate::handler::Outcome<'_>) -> crate::handler::Watch {
            self.0.lock().unwrap().push(outcome.bytes);
            crate::handler::Watch::GoOn
        }
    }
    struct Reader;
    impl crate::handler::Protocol for Reader {
        fn ready(
            &mut self,
            io: &mut crate::handler::Io<'_>,
            _: crate::handler::Happened,
            _: std::time::Instant,
        ) -> crate::handler::Wants {
            let mut buffer = [0; 100];
            match std::io::Read::read(io, &mut buffer) {
                Ok(_) => crate::handler::Wants::Close,
                Err(_) => crate::handler::Wants::Read,
            }
        }
    }
    let heard = Arc::default();
    let mut rig = Rig::new(Reads(Arc::clone(&heard)));
    rig.arrive("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: deaf\r\n\r\n");
    rig.turn(Ready::NOTHING);
    rig.arrive("0123456789");
    assert_eq!(*heard.lock().unwrap(), [0]);
}

#[test]
fn kept_fields_stand_on_an_answer_from_elsewhere() {
    let mut rig = Rig::new(|_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("x-kept", "yes").keep();
        let (ticket, completer) = cx.later();
        drop(completer);
        Decision::Respond(Reply::Later(ticket))
    });
    rig.arrive(GET);
    rig.deliver();
    let sent = rig.sent();
    assert!(sent.contains(" 500 ") && sent.contains("x-kept"), "{sent}");
}
