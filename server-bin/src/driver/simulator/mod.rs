//! A simulated worker: several connections over one set of buffers, with peers that send and take bytes in pieces,
//! vanish, shut their side early, or are slow, and with a clock that may jump. Everything follows from a seed.
//!
//! A run that fails says its seed, and `SEED=n cargo test -p server-bin --lib simulator` runs that one alone;
//! `SEEDS=n` runs so many.

pub(crate) mod edges;
mod model;
pub(super) mod random;
mod seams;
mod wire;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::buffers::{Inlet, Kit, Watching};
use super::connection::{Connection, Turn};
use super::handler::mailbox::{Letter, Mailbox};
use super::phase::Wait;
use super::preface::{Opening, Preamble};
use super::settings::Settings;
use super::socket::Ready;

use model::{Exchange, Response};
use random::Random;
use seams::Elsewhere;
use wire::{ServerEnd, Wire};

/// What may happen in a run beside bytes that come in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Nothing: each peer gets every answer.
    Calm,
    /// Peers shut their side, some in the middle of a request, and want the answers all the same.
    Cuts,
    /// Peers vanish.
    Resets,
    /// The clock jumps over deadlines.
    Jumps,
    /// The server drains from some moment on.
    Drain,
}

/// One connection with its two ends.
struct Line {
    wire: Rc<RefCell<Wire>>,
    connection: Option<Connection<ServerEnd>>,
    wait: Wait,
    exchanges: Vec<Exchange>,
    unsent: Vec<u8>,
    /// The peer shuts its side as soon as it has sent everything.
    ends_early: bool,
    received: Vec<u8>,
    /// When the worker looks at it again, whatever happens.
    alarm: Instant,
    /// Turns in a row that the socket called for and that moved nothing.
    in_vain: usize,
}

/// Now and then a turn in vain is the network's fault; so many in a row are a worker that spins.
const SPINNING: usize = 50;

impl Line {
    fn new(random: &mut Random, number: usize, weather: Weather, kit: &Kit) -> Self {
        let mut exchanges = model::conversation(random, &format!("peer{number}-"));
        let is_rough = matches!(weather, Weather::Resets | Weather::Jumps);
        let ends_early = weather == Weather::Cuts || (is_rough && random.once_in(2));
        if weather == Weather::Cuts && random.once_in(2) && exchanges.last().is_some_and(Exchange::can_be_cut)
        {
            let cut = exchanges.pop().expect("an exchange");
            let sent = random.below(cut.request.len());
            // A single CRLF before a request line is no beginning of a request yet.
            if sent > 2 {
                exchanges.push(cut.cut_after(sent));
            }
        }
        let mut unsent = Vec::new();
        let opening = match kit.preamble.as_ref().filter(|_| random.once_in(2)) {
            Some(preamble) => {
                unsent.extend_from_slice(seams::PREFACE.as_bytes());
                preamble.opening(None)
            }
            None => Opening::Request,
        };
        if is_rough && opening == Opening::Preface && random.once_in(4) {
            unsent = b"no preface".into();
        }
        for exchange in &exchanges {
            unsent.extend_from_slice(&exchange.request);
        }
        let wire = Rc::new(RefCell::new(Wire::new(
            random.clone(),
            weather == Weather::Resets && number.is_multiple_of(2),
        )));
        let connection = Connection::new(ServerEnd(Rc::clone(&wire)), None, opening, kit);
        let received = Vec::new();
        Self {
            wire,
            alarm: connection.deadline(kit),
            connection: Some(connection),
            wait: Wait::Read,
            exchanges,
            unsent,
            ends_early,
            received,
            in_vain: 0,
        }
    }

    /// The peer takes or sends at most so many bytes.
    fn peer(&mut self, takes: bool, most: usize) {
        let mut wire = self.wire.borrow_mut();
        let before = self.received.len();
        if takes {
            self.received.extend(wire.take(most));
        } else {
            let sent = wire.send(&self.unsent[..self.unsent.len().min(most)]);
            self.unsent.drain(..sent);
        }
        let over = wire.is_over();
        drop(wire);
        // Whether all is there is only asked when nothing comes any more, because it is dear to find out.
        let quiet = takes && self.received.len() == before;
        if self.unsent.is_empty() && (self.ends_early || over || (quiet && self.is_whole())) {
            self.wire.borrow_mut().end();
        }
    }

    fn responses(&self) -> Vec<Response> {
        model::responses(&self.received, &self.exchanges)
    }

    fn is_whole(&self) -> bool {
        let responses = self.responses();
        let both = responses.iter().zip(&self.exchanges);
        responses.len() == self.exchanges.len()
            && both.into_iter().all(|(one, other)| model::is_whole(one, other))
    }
}

/// One worker's connections, its buffers and its clock.
struct World {
    random: Random,
    weather: Weather,
    kit: Kit,
    inlet: Inlet,
    lines: Vec<Line>,
    elsewhere: Elsewhere,
    letters: Vec<Letter>,
}

impl World {
    fn new(seed: u64, root: &Path) -> Self {
        let mut random = Random::new(seed);
        let weathers = [
            Weather::Calm,
            Weather::Cuts,
            Weather::Resets,
            Weather::Jumps,
            Weather::Drain,
        ];
        let weather = *random.pick(&weathers);
        let settings = if weather == Weather::Jumps {
            Settings::default()
        } else {
            patient()
        };
        let elsewhere = Elsewhere::new(
            random.clone(),
            weather == Weather::Jumps,
            weather == Weather::Resets,
        );
        let watching = Watching {
            preamble: random
                .once_in(4)
                .then(|| Arc::new(seams::Proxied) as Arc<dyn Preamble>),
            ..Watching::default()
        };
        let kit = Kit::new(
            Box::new(model::handler(root, elsewhere.clone())),
            Arc::new(settings),
            &watching,
            Arc::new(Mailbox::new(None)),
            Instant::now(),
            SystemTime::UNIX_EPOCH,
        );
        let lines = (0..1 + random.below(4))
            .map(|number| Line::new(&mut random, number, weather, &kit))
            .collect();
        Self {
            random,
            weather,
            kit,
            inlet: Inlet::default(),
            lines,
            elsewhere,
            letters: Vec::new(),
        }
    }

    /// What the worker does behind each turn.
    fn took(&mut self, number: usize, turn: Turn) {
        let line = &mut self.lines[number];
        line.wait = turn.wait;
        match &line.connection {
            Some(connection) if turn.nearer => line.alarm = connection.deadline(&self.kit),
            _ => {}
        }
        if turn.wait == Wait::Nothing {
            line.connection = None;
        }
        assert!(
            self.kit.out.is_empty(),
            "nothing of one connection stays in its worker's buffer"
        );
    }

    /// The worker reads its letters.
    fn deliver(&mut self) {
        self.kit.lent.mailbox.wake_up();
        let mut letters = std::mem::take(&mut self.letters);
        self.kit.lent.mailbox.collect(&mut letters);
        for letter in letters.drain(..) {
            let number = match &letter {
                Letter::Answer(answer) => answer.connection,
                Letter::News { connection, .. } => *connection,
            };
            let Some(connection) = &mut self.lines[number].connection else {
                continue;
            };
            let (inlet, kit) = (&mut self.inlet, &mut self.kit);
            let turn = match letter {
                Letter::Answer(answer) => connection.deliver(number, answer, inlet, kit),
                Letter::News { serial, .. } => connection.notify(number, serial, inlet, kit),
            };
            self.took(number, turn);
        }
        self.letters = letters;
    }

    /// The server begins to drain, once.
    fn drain(&mut self) {
        if std::mem::replace(&mut self.kit.lent.draining, true) {
            return;
        }
        for number in 0..self.lines.len() {
            if let Some(connection) = &mut self.lines[number].connection {
                let turn = connection.drain(number, &mut self.inlet, &mut self.kit);
                self.took(number, turn);
            }
        }
    }

    /// The worker gives a connection its turn, if it is due or by mistake.
    fn serve(&mut self, number: usize) {
        let line = &mut self.lines[number];
        let Some(connection) = &mut line.connection else {
            return;
        };
        let (ready, writable) = {
            let wire = line.wire.borrow();
            (
                Ready {
                    readable: wire.is_readable(),
                    read_closed: wire.is_gone() || wire.is_ended(),
                    gone: wire.is_gone(),
                },
                wire.is_writable(),
            )
        };
        let due = match line.wait {
            Wait::Read => ready.readable,
            Wait::Write => writable,
            Wait::ReadOrWrite => ready.readable || writable,
            Wait::Yield => true,
            // Told once for each arrival.
            Wait::Elsewhere => ready.gone || (ready.read_closed && self.random.once_in(10)),
            Wait::Nothing => unreachable!("a closed connection was dropped"),
        };
        let moved = line.wire.borrow().moved();
        let rang = line.alarm <= self.kit.lent.now;
        let turn = if rang && connection.deadline(&self.kit) <= self.kit.lent.now {
            connection.expire(number, &mut self.inlet, &mut self.kit)
        } else if due || self.random.once_in(20) {
            connection.turn(number, ready, &mut self.inlet, &mut self.kit)
        } else {
            return;
        };
        if rang {
            line.alarm = connection.deadline(&self.kit);
        }
        let watches = line.wait != Wait::Elsewhere;
        self.took(number, turn);
        let line = &mut self.lines[number];
        match watches && due && line.wire.borrow().moved() == moved {
            true => line.in_vain += 1,
            false => line.in_vain = 0,
        }
        assert!(line.in_vain < SPINNING, "it spins, waiting for {:?}", line.wait);
    }

    /// One thing happens.
    fn step(&mut self) {
        let number = self.random.below(self.lines.len());
        match self.random.below(10) {
            0..4 => self.serve(number),
            7 => drop(self.elsewhere.run_one()),
            8 => self.deliver(),
            4..7 => {
                let (takes, most) = (self.random.once_in(2), self.random.some_bytes());
                self.lines[number].peer(takes, most);
            }
            _ => {
                let passed = self.random.below(50) as u64;
                self.kit
                    .begin(self.kit.lent.now + Duration::from_millis(passed), || {
                        SystemTime::UNIX_EPOCH
                    });
            }
        }
        match self.weather {
            Weather::Resets if self.random.once_in(1_000) => self.lines[number].wire.borrow_mut().reset(),
            Weather::Jumps if self.random.once_in(80) => {
                let jump = *self.random.pick(&[1, 3, 11, 31, 100, 100_000]);
                self.kit.begin(self.kit.lent.now + Duration::from_secs(jump), || {
                    SystemTime::UNIX_EPOCH
                });
            }
            Weather::Drain if self.random.once_in(300) => self.drain(),
            _ => {}
        }
    }

    /// Lets chance have its way for a while, then everyone hurries to the end, which must come.
    fn run(&mut self) {
        let most = *self.random.pick(&[100, 500, 500, 2_000]);
        for _ in 0..self.random.below(most) {
            self.step();
        }
        for line in &self.lines {
            line.wire.borrow_mut().widen();
        }
        for _ in 0..200_000 {
            if self
                .lines
                .iter()
                .all(|line| line.connection.is_none() && line.wire.borrow().is_over())
            {
                return;
            }
            while self.elsewhere.run_one() {}
            self.deliver();
            for number in 0..self.lines.len() {
                self.serve(number);
                self.lines[number].peer(false, usize::MAX);
                self.lines[number].peer(true, usize::MAX);
            }
        }
        let states: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                (
                    line.connection.as_ref().map(Connection::phase),
                    line.wait,
                    line.unsent.len(),
                )
            })
            .collect();
        panic!("it does not end: {states:?}");
    }

    fn check(&self) -> Result<(), String> {
        self.lines.iter().try_for_each(|line| check(line, self.weather))
    }
}

/// Holds what a peer received against what it asked.
fn check(line: &Line, weather: Weather) -> Result<(), String> {
    let responses = line.responses();
    for (number, response) in responses.iter().enumerate() {
        let is_last = number + 1 == responses.len();
        if weather == Weather::Jumps && is_last && model::is_timeout(response) {
            continue;
        }
        let exchange = line.exchanges.get(number).ok_or("more answers than requests")?;
        model::check(response, exchange).map_err(|error| format!("answer {number}: {error}"))?;
    }
    let closed = responses.last().is_some_and(|last| last.closes);
    let allowed = match weather {
        Weather::Calm | Weather::Cuts => false,
        Weather::Drain => closed,
        Weather::Resets | Weather::Jumps => true,
    };
    if allowed || line.is_whole() {
        return Ok(());
    }
    let last = responses.iter().zip(&line.exchanges).next_back();
    let progress = last.map(|(response, exchange)| model::progress(response, exchange));
    let asked: Vec<_> = line.exchanges.iter().map(Exchange::first_line).collect();
    Err(format!(
        "{} answers of {}, the last one {progress:?}; asked was {asked:#?}",
        responses.len(),
        line.exchanges.len()
    ))
}

/// Timeouts that never end anything.
fn patient() -> Settings {
    let long = Duration::from_secs(100_000_000);
    Settings {
        head_timeout: long,
        body_timeout: long,
        idle_timeout: long,
        write_timeout: long,
        reply_timeout: long,
        half_closed_timeout: long,
        linger_timeout: long,
        linger_time: long,
        drain_idle_timeout: long,
        ..Settings::default()
    }
}

#[test]
fn whatever_the_network_does_each_peer_gets_its_own_answers_in_order() {
    let root = tempfile::tempdir().expect("a temporary directory");
    model::fill(root.path()).expect("files in it");
    // Once their change is a moment ago, the files have the tags that they keep.
    std::thread::sleep(Duration::from_millis(30));
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(300),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let taken = std::thread::scope(|scope| {
        let (root, seeds) = (root.path(), &seeds);
        let run = move |first| {
            seeds
                .clone()
                .skip(first)
                .step_by(threads)
                .for_each(|seed| try_seed(seed, root));
            edges::taken()
        };
        let running: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || run(first)))
            .collect();
        let mut all = edges::Counts::new();
        for one in running {
            // The thread has said what is wrong.
            edges::add(&mut all, one.join().expect("no seed that fails"));
        }
        all
    });
    let (missing, text) = edges::report(&taken);
    println!("{text}");
    if seeds.end - seeds.start >= ALL_EDGES {
        assert!(missing.is_empty(), "edges that no seed took: {missing:#?}");
    }
}

/// In so many seeds every edge of the table of phases is taken, by bytes, letters and time alone.
const ALL_EDGES: u64 = 100_000;

fn try_seed(seed: u64, root: &Path) {
    let mut world = World::new(seed, root);
    let weather = world.weather;
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.run();
        world.check()
    }));
    let what = match ran {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => "it panicked".into(),
    };
    panic!("SEED={seed} ({weather:?}): {what}");
}
