//! Random schedules from a seed: the same requests, cut anywhere, with any room to write and any order of events, get
//! the same answers. A seed that fails is printed, and `SEED=n` runs it alone.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http_core::{Head, Method, ResponseHead};

use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::Settings;
use crate::driver::socket::Ready;
use crate::driver::tests::rig::{Incoming, READABLE, Rig};
use crate::handler::{BodySource, Completer, Context, Decision, Pulled, Reply, plain};

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

type Promised = Arc<Mutex<Vec<Completer>>>;

struct Pieces(usize);

impl BodySource for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        self.0 -= 1;
        out.extend_from_slice(b"piece;");
        if self.0 == 0 { Pulled::End } else { Pulled::More }
    }
}

fn handler(promised: &Promised) -> impl crate::handler::Handler {
    let promised = Arc::clone(promised);
    move |head: &Head<'_>, cx: &mut Context<'_>| match (head.method(), head.target().path()) {
        (Method::Post, "/echo") => Decision::buffer(1000, |body, _| body.to_vec().into()),
        (_, "/hello") => "hello".into(),
        (_, "/large") => vec![b'l'; 50_000].into(),
        (_, "/pull") => Decision::Respond(Reply::Pull(Box::new(Pieces(2000)))),
        (_, "/later") => {
            let (ticket, completer) = cx.later();
            promised.lock().unwrap().push(completer);
            Decision::Respond(Reply::Later(ticket))
        }
        _ => plain::reply(cx, 404).into(),
    }
}

const REQUESTS: [&str; 10] = [
    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /pull HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\ndropped",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n",
    "\r\nPOST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nunread\r\n0\r\n\r\n",
];

/// What may stand at the end of a pipeline: the connection closes behind it.
const LAST: [&str; 4] = [
    "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /pull HTTP/1.0\r\n\r\n",
    "BAD\0 / HTTP/1.1\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
];

fn requests(random: &mut Random) -> String {
    let count = random.below(60);
    let mut all: String = (0..count)
        .map(|_| REQUESTS[random.below(REQUESTS.len())])
        .collect();
    all.push_str(LAST[random.below(LAST.len())]);
    all
}

/// One worker's turn after the other, by chance, until the connection has said all.
struct Simulation {
    rig: Rig,
    random: Random,
    promised: Promised,
    /// What the peer has not sent yet.
    unsent: Vec<u8>,
}

impl Simulation {
    fn new(requests: &str, random: Random) -> Self {
        let promised = Promised::default();
        let mut rig = Rig::new(handler(&promised));
        rig.wire().room = Some(0);
        Self {
            rig,
            random,
            promised,
            unsent: requests.as_bytes().to_vec(),
        }
    }

    fn send(&mut self, most: usize) {
        let n = self.unsent.len().min(most);
        if n > 0 {
            let piece = self.unsent.drain(..n).collect();
            self.rig.wire().incoming.push_back(Incoming::Bytes(piece));
        }
    }

    fn complete(&mut self) {
        let completer = self.promised.lock().unwrap().pop();
        if let Some(completer) = completer {
            completer.complete(ResponseHead::new(200), "later");
        }
    }

    /// Whether something happened that the worker would hear of, and what it is then.
    fn step(&mut self) {
        let most = [1, 7, 100, 3000, 100_000][self.random.below(5)];
        match self.random.below(5) {
            0 => self.send(most),
            1 => {
                let room = self.rig.wire().room.unwrap_or(0);
                self.rig.wire().room = Some(room + most);
            }
            2 => self.complete(),
            3 => {
                self.rig.deliver();
            }
            _ => {
                let now = self.rig.kit.lent.now + Duration::from_millis(most as u64 / 100);
                self.rig.kit.begin(now, || SystemTime::UNIX_EPOCH);
            }
        }
        let (readable, writable) = (
            !self.rig.wire().incoming.is_empty(),
            self.rig.wire().room != Some(0),
        );
        let (ready, reported) = match self.rig.wait {
            Wait::Read | Wait::Elsewhere => (READABLE, readable),
            Wait::Write | Wait::ReadOrWrite => (Ready::NOTHING, writable),
            Wait::Yield => (Ready::NOTHING, true),
            Wait::Nothing => return,
        };
        // Spurious events are allowed, too.
        if reported || self.random.below(10) == 0 {
            let ready = if readable { ready } else { Ready::NOTHING };
            self.rig.turn(ready);
        }
    }

    /// All that was answered, with the date taken out.
    fn run(mut self) -> String {
        for _ in 0..200_000 {
            if self.rig.wait == Wait::Nothing || self.rig.connection.phase() == Phase::Lingering {
                return without_dates(&self.rig.sent());
            }
            self.step();
        }
        let connection = &self.rig.connection;
        let input = connection.work.as_ref().map_or(0, |work| work.input.len());
        let (phase, wait) = (connection.phase(), self.rig.wait);
        panic!(
            "it does not end: {phase:?}, {wait:?}, {input} saved, {} unsent",
            self.unsent.len()
        );
    }
}

fn without_dates(text: &str) -> String {
    let is_date = |line: &str| {
        line.get(..5)
            .is_some_and(|name| name.eq_ignore_ascii_case("date:"))
    };
    text.split_inclusive("\r\n")
        .filter(|line| !is_date(line))
        .collect()
}

/// The chunks of a pulled body depend on nothing but the source, so the answers can be compared as they are.
fn all_at_once(requests: &str) -> String {
    let mut simulation = Simulation::new(requests, Random(1));
    simulation.rig.wire().room = None;
    simulation.send(usize::MAX);
    for _ in 0..10_000 {
        if simulation.rig.wait == Wait::Nothing || simulation.rig.connection.phase() == Phase::Lingering {
            return without_dates(&simulation.rig.sent());
        }
        simulation.rig.turn(READABLE);
        simulation.complete();
        simulation.rig.deliver();
    }
    panic!("it does not end");
}

fn check(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let requests = requests(&mut random);
    let want = all_at_once(&requests);

    let got = Simulation::new(&requests, random).run();
    assert!(
        got == want,
        "SEED={seed}\nrequests: {requests:?}\nwant: {want:?}\ngot:  {got:?}"
    );
}

#[test]
fn any_schedule_gets_the_same_answers() {
    if let Ok(seed) = std::env::var("SEED") {
        return check(seed.parse().expect("a number"));
    }
    for seed in 0..300 {
        check(seed);
    }
}

#[test]
fn a_reset_at_any_time_ends_the_connection() {
    for seed in 0..300 {
        let mut random = Random(seed + 1_000_000);
        let all = requests(&mut random);
        let steps = random.below(400);
        let mut simulation = Simulation::new(&all, random);
        for _ in 0..steps {
            simulation.step();
        }
        if simulation.rig.wait == Wait::Nothing {
            continue;
        }
        simulation.rig.wire().incoming.clear();
        simulation.rig.wire().incoming.push_back(Incoming::Reset);
        simulation.rig.wire().broken = true;
        let gone = Ready {
            readable: true,
            read_closed: true,
            gone: true,
        };
        let ended = (0..3).any(|_| simulation.rig.turn(gone) == Wait::Nothing);
        assert!(
            ended,
            "seed {seed}: {:?} {:?}",
            simulation.rig.connection.phase(),
            simulation.rig.wait
        );
    }
}

/// Sends a body in random lumps after random pauses. Returns when the connection gave up, in milliseconds since the head,
/// and how many bytes had arrived by then.
fn trickle(
    rig: &mut Rig,
    random: &mut Random,
    mut lump: impl FnMut(&mut Random, u64) -> usize,
) -> Option<(u64, u64)> {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    rig.wire().incoming.push_back(Incoming::Bytes(post.into()));
    rig.turn(READABLE);
    let (mut elapsed, mut arrived) = (0, 0);
    for _ in 0..2000 {
        let pause = 1 + random.below(19_000) as u64;
        rig.kit
            .begin(rig.kit.lent.now + Duration::from_millis(pause), || {
                SystemTime::UNIX_EPOCH
            });
        elapsed += pause;
        if rig.connection.deadline(&rig.kit) <= rig.kit.lent.now {
            rig.connection.expire(0, &mut rig.inlet, &mut rig.kit);
            return Some((elapsed, arrived));
        }
        let size = lump(random, pause);
        arrived += size as u64;
        if size > 0 {
            rig.wire().incoming.push_back(Incoming::Bytes(vec![b'x'; size]));
            rig.turn(READABLE);
        }
    }
    None
}

#[test]
fn bodies_are_cut_off_when_they_fall_behind_their_rate_and_only_then() {
    for seed in 0..200 {
        let mut random = Random(seed + 1);
        let rate = 1 + random.below(2000);
        let settings = Settings {
            min_body_rate: rate as u32,
            ..Settings::default()
        };
        let limits = http_core::Limits {
            body: u64::MAX,
            ..Default::default()
        };
        let rig = || {
            let handler = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(u64::MAX, |_, _| "all".into());
            Rig::with(
                handler,
                Settings {
                    limits,
                    ..settings.clone()
                },
            )
        };
        // What is worth each pause is enough.
        let enough = |_: &mut Random, pause: u64| (rate as u64 * pause).div_ceil(1000) as usize;
        assert_eq!(trickle(&mut rig(), &mut random, enough), None, "seed {seed}");
        // Half of that on the average is not, and nobody is held for longer than the bytes are worth.
        let half = |random: &mut Random, pause: u64| random.below(rate * pause as usize / 1000 + 1);
        let (elapsed, arrived) = trickle(&mut rig(), &mut random, half).expect("an end");
        let worth = arrived * 1000 / rate as u64 + 20_000;
        assert!(
            elapsed <= worth + 19_000,
            "seed {seed}: {elapsed} ms, {worth} are paid for"
        );
    }
}
