//! Response bodies whose source has nothing to send for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_core::Head;

use super::rig::{GET, GONE, Rig, SHUT, answers, seconds};
use crate::driver::phase::{Phase, Then, Wait};
use crate::driver::settings::Settings;
use crate::driver::socket::Ready;
use crate::handler::{BodySource, Context, Decision, Notifier, Pulled};

/// A source that does what a test says, and waits when nothing was said.
#[derive(Clone, Default)]
struct Puppet(Arc<Mutex<Strings>>);

#[derive(Default)]
struct Strings {
    next: VecDeque<(&'static str, Pulled)>,
    pulled: usize,
    drained: usize,
    /// It ends when it hears of a drain.
    ends_at_drain: bool,
    /// What another thread has to send just when the next pull has looked.
    rings_behind_look: Option<&'static str>,
    timeout: Option<Duration>,
    notifier: Option<Notifier>,
}

impl Puppet {
    fn strings(&self) -> MutexGuard<'_, Strings> {
        self.0.lock().unwrap()
    }

    /// What the next pull gets.
    fn says(&self, text: &'static str, pulled: Pulled) -> &Self {
        self.strings().next.push_back((text, pulled));
        self
    }

    fn notify(&self) {
        let notifier = self.strings().notifier.clone();
        notifier.expect("a request has come").notify();
    }

    /// The last notifier goes.
    fn lets_go(&self) {
        let notifier = self.strings().notifier.take();
        drop(notifier);
    }

    fn pulled(&self) -> usize {
        self.strings().pulled
    }

    fn handler(&self) -> impl FnMut(&Head<'_>, &mut Context<'_>) -> Decision + Clone + Send + use<> {
        let puppet = self.clone();
        move |_: &Head<'_>, cx: &mut Context<'_>| {
            puppet.strings().notifier = Some(cx.notifier());
            Decision::from(Box::new(puppet.clone()) as Box<dyn BodySource>)
        }
    }

    /// A connection that has asked for it.
    fn asked(&self) -> Rig {
        let mut rig = Rig::new(self.handler());
        rig.arrive(GET);
        rig
    }
}

impl BodySource for Puppet {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        let mut strings = self.strings();
        strings.pulled += 1;
        if strings.ends_at_drain && strings.drained > 0 {
            return Pulled::End;
        }
        let (text, pulled) = strings.next.pop_front().unwrap_or(("", Pulled::Wait));
        out.extend_from_slice(text.as_bytes());
        let late = strings.rings_behind_look.take();
        drop(strings);
        if let Some(text) = late {
            self.says(text, Pulled::Wait).notify();
        }
        pulled
    }

    fn wait_timeout(&self) -> Option<Duration> {
        self.strings().timeout
    }

    fn drain(&mut self) {
        self.strings().drained += 1;
    }
}

#[test]
fn news_that_comes_when_a_pull_has_looked_is_not_lost() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    rig.sent();
    puppet.strings().rings_behind_look = Some("second");
    puppet.says("first", Pulled::Wait).notify();
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, "5\r\nfirst\r\n"));
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, "6\r\nsecond\r\n"));
}

#[test]
fn a_source_that_waits_is_pulled_again_when_its_notifier_fires_and_not_before() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    assert_eq!(
        (rig.wait, rig.connection.phase()),
        (Wait::Elsewhere, Phase::Starved)
    );
    let head = rig.sent();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    rig.turn(Ready::NOTHING);
    assert_eq!(puppet.pulled(), 1);

    puppet.says("news", Pulled::Wait).notify();
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, "4\r\nnews\r\n"));
    assert_eq!(
        (puppet.pulled(), rig.wait),
        (2, Wait::Elsewhere),
        "once for each time that it waits"
    );

    puppet.says("end", Pulled::End).notify();
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, "3\r\nend\r\n0\r\n\r\n"));
    assert_eq!((rig.wait, rig.connection.phase()), (Wait::Read, Phase::Idle));
    drop(puppet.strings().notifier.take());
    rig.deliver();
    assert!(rig.owns_nothing());
}

#[test]
fn firing_twice_is_firing_once_and_firing_late_is_nothing() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    for _ in 0..100 {
        puppet.notify();
    }
    assert_eq!((rig.deliver(), puppet.pulled()), (1, 2));
    puppet.notify();
    assert_eq!(
        (rig.deliver(), puppet.pulled()),
        (1, 3),
        "the next one counts again"
    );

    puppet.says("", Pulled::End).notify();
    rig.deliver();
    let late = puppet.strings().notifier.take();
    // The next request waits, too, and must not be woken by the first one's notifier.
    rig.arrive(GET);
    let pulled = puppet.pulled();
    late.unwrap().notify();
    rig.deliver();
    assert_eq!(
        (rig.connection.phase(), puppet.pulled()),
        (Phase::Starved, pulled)
    );
}

#[test]
fn news_for_unsent_bytes_wait_until_these_have_left() {
    let puppet = Puppet::default();
    puppet.says("first", Pulled::Wait);
    let mut rig = Rig::new(puppet.handler());
    rig.wire().room = Some(10);
    assert_eq!(rig.arrive(GET), Wait::Write);
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Starved));
    assert_eq!(rig.room(5), Wait::Write);
    assert_eq!(puppet.pulled(), 1);
    puppet.says("second", Pulled::Wait).notify();
    rig.deliver();
    assert_eq!(
        (rig.connection.phase(), puppet.pulled()),
        (Phase::Unsent(Then::Send), 1),
        "the client has not taken what came before"
    );
    assert_eq!((rig.room(10_000), puppet.pulled()), (Wait::Elsewhere, 2));
    assert!(rig.sent().ends_with("5\r\nfirst\r\n6\r\nsecond\r\n"));

    // Without news nothing is pulled when they have left.
    puppet.says("third", Pulled::Wait).notify();
    rig.wire().room = Some(3);
    rig.deliver();
    assert_eq!(
        (rig.room(10_000), rig.connection.phase()),
        (Wait::Elsewhere, Phase::Starved)
    );
    assert_eq!(puppet.pulled(), 3);
}

#[test]
fn news_between_two_turns_of_an_answer_change_nothing() {
    let puppet = Puppet::default();
    let large: &str = "x".repeat(300 * 1024).leak();
    puppet.says(large, Pulled::More).says("end", Pulled::End);
    let mut rig = puppet.asked();
    assert_eq!((rig.wait, rig.connection.phase()), (Wait::Yield, Phase::Sending));
    puppet.notify();
    assert_eq!(rig.deliver(), 1);
    while rig.wait == Wait::Yield {
        rig.turn(Ready::NOTHING);
    }
    assert!(rig.sent().ends_with("3\r\nend\r\n0\r\n\r\n"));
    assert_eq!(rig.connection.phase(), Phase::Idle);
}

#[test]
fn a_source_is_pulled_when_the_bytes_before_have_left() {
    let puppet = Puppet::default();
    puppet.says("one", Pulled::More).says("two", Pulled::More);
    let mut rig = Rig::new(puppet.handler());
    rig.wire().room = Some(20);
    rig.arrive(GET);
    assert_eq!(puppet.pulled(), 1);
    rig.room(10_000);
    assert_eq!(puppet.pulled(), 3);
}

#[test]
fn when_the_last_notifier_goes_a_source_that_waits_has_failed() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    puppet.lets_go();
    assert_eq!((rig.deliver(), rig.wait), (1, Wait::Nothing));
    assert!(
        !rig.sent().contains("\r\n0\r\n"),
        "the client can see that it is cut"
    );

    // News from before it went are seen, also when the pull ends with a wait.
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    puppet.says("last", Pulled::More).says("!", Pulled::End).lets_go();
    rig.deliver();
    assert!(rig.sent().ends_with("4\r\nlast\r\n1\r\n!\r\n0\r\n\r\n"));
    assert_eq!(rig.wait, Wait::Read);

    // They came between the pull that found nothing and the end of the last notifier.
    let puppet = Puppet::default();
    puppet.says("", Pulled::Wait).says("seen", Pulled::End);
    let source = puppet.clone();
    let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| {
        Decision::from(Box::new(source.clone()) as Box<dyn BodySource>)
    });
    rig.arrive(GET);
    assert!(rig.sent().ends_with("4\r\nseen\r\n0\r\n\r\n"));
}

#[test]
fn a_completer_alone_is_nobody_that_a_source_may_wait_for() {
    let (puppet, completer) = (Puppet::default(), Arc::new(Mutex::new(None)));
    let (source, place) = (puppet.clone(), Arc::clone(&completer));
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        *place.lock().unwrap() = Some(cx.later().1);
        Decision::from(Box::new(source.clone()) as Box<dyn BodySource>)
    });
    assert_eq!(rig.arrive(GET), Wait::Nothing, "nobody would ever wake it");

    // Once it has given a notifier out, the source waits for that.
    let kept = Arc::new(Mutex::new(None));
    let (source, place) = (puppet.clone(), Arc::clone(&kept));
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let completer = cx.later().1;
        let notifier = completer.notifier();
        *place.lock().unwrap() = Some((completer, notifier));
        Decision::from(Box::new(source.clone()) as Box<dyn BodySource>)
    });
    assert_eq!(rig.arrive(GET), Wait::Elsewhere);
    kept.lock().unwrap().take();
    rig.deliver();
    assert_eq!(rig.wait, Wait::Nothing);
}

#[test]
fn a_source_waits_for_ever_or_as_long_as_it_says() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    assert_eq!(
        rig.pass(seconds(1_000_000)),
        None,
        "no timeout of the client runs"
    );

    puppet.strings().timeout = Some(seconds(5));
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.pass(seconds(4)), None);
    // What the client sends meanwhile, and nobody reads, prolongs nothing.
    rig.arrive("x");
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing));

    let mut rig = puppet.asked();
    for _ in 0..5 {
        assert_eq!(rig.pass(seconds(4)), None, "each wait has its own time");
        puppet.notify();
        rig.deliver();
    }
    assert_eq!(rig.pass(seconds(5)), Some(Wait::Nothing));
}

#[test]
fn unsent_bytes_of_a_source_that_waits_start_the_write_timeout() {
    let puppet = Puppet::default();
    puppet.says("text", Pulled::Wait);
    let mut rig = Rig::new(puppet.handler());
    rig.wire().room = Some(10);
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(59)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing));
}

#[test]
fn a_stream_whose_peer_has_shut_its_side_ends_within_a_time() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    assert_eq!(
        (rig.turn(SHUT), rig.connection.phase()),
        (Wait::Elsewhere, Phase::HalfClosed)
    );
    assert_eq!(rig.pass(seconds(9)), None);
    // The peer may still read: it is told of news, and that prolongs nothing.
    puppet.says("news", Pulled::Wait).notify();
    rig.deliver();
    assert!(rig.sent().ends_with("4\r\nnews\r\n"));
    assert_eq!(rig.connection.phase(), Phase::HalfClosed);
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing));

    // It was told of while the connection could not write, and remembered.
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    rig.turn(SHUT);
    puppet.says("news", Pulled::Wait).notify();
    rig.wire().room = Some(1);
    rig.deliver();
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Starved));
    assert_eq!(
        (rig.room(100), rig.connection.phase()),
        (Wait::Elsewhere, Phase::HalfClosed)
    );
    assert_eq!(rig.pass(seconds(10)), Some(Wait::Nothing));
    assert_eq!(puppet.pulled(), 2);

    // The source's own time may be shorter.
    let puppet = Puppet::default();
    puppet.strings().timeout = Some(seconds(3));
    let mut rig = puppet.asked();
    rig.turn(SHUT);
    assert_eq!(rig.pass(seconds(3)), Some(Wait::Nothing));
}

#[test]
fn a_stream_whose_peer_is_gone_ends_at_once() {
    let puppet = Puppet::default();
    let mut rig = puppet.asked();
    assert_eq!(rig.turn(GONE), Wait::Nothing);
    puppet.notify();
    rig.deliver();
    assert_eq!(puppet.pulled(), 1);
}

#[test]
fn a_source_hears_of_a_drain_once_and_is_pulled_so_that_it_can_end() {
    let puppet = Puppet::default();
    puppet.strings().ends_at_drain = true;
    let mut rig = puppet.asked();
    rig.sent();
    rig.drain();
    assert_eq!(rig.sent(), "0\r\n\r\n");
    assert_eq!(puppet.strings().drained, 1);

    // One that begins afterwards hears it before its first pull.
    let puppet = Puppet::default();
    puppet.strings().ends_at_drain = true;
    let mut rig = Rig::new(puppet.handler());
    rig.kit.lent.draining = true;
    rig.arrive(GET);
    assert!(rig.sent().ends_with("\r\n\r\n0\r\n\r\n"));
    assert_eq!(puppet.strings().drained, 1);

    // One with unsent bytes hears it, too.
    let puppet = Puppet::default();
    puppet.strings().ends_at_drain = true;
    puppet.says("text", Pulled::Wait);
    let mut rig = Rig::new(puppet.handler());
    rig.wire().room = Some(10);
    rig.arrive(GET);
    rig.drain();
    assert_eq!((rig.wait, puppet.pulled()), (Wait::Write, 1));
    rig.room(10_000);
    assert!(rig.sent().ends_with("4\r\ntext\r\n0\r\n\r\n"));
}

#[test]
fn a_source_that_panics_costs_its_own_connection_at_whatever_it_is_asked() {
    struct Panicking(&'static str);
    impl BodySource for Panicking {
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            assert_ne!(self.0, "pull");
            Pulled::Wait
        }
        fn wait_timeout(&self) -> Option<Duration> {
            assert_ne!(self.0, "wait_timeout");
            None
        }
        fn drain(&mut self) {
            assert_ne!(self.0, "drain");
        }
    }
    for (method, want) in [
        ("pull", Wait::Nothing),
        ("wait_timeout", Wait::Elsewhere),
        ("drain", Wait::Elsewhere),
    ] {
        let notifiers = Arc::new(Mutex::new(Vec::new()));
        let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
            notifiers.lock().unwrap().push(cx.notifier());
            Decision::from(Box::new(Panicking(method)) as Box<dyn BodySource>)
        });
        rig.arrive(GET);
        if rig.wait != Wait::Nothing {
            rig.drain();
        }
        assert_eq!(rig.wait, want, "{method}");
    }
}

#[test]
fn a_source_that_knows_its_length_is_held_to_it() {
    struct Sized(&'static str, u64);
    impl BodySource for Sized {
        fn length(&self) -> Option<u64> {
            Some(self.1)
        }
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            out.extend_from_slice(self.0.as_bytes());
            Pulled::End
        }
    }
    for (length, want) in [(4, Wait::Read), (5, Wait::Nothing), (3, Wait::Nothing)] {
        let mut rig = Rig::with(
            move |_: &Head<'_>, _: &mut Context<'_>| {
                Decision::from(Box::new(Sized("text", length)) as Box<dyn BodySource>)
            },
            Settings::default(),
        );
        assert_eq!(rig.arrive(GET), want, "{length}");
        if want == Wait::Read {
            assert_eq!(answers(&rig.sent()), [(200, "text".into())]);
        }
    }
}
