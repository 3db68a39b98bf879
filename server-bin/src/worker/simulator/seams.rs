//! What the simulated site does with other threads: sources that wait, sinks that pause, answers that are promised, and a
//! protocol; and the errands that these threads run, when chance says so.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_core::{Head, ResponseHead};

use crate::driver::preamble::{Opening, Preamble, Preface};
use crate::driver::tests::random::Random;
use crate::handler::{
    BodySink, BodySource, Completer, Context, Decision, Happened, Io, Notifier, Protocol, Pulled, Reply,
    Took, Wants,
};

use super::luck::{Oddity, note};
use super::network::Clock;
use super::themes::Theme;
use super::world::Weather;

/// What another thread is about to do.
enum Errand {
    Notify(Notifier),
    /// Lets a notifier go, perhaps the last one.
    LetGo(Notifier),
    Complete(Completer),
    Break(Completer),
    /// Completes with a source that waits.
    Stream(Completer),
}

/// The errands of a world, and its handlers' chance.
#[derive(Clone)]
pub(super) struct Elsewhere(Arc<Mutex<Pool>>);

struct Pool {
    errands: Vec<Errand>,
    random: Random,
    clock: Clock,
    weather: Weather,
    theme: &'static Theme,
}

impl Elsewhere {
    pub(super) fn new(random: Random, clock: Clock, weather: Weather, theme: &'static Theme) -> Self {
        Self(Arc::new(Mutex::new(Pool {
            errands: Vec::new(),
            random,
            clock,
            weather,
            theme,
        })))
    }

    /// Forgets what was to be done. Errands hold on to this, so it would never go.
    pub(super) fn end(&self) {
        let errands = std::mem::take(&mut self.0.lock().unwrap().errands);
        drop(errands);
    }

    /// A handler's call takes its time, now and then.
    pub(super) fn take_time(&self) {
        let mut pool = self.0.lock().unwrap();
        if pool.random.once_in(10) {
            note(Oddity::SlowHandler);
            let time = *pool.random.pick(&[10, 60, 200, 700]);
            pool.clock.pass(Duration::from_micros(time));
        }
        if pool.weather == Weather::Jumps && pool.random.once_in(100) {
            note(Oddity::BlockingHandler);
            pool.clock.pass(Duration::from_secs(12));
        }
    }

    /// Panics once in `n` times, where handlers panic by chance.
    pub(super) fn panic_sometimes(&self, n: usize, oddity: Oddity) {
        let mut pool = self.0.lock().unwrap();
        if pool.weather == Weather::Faults && pool.random.once_in(n) {
            drop(pool);
            self.panic(oddity);
        }
    }

    fn panic(&self, oddity: Oddity) -> ! {
        note(oddity);
        std::panic::resume_unwind(Box::new("on purpose"))
    }

    fn add(&self, errand: Errand) {
        self.0.lock().unwrap().errands.push(errand);
    }

    fn once_in(&self, n: usize) -> bool {
        self.0.lock().unwrap().random.once_in(n)
    }

    pub(super) fn theme(&self) -> &'static Theme {
        self.0.lock().unwrap().theme
    }

    /// Whether a handler keeps its memory, although it is to give it up.
    pub(super) fn clings(&self) -> bool {
        self.theme().kept > 0 && self.once_in(2)
    }

    /// Fires a notifier that nobody waits for.
    pub(super) fn disturb(&self, cx: &mut Context<'_>) {
        self.add(Errand::Notify(cx.notifier()));
    }

    fn timeout(&self) -> Option<Duration> {
        let pool = self.0.lock().unwrap();
        (pool.weather == Weather::Jumps).then_some(Duration::from_secs(2))
    }

    /// One errand is run. Returns whether there was one.
    pub(super) fn run_one(&self) -> bool {
        let mut pool = self.0.lock().unwrap();
        let count = pool.errands.len();
        if count == 0 {
            return false;
        }
        let place = pool.random.below(count);
        let errand = pool.errands.swap_remove(place);
        let twice = pool.random.once_in(4);
        drop(pool);
        match errand {
            Errand::Notify(notifier) => {
                notifier.notify();
                if twice {
                    notifier.notify();
                }
            }
            Errand::LetGo(notifier) => drop(notifier),
            Errand::Complete(completer) => completer.complete(ResponseHead::new(200), LATER),
            Errand::Break(completer) => drop(completer),
            Errand::Stream(completer) => {
                let source = Events::new(self.clone(), completer.notifier());
                completer.complete(ResponseHead::new(200), Box::new(source) as Box<dyn BodySource>);
            }
        }
        true
    }

    /// Answers as the target says, if it is one of these.
    pub(super) fn decide(&self, head: &Head<'_>, cx: &mut Context<'_>) -> Option<Decision> {
        if self.theme().disturbs {
            self.disturb(cx);
        }
        Some(match head.target().path() {
            "/later" | "/broken" | "/stream" => {
                let (ticket, completer) = cx.later();
                // Another ticket of the same request is never used.
                if self.once_in(3) {
                    self.add(Errand::Break(cx.later().1));
                }
                self.add(match head.target().path() {
                    "/later" => Errand::Complete(completer),
                    "/broken" => Errand::Break(completer),
                    _ => Errand::Stream(completer),
                });
                match self.once_in(2) {
                    true => Decision::buffer(1_000, |_, _| Reply::Later(ticket)),
                    false => Reply::Later(ticket).into(),
                }
            }
            "/events" => {
                let source = Events::new(self.clone(), cx.notifier());
                Decision::from(Box::new(source) as Box<dyn BodySource>)
            }
            "/panic" => self.panic(Oddity::HandlerPanics),
            "/broken-source" => Decision::from(Box::new(Broken(self.clone(), false)) as Box<dyn BodySource>),
            "/tiny" => Decision::from(Box::new(Tiny) as Box<dyn BodySource>),
            "/lost" => {
                self.add(Errand::LetGo(cx.notifier()));
                Decision::from(Box::new(Lost(false)) as Box<dyn BodySource>)
            }
            "/sink" | "/early" | "/refusing" | "/broken-sink" => {
                let refuses_at = match head.target().path() {
                    "/broken-sink" => Refuses::ByPanic,
                    "/early" => Refuses::AtData,
                    "/refusing" => Refuses::AtOnce,
                    _ => Refuses::Never,
                };
                Decision::Stream(Box::new(Sink {
                    bytes: Vec::new(),
                    refuses: refuses_at,
                    elsewhere: self.clone(),
                    notifier: cx.notifier(),
                }))
            }
            "/upgrade" => {
                cx.field("upgrade", "echo");
                Decision::Upgrade(Box::new(Echo {
                    elsewhere: self.clone(),
                    notifier: cx.notifier(),
                    unsent: VecDeque::new(),
                    ends: false,
                    deadline: None,
                }))
            }
            _ => return None,
        })
    }
}

pub(super) const LATER: &str = "later";
pub(super) const EARLY: &str = "early";
/// What `/events` and `/stream` send, an event at a time.
pub(super) const EVENTS: [&str; 4] = ["one;", "two;", "", "three;"];
/// What `/tiny` sends at once.
pub(super) const TINY: &str = "tiny";
/// What `/lost` sends before nobody is left who could wake it.
pub(super) const LOST: &str = "all that there is";

struct Events {
    next: usize,
    drains: bool,
    elsewhere: Elsewhere,
    notifier: Notifier,
}

impl Events {
    fn new(elsewhere: Elsewhere, notifier: Notifier) -> Self {
        Self {
            next: 0,
            drains: false,
            elsewhere,
            notifier,
        }
    }
}

impl BodySource for Events {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        let Some(event) = EVENTS.get(self.next) else {
            return Pulled::End;
        };
        // It waits without a word, or behind an event.
        if self.drains || event.is_empty() || !self.elsewhere.once_in(3) {
            out.extend_from_slice(event.as_bytes());
            self.next += 1;
        }
        if self.drains && !event.is_empty() {
            return Pulled::More;
        }
        self.elsewhere.add(Errand::Notify(self.notifier.clone()));
        Pulled::Wait
    }

    fn wait_timeout(&self) -> Option<Duration> {
        self.elsewhere.timeout()
    }

    fn drain(&mut self) {
        self.drains = true;
    }
}

/// Is pulled once.
struct Tiny;

impl BodySource for Tiny {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.extend_from_slice(TINY.as_bytes());
        Pulled::End
    }
}

/// Panics when it is pulled the second time.
struct Broken(Elsewhere, bool);

impl BodySource for Broken {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        if std::mem::replace(&mut self.1, true) {
            self.0.panic(Oddity::SourcePanics);
        }
        out.extend_from_slice(TINY.as_bytes());
        Pulled::More
    }
}

struct Lost(bool);

impl BodySource for Lost {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        if !std::mem::replace(&mut self.0, true) {
            out.extend_from_slice(LOST.as_bytes());
        }
        Pulled::Wait
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refuses {
    Never,
    AtOnce,
    AtData,
    ByPanic,
}

struct Sink {
    bytes: Vec<u8>,
    refuses: Refuses,
    elsewhere: Elsewhere,
    notifier: Notifier,
}

impl Sink {
    fn took(&self) -> Took {
        if self.elsewhere.once_in(3) {
            self.elsewhere.add(Errand::Notify(self.notifier.clone()));
            return Took::Pause;
        }
        Took::More
    }
}

impl BodySink for Sink {
    fn begin(&mut self, _: &mut Context<'_>) -> Took {
        match self.refuses {
            Refuses::AtOnce => Took::Answer(EARLY.into()),
            _ => self.took(),
        }
    }

    fn data(&mut self, bytes: &[u8], _: &mut Context<'_>) -> Took {
        self.bytes.extend_from_slice(bytes);
        match self.refuses {
            Refuses::AtData => Took::Answer(EARLY.into()),
            Refuses::ByPanic => self.elsewhere.panic(Oddity::SinkPanics),
            _ => self.took(),
        }
    }

    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        self.bytes.clone().into()
    }

    fn pause_timeout(&self) -> Option<Duration> {
        self.elsewhere.timeout()
    }
}

/// Sends back what comes, up to and with a full stop, and closes.
struct Echo {
    elsewhere: Elsewhere,
    notifier: Notifier,
    unsent: VecDeque<u8>,
    ends: bool,
    deadline: Option<Instant>,
}

impl Protocol for Echo {
    fn ready(&mut self, io: &mut Io<'_>, happened: Happened, now: Instant) -> Wants {
        let theme = self.elsewhere.theme();
        self.elsewhere
            .panic_sometimes(theme.protocol_panics_once_in, Oddity::ProtocolPanics);
        // It does not do all at once that it could.
        let mut buffer = [0; 7];
        if !self.ends && self.elsewhere.once_in(4) {
            // It was told of the bytes, and may not be told of them again.
            self.elsewhere.add(Errand::Notify(self.notifier.clone()));
        } else if !self.ends {
            match io.read(&mut buffer) {
                Ok(0) => return Wants::Close,
                Ok(n) => {
                    self.unsent.extend(&buffer[..n]);
                    self.ends = buffer[..n].contains(&b'.');
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Wants::Close,
            }
        }
        if !self.elsewhere.once_in(4) {
            let (bytes, _) = self.unsent.as_slices();
            match io.write(bytes) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Wants::Close,
            }
        }
        if happened != Happened::Deadline && self.elsewhere.once_in(3) {
            self.deadline = Some(now + Duration::from_millis(20));
        } else if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
        }
        match (self.ends, self.unsent.is_empty()) {
            (true, true) => Wants::Close,
            _ if self.elsewhere.once_in(theme.protocol_rests_once_in) => {
                self.elsewhere.add(Errand::Notify(self.notifier.clone()));
                Wants::Nothing
            }
            (true, false) => Wants::Write,
            (false, false) if self.elsewhere.once_in(theme.protocol_writes_once_in) => Wants::Write,
            (false, false) => Wants::ReadOrWrite,
            (false, true) if self.elsewhere.once_in(3) => Wants::ReadOrWrite,
            (false, true) => Wants::Read,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn idle_timeout(&self) -> Option<Duration> {
        self.elsewhere.timeout()
    }
}

/// What stands before the first request on some connections.
pub(super) const PREFACE: &str = "a proxy says hello\n";

/// Reads [`PREFACE`].
pub(super) struct Proxied;

impl Preamble for Proxied {
    fn opening(&self, _: Option<std::net::SocketAddr>) -> Opening {
        Opening::Preface
    }

    fn read(&self, bytes: &[u8]) -> Preface {
        let length = PREFACE.len().min(bytes.len());
        if bytes[..length] != PREFACE.as_bytes()[..length] {
            return Preface::Broken;
        }
        match bytes.len() >= PREFACE.len() {
            true => Preface::Whole {
                length: PREFACE.len(),
                source: None,
            },
            false => Preface::Incomplete,
        }
    }
}
