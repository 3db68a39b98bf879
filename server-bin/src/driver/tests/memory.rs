//! What a connection holds in its worker's memory, and what becomes of it when that is short.

use http_core::Head;

use super::rig::{GET, READABLE, Rig, echo, hello, post};
use crate::driver::buffers::READ_SIZE;
use crate::driver::handler::End;
use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::Settings;
use crate::handler::{BodySink, BodySource, Context, Decision, Pulled, Reply, Took};

const MIB: usize = 1024 * 1024;

/// A head of so many bytes and some more, but for its last CRLF.
fn half_a_head(bytes: usize) -> String {
    let line = format!("X: {}\r\n", "x".repeat(995));
    format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(bytes / 1000))
}

/// So much that others hold is counted that it is tight.
fn make_tight(rig: &mut Rig) {
    let most = rig.kit.memory.most();
    rig.kit.memory.change(0, most / 4 * 3);
}

fn give_up(rig: &mut Rig) -> Wait {
    let turn = rig.connection.give_up(0, &mut rig.inlet, &mut rig.kit);
    rig.took(turn)
}

fn collect(_: &Head<'_>, _: &mut Context<'_>) -> Decision {
    Decision::buffer(u64::MAX, |body, _| body.len().to_string().into())
}

#[test]
fn what_a_connection_holds_is_counted_until_it_is_done_with_it() {
    let mut rig = Rig::new(echo);
    rig.arrive(half_a_head(20_000));
    let held = rig.kit.memory.held();
    assert!((20_000..80_000).contains(&held), "{held}");
    rig.arrive("\r\n");
    assert_eq!((rig.kit.memory.held(), rig.owns_nothing()), (0, true));
    rig.arrive(post(1000) + &"x".repeat(999));
    assert!(rig.kit.memory.held() >= 999);
    rig.connection.cut(End::Stopped, &mut rig.kit);
    assert_eq!(rig.kit.memory.held(), 0);
    // Answers that nobody takes are held, too.
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(0);
    rig.arrive(GET.repeat(20));
    assert!(rig.kit.memory.held() > 20 * 100);
    rig.wire().incoming.clear();
    rig.room(1_000_000);
    assert_eq!(rig.kit.memory.held(), 0);
}

#[test]
fn a_buffer_that_was_large_once_does_not_stay_large() {
    let large = |_: &Head<'_>, _: &mut Context<'_>| -> Decision { "x".repeat(60_000).into() };
    let mut rig = Rig::new(large);
    rig.wire().room = Some(0);
    rig.arrive(GET.repeat(4));
    assert!(rig.kit.memory.held() > 200_000);
    rig.room(239_000);
    let held = rig.kit.memory.held();
    assert!(!rig.owns_nothing() && held < 20_000, "{held} for its last bytes");
    rig.room(10_000_000);
    assert!(rig.owns_nothing());
    // The pool keeps what the next request of the usual size needs, and no more.
    rig.arrive(half_a_head(30_000));
    rig.arrive("\r\n");
    assert!(rig.owns_nothing() && rig.kit.pool.take().size() < 20_000);
}

#[test]
fn when_memory_is_tight_what_holds_much_waits_for_room_and_everything_else_goes_on() {
    let mut rig = Rig::new(collect);
    make_tight(&mut rig);
    assert_eq!(rig.arrive(GET), Wait::Read, "it needs no room");
    assert_eq!(rig.arrive(half_a_head(10_000)), Wait::Read, "it holds little");
    let mut rig = Rig::new(collect);
    make_tight(&mut rig);
    assert_eq!(rig.arrive(half_a_head(20_000)), Wait::Memory);
    let mut rig = Rig::new(collect);
    rig.arrive(post(100_000) + &"x".repeat(50_000));
    make_tight(&mut rig);
    assert_eq!(rig.arrive("x"), Wait::Memory);
    // A turn that finds room goes on as if nothing had been.
    let most = rig.kit.memory.most();
    rig.kit.memory.change(most, 0);
    assert_eq!(rig.arrive("x".repeat(49_999)), Wait::Read);
    assert!(rig.sent().ends_with("\r\n\r\n100000"));
}

/// Takes bytes and keeps them.
struct Keeps(Vec<u8>);

impl BodySink for Keeps {
    fn data(&mut self, bytes: &[u8], _: &mut Context<'_>) -> Took {
        self.0.extend_from_slice(bytes);
        Took::More
    }

    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        "taken".into()
    }

    fn memory(&self) -> usize {
        self.0.capacity()
    }
}

#[test]
fn what_sinks_and_sources_say_that_they_hold_is_counted_and_a_sink_is_not_kept_waiting() {
    let sink = |_: &Head<'_>, _: &mut Context<'_>| Decision::Stream(Box::new(Keeps(Vec::new())));
    let mut rig = Rig::new(sink);
    make_tight(&mut rig);
    let before = rig.kit.memory.held();
    assert_eq!(rig.arrive(post(200_000) + &"x".repeat(50_000)), Wait::Read);
    assert!(rig.kit.memory.held() - before >= 50_000);
    // A source of a large body that nobody takes.
    let mut rig = Rig::new(burst(1000));
    rig.wire().room = Some(0);
    rig.arrive(GET);
    assert!(rig.kit.memory.held() >= MIB);
}

#[test]
fn given_up_a_request_is_answered_with_503_and_any_other_connection_ends() {
    let later = |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        // Its thread takes its time.
        std::mem::forget(completer);
        Decision::Respond(ticket.into())
    };
    let mut promised = Rig::new(later);
    promised.arrive(GET);
    let mut head = Rig::new(hello);
    head.arrive(half_a_head(1000));
    let mut body = Rig::new(collect);
    body.arrive(post(10) + "x");
    for rig in [&mut promised, &mut head, &mut body] {
        assert!(rig.connection.stands_still().is_some());
        give_up(rig);
        let sent = rig.sent();
        assert!(sent.starts_with("HTTP/1.1 503 "), "{sent}");
        assert!(
            sent.contains("\r\nretry-after: 1\r\n") && sent.contains("\r\nconnection: close\r\n"),
            "{sent}"
        );
        assert_eq!(rig.kit.memory.held(), 0, "nothing is kept while it lingers");
    }
    let mut unread = Rig::new(hello);
    unread.wire().room = Some(0);
    unread.arrive(GET);
    assert_eq!(give_up(&mut unread), Wait::Nothing);
    assert_eq!(unread.kit.memory.held(), 0);
    assert!(
        unread.wire().given_up,
        "the kernel keeps for it what is given up here"
    );
    // Between requests nothing is held, so there is nothing to give up.
    let mut idle = Rig::new(hello);
    idle.arrive(GET);
    assert_eq!(
        (idle.connection.phase(), idle.connection.stands_still()),
        (Phase::Idle, None)
    );
}

/// Makes so many kilobytes in one pull, and says that it holds a megabyte.
struct Burst(usize);

impl BodySource for Burst {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.resize(self.0 * 1000, b'x');
        Pulled::End
    }

    fn memory(&self) -> usize {
        MIB
    }
}

fn burst(kilobytes: usize) -> impl Fn(&Head<'_>, &mut Context<'_>) -> Decision + Clone + Send + 'static {
    move |_, _| Decision::Respond(Reply::Pull(Box::new(Burst(kilobytes))))
}

#[test]
fn a_pull_for_which_there_is_no_room_ends_its_connection_and_leaves_nothing() {
    let settings = Settings {
        worker_memory: 4 * MIB,
        ..Settings::default()
    };
    for (kilobytes, fits) in [(250, true), (2000, true), (2200, false), (60_000, false)] {
        let mut rig = Rig::with(burst(kilobytes), settings.clone());
        rig.arrive(GET);
        while rig.wait == Wait::Yield {
            rig.turn(READABLE);
        }
        let sent = rig.sent();
        let is_whole = sent.ends_with("\r\n0\r\n\r\n");
        assert_eq!(is_whole, fits, "{kilobytes} kB");
        assert_eq!(rig.wait, if fits { Wait::Read } else { Wait::Nothing });
        let kept = rig.kit.out.capacity() + rig.kit.scratch.capacity();
        assert!(kept <= MIB, "{kept} bytes are kept after {kilobytes} kB");
    }
    // What any turn may make is no more than others have for their input.
    let mut rig = Rig::with(burst(250), settings);
    rig.kit.memory.change(0, 8 * MIB);
    rig.arrive(GET);
    assert!(rig.sent().ends_with("\r\n0\r\n\r\n"));
}

/// Makes four megabytes in one pull, and says nothing of them.
struct Unsaid;

impl BodySource for Unsaid {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.resize(4 * MIB, b'x');
        Pulled::End
    }
}

#[test]
fn what_one_turn_took_and_freed_is_given_back_to_the_system_later() {
    let answer = |head: &Head<'_>, _: &mut Context<'_>| -> Decision {
        match head.path() {
            b"/source" => Decision::Respond(Reply::Pull(Box::new(Unsaid))),
            b"/bytes" => vec![b'x'; 4 * MIB].into(),
            _ => "little".into(),
        }
    };
    for (path, is_much) in [("/source", true), ("/bytes", true), ("/", false)] {
        let mut rig = Rig::new(answer);
        rig.arrive(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        while rig.wait == Wait::Yield {
            rig.turn(READABLE);
        }
        assert_eq!(rig.sent().len() > 4 * MIB, is_much, "{path}");
        assert!(rig.owns_nothing(), "{path}");
        assert_eq!(rig.kit.memory.wants_look(), is_much, "{path}");
        let (first, second) = (rig.kit.memory.look(), rig.kit.memory.look());
        assert_eq!(first.has_fallen || second.has_fallen, is_much, "{path}");
    }
}

#[test]
fn a_body_that_would_take_more_than_half_of_the_memory_is_refused_at_once() {
    let settings = Settings {
        worker_memory: 2 * MIB,
        ..Settings::default()
    };
    let mut rig = Rig::with(collect, settings.clone());
    rig.arrive(post(MIB));
    for _ in 0..MIB / READ_SIZE {
        rig.arrive("x".repeat(READ_SIZE));
    }
    assert_eq!(rig.statuses(), [200]);
    let mut rig = Rig::with(collect, settings.clone());
    rig.arrive(post(MIB + 1));
    assert_eq!(rig.statuses(), [413]);
    // One in chunks takes no more for it, either, however its buffer has grown.
    let mut rig = Rig::with(collect, settings);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..MIB / 16_000 {
        rig.arrive(format!("3e80\r\n{}\r\n", "x".repeat(16_000)));
        assert!(rig.kit.memory.held() < MIB + MIB / 4, "{}", rig.kit.memory.held());
    }
    rig.arrive("0\r\n\r\n");
    assert_eq!(rig.statuses(), [200]);
}
