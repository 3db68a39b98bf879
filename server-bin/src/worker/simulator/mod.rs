//! A simulated system around a whole worker: peers that send and take bytes in pieces, vanish, shut their side early, or
//! are slow; other threads that answer later; a listener with a backlog; a poller that reports by epoll's rules; calls
//! that fail; and a clock that may jump. Everything follows from a seed.
//!
//! A run that fails says its seed, and `SEED=n cargo test -p server-bin --lib simulator` runs that one alone;
//! `SEEDS=n` runs so many.

mod cases;
mod luck;
mod model;
mod network;
mod peer;
mod responses;
mod seams;
mod site;
mod system;
mod themes;
pub(super) mod turns;
mod wire;
mod world;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use multiplex::Fanout;

use super::admission::Admission;
use super::counters::Counters;
use super::stage::{CurrentStage, Handle, Stage};
use super::{Plan, Worker};
use crate::driver::buffers::Watching;
use crate::driver::phase::{Happening, Phase};
use crate::driver::preamble::Preamble;
use crate::driver::settings::Settings;
use crate::driver::tests::edges;
use crate::driver::tests::random::Random;
use luck::{Counts, Luck, Oddity, note};
use network::Network;
use peer::{Peer, Verdict};
use seams::Elsewhere;
use site::Site;
use system::{Ear, Simulation};
use themes::Theme;
use world::{Office, Weather, World};

/// Seeds that have found something. They run first.
const FOUND: [u64; 8] = [453, 1204, 2026, 2146, 4628, 5469, 76_586, 281_163];

/// In so many seeds every edge of the table of phases is taken often, by bytes, letters and time alone, and everything that
/// may go wrong has gone wrong often.
const MANY_SEEDS: u64 = 100_000;
/// How often each edge has to be taken, and each fault met.
const OFTEN: u64 = 1_000;

/// A worker in its system, and what is asked of both afterwards.
struct Run {
    worker: Worker<Simulation>,
    network: Rc<RefCell<Network>>,
    admission: Arc<Admission>,
    elsewhere: Elsewhere,
}

impl Run {
    fn new(weather: Weather, theme: &'static Theme, random: &mut Random, site: &Site) -> Self {
        let is_rough = weather == Weather::Faults;
        turns::reset();
        let limit = *random.pick(&[usize::MAX, usize::MAX, 2, 3]);
        let luck = Luck {
            random: random.fork(),
            is_bad: is_rough,
            losses: theme.losses,
        };
        let network = Network::new(luck, theme);
        let clock = network.clock.clone();
        let elsewhere = Elsewhere::new(random.fork(), clock, weather, theme);
        let has_preface = random.once_in(4);
        let peers: Vec<Peer> = (0..*random.pick(theme.peers))
            .map(|number| Peer::new(random, number, (weather, theme), has_preface))
            .collect();
        let network = Rc::new(RefCell::new(network));
        let admission = Admission::new(limit);
        let stage = CurrentStage::new();
        let plan = Plan {
            deferral: Duration::ZERO,
            handler: Box::new(site.in_world(&elsewhere)),
            settings: Arc::new(settings(weather, theme)),
            admission: Arc::clone(&admission),
            stage: Arc::clone(&stage),
            fanout: *random.pick(&[Fanout::Shared, Fanout::Exclusive]),
            watching: watching(has_preface, is_rough, random.once_in(2)),
            trust: None,
        };
        let world = World::new(random.fork(), (weather, theme), peers, elsewhere.clone(), limit);
        let simulation = Simulation {
            network: Rc::clone(&network),
            world,
        };
        let mut worker = Worker::new(&plan, simulation, vec![Ear::new(&network)]).expect("a worker");
        worker.system.world.office = Some(Office {
            handle: Handle::new(stage, vec![worker.mailbox()], Arc::clone(&admission)),
            counters: Counters::new(vec![(worker.census(), worker.mailbox())]),
        });
        Self {
            worker,
            network,
            admission,
            elsewhere,
        }
    }

    /// Lets the worker serve to its end. Returns how many things happened, and how many connections there were.
    fn run(mut self, (weather, theme): (Weather, &Theme)) -> Result<(usize, usize), String> {
        self.worker.serve().map_err(|error| error.to_string())?;
        self.elsewhere.end();
        let world = &mut self.worker.system.world;
        let (happenings, has_stopped) = (world.happenings, world.has_stopped);
        let mut peers = std::mem::take(&mut world.peers);
        if !has_stopped {
            self.holds_nothing()?;
        }
        let counted = self.worker.counted.clone();
        let cut = self.worker.finish();
        for peer in &mut peers {
            // What the worker's kernel still had.
            peer.take(&mut self.network.borrow_mut(), usize::MAX);
        }
        let network = self.network.borrow();
        let is_all_closed = network.wires.iter().all(|wire| wire.closed || wire.reset);
        let ends = [
            (network.wrong.is_none(), "see above"),
            (cut == 0 || has_stopped, "it cut connections off"),
            (self.admission.present() == 0, "a place was not given back"),
            (
                is_all_closed && network.has_closed_listener,
                "a socket is still open",
            ),
            (
                network.accepted == counted.accepted,
                "it counts connections that it did not accept",
            ),
        ];
        if let Some(wrong) = &network.wrong {
            return Err(wrong.clone());
        }
        for (is_so, text) in ends {
            is_so.then_some(()).ok_or(text)?;
        }
        (0..counted.given_up).for_each(|_| note(Oddity::GivenUp));
        let mut given_up = 0;
        for peer in &peers {
            let verdict = peer.check(&network, (weather, theme), has_stopped)?;
            given_up += u64::from(verdict != Verdict::Fine);
        }
        if given_up > counted.closed_for_others + counted.given_up {
            let peers: Vec<String> = peers.iter().map(|peer| peer.state(&network)).collect();
            return Err(format!(
                "{given_up} were given up, {} for others and {} for want of memory: {peers:#?}",
                counted.closed_for_others, counted.given_up
            ));
        }
        Ok((happenings, network.wires.len()))
    }

    /// Holds that the worker has nothing left of its connections, but those that lingered when the drain's time was over: their
    /// clients have been answered.
    fn holds_nothing(&self) -> Result<(), String> {
        let worker = &self.worker;
        let may_linger = worker.stage == Stage::Stopped;
        let phases = worker
            .residents
            .values()
            .map(|resident| resident.connection.phase());
        let left: Vec<Phase> = phases
            .filter(|phase| !may_linger || *phase != Phase::Lingering)
            .collect();
        // The alarms that end the drain, and a pause; and that of a look at the memory.
        let alarms = worker.deadlines.len() - (worker.residents.len() - left.len());
        let watched = self.network.borrow().left_watched;
        let memory = &worker.kit.memory;
        if left.is_empty() && !may_linger && (memory.of_connections(), memory.waiting) != (0, 0) {
            return Err(format!("memory is held by nobody: {memory:?}"));
        }
        let most = 2 + usize::from(memory.is_looked_after());
        match left.is_empty() && worker.letters.is_empty() && alarms <= most && watched == 0 {
            true => Ok(()),
            false => Err(format!(
                "{left:?} are left, and {alarms} alarms; {watched} were closed while the poller watched them"
            )),
        }
    }
}

fn watching(has_preface: bool, panics: bool, counts: bool) -> Watching {
    let chance = AtomicU64::new(0);
    Watching {
        notices: Arc::new(move |_| {
            if panics && chance.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
                note(Oddity::NoticePanics);
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        }),
        preamble: has_preface.then(|| Arc::new(seams::Proxied) as Arc<dyn Preamble>),
        counts,
    }
}

/// Timeouts that never end anything, where the clock does not jump.
fn settings(weather: Weather, theme: &Theme) -> Settings {
    let long = Duration::from_secs(100_000_000);
    if weather == Weather::Jumps {
        return Settings {
            worker_memory: theme.memory,
            ..Settings::default()
        };
    }
    Settings {
        head_timeout: long,
        body_timeout: long,
        idle_timeout: long,
        write_timeout: long,
        reply_timeout: long,
        half_closed_timeout: long,
        linger_timeout: long,
        linger_time: long,
        drain_timeout: long,
        drain_idle_timeout: long,
        worker_memory: theme.memory,
        ..Settings::default()
    }
}

/// What seeds have come to.
#[derive(Clone)]
struct Sum {
    edges: edges::Counts,
    counts: Counts,
    seeds: u64,
    happenings: usize,
    connections: usize,
}

impl Sum {
    fn none() -> Self {
        Self {
            edges: edges::Counts::new(),
            counts: Counts::NONE,
            seeds: 0,
            happenings: 0,
            connections: 0,
        }
    }

    fn add(&mut self, other: Self) {
        edges::add(&mut self.edges, other.edges);
        self.counts.add(&other.counts);
        self.seeds += other.seeds;
        self.happenings += other.happenings;
        self.connections += other.connections;
    }

    /// Prints all counts. Returns those that are smaller than `least`.
    fn report(&self, least: u64) -> Vec<String> {
        let mut missing = Vec::new();
        for (what, count) in edges::report(&self.edges).into_iter().chain(self.counts.report()) {
            println!("{count:10} {what}");
            if count < least {
                missing.push(format!("{count} {what}"));
            }
        }
        let [happenings, connections] = self.averages();
        println!(
            "{} seeds, {happenings:.0} happenings and {connections:.1} connections each",
            self.seeds
        );
        missing
    }

    /// Happenings and connections of a seed.
    fn averages(&self) -> [f64; 2] {
        [self.happenings, self.connections].map(|number| number as f64 / self.seeds as f64)
    }
}

#[test]
fn whatever_its_system_does_a_worker_gives_each_peer_its_own_answers_in_order_and_keeps_nothing() {
    let root = tempfile::tempdir().expect("a temporary directory");
    site::fill(root.path()).expect("files in it");
    // Once their change is a moment ago, the files have the tags that they keep.
    std::thread::sleep(Duration::from_millis(30));
    let site = Site::open(root.path());
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let seeds: Vec<u64> = match number("SEED") {
        Some(seed) => vec![seed],
        None => FOUND
            .into_iter()
            .chain(0..number("SEEDS").unwrap_or(300))
            .collect(),
    };
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut sum = Sum::none();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                let site = site.clone();
                scope.spawn(|| run_seeds(&seeds, &next, site))
            })
            .collect();
        for one in running {
            // The thread has said what is wrong.
            sum.add(one.join().expect("no seed that fails"));
        }
    });
    let is_many = sum.seeds >= MANY_SEEDS;
    let missing = sum.report(if is_many { OFTEN } else { 0 });
    assert!(missing.is_empty(), "too rare: {missing:#?}");
    if is_many {
        let [happenings, connections] = sum.averages();
        assert!(happenings >= 200.0 && connections >= 4.0, "too little happens");
    }
}

#[test]
fn what_was_too_rare_is_named_and_nothing_else() {
    let mut sum = Sum::none();
    let taken = (Phase::Preface, Happening::PrefaceRead);
    sum.edges.insert(taken, OFTEN);
    let all = sum.report(1).len();
    sum.edges.insert(taken, OFTEN - 1);
    let missing = sum.report(OFTEN);
    assert_eq!(missing.len(), all + 1);
    assert!(missing.contains(&"999 Preface -> Fresh by PrefaceRead".to_owned()));
}

/// Runs those of the seeds that no other thread has begun.
fn run_seeds(seeds: &[u64], next: &AtomicU64, site: Site) -> Sum {
    let mut sum = Sum::none();
    while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
        let (happenings, connections) = try_seed(seed, &site);
        sum.seeds += 1;
        sum.happenings += happenings;
        sum.connections += connections;
    }
    sum.edges = edges::taken();
    sum.counts = luck::counted();
    sum
}

fn try_seed(seed: u64, site: &Site) -> (usize, usize) {
    let mut random = Random::new(seed);
    let theme = themes::of(seed);
    let weather = *random.pick(theme.weathers);
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
        Run::new(weather, theme, &mut random, site).run((weather, theme))
    }));
    match ran {
        Ok(Ok(all)) => all,
        Ok(Err(error)) => panic!("SEED={seed} ({weather:?}, {}): {error}", theme.what),
        Err(_) => panic!("SEED={seed} ({weather:?}, {}): it panicked", theme.what),
    }
}
