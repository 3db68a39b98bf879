//! Notifiers under a hundred threads, over a real worker: no event is lost, and none wakes a request that it is not for.
//! What every order of two threads does is a model (`scripts/races loom`); this is the real mailbox and the real poller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{hint, mem, thread};

use http_core::Head;
use server_bin::handler::{BodySource, Context, Notifier, Pulled, Reply};
use server_bin::{Running, Server};
use support::{Client, PATIENCE};

const THREADS: usize = 100;
const ROUNDS: usize = 1_000;
/// A round in which a wake was lost takes as long as the worker sleeps from then on, which is a second or nearly. Otherwise a round
/// takes a few milliseconds; that a busy machine takes as long as this for one is rare.
const SLOW: Duration = Duration::from_millis(500);
/// How many rounds may be slow.
const FEW: usize = 15;
/// How long all rounds may take together, however busy the machine is.
const ALL_ROUNDS: Duration = Duration::from_secs(180);

/// What the source of one request and the test know of each other.
#[derive(Default)]
struct Shared {
    /// What is to be sent.
    events: Mutex<String>,
    /// How many events were taken to be sent.
    taken: AtomicUsize,
    pulls: AtomicUsize,
    ended: AtomicBool,
}

impl Shared {
    fn push(&self, event: &str) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_str(event);
    }

    fn pulls(&self) -> usize {
        self.pulls.load(SeqCst)
    }
}

/// A body of events, of a line each.
struct Source(Arc<Shared>);

impl BodySource for Source {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        self.0.pulls.fetch_add(1, SeqCst);
        // Before the look, since the last event comes before the end.
        let ended = self.0.ended.load(SeqCst);
        let events = mem::take(&mut *self.0.events.lock().unwrap_or_else(PoisonError::into_inner));
        if events.is_empty() {
            return if ended { Pulled::End } else { Pulled::Wait };
        }
        out.extend_from_slice(events.as_bytes());
        self.0.taken.fetch_add(events.lines().count(), SeqCst);
        Pulled::More
    }
}

type Begun = (Arc<Shared>, Notifier);

/// One worker. `/events` waits for events, and what they are given with goes to the test; `/` is answered at once.
fn start() -> (Running, Receiver<Begun>) {
    let (begun, all): (Sender<Begun>, _) = channel();
    let server = Server::new(move |head: &Head<'_>, cx: &mut Context<'_>| -> Reply {
        if head.target().path() != "/events" {
            return "at once".into();
        }
        let shared = Arc::new(Shared::default());
        let _ = begun.send((Arc::clone(&shared), cx.notifier()));
        Reply::Pull(Box::new(Source(shared)))
    });
    let address = "127.0.0.1:0".parse().expect("an address");
    let running = server.listen(address).workers(1).spawn().expect("a free port");
    (running, all)
}

fn connect(running: &Running) -> Client {
    Client::connect(running.addresses()[0].tcp().expect("a TCP address"))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Asks for a stream of events.
fn begin(client: &mut Client, all: &Receiver<Begun>) -> Begun {
    client.send(get("/events")).expect("the server reads");
    all.recv_timeout(PATIENCE).expect("the handler is called")
}

fn end(running: Running) {
    running.handle().stop();
    running.join().expect("the worker ends");
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

/// Whether a thread has an event in a round: all of them, or few, or one alone.
fn takes_part(thread: usize, round: usize) -> bool {
    (thread + round).is_multiple_of([1, 9, THREADS][round % 3])
}

/// In each round some threads have an event at once, each fires its clone, and the next round begins when all events have been
/// taken. So the last wake of a round has no other one behind it that would make up for its loss. The worker looks into its
/// mailbox once a second in any case: so a round whose wake was lost ends all the same, late, and is counted.
#[test]
fn each_event_of_a_hundred_threads_arrives_once_and_in_its_threads_order() {
    let (running, all) = start();
    let mut client = connect(&running).patience(ALL_ROUNDS + PATIENCE);
    let (shared, notifier) = begin(&mut client, &all);
    let reader = thread::spawn(move || client.response().expect("a whole body").text());
    let barrier = Barrier::new(THREADS + 1);
    let (start, mut slow) = (Instant::now(), 0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (shared, notifier, barrier) = (&shared, notifier.clone(), &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    if takes_part(thread, round) {
                        // So that it comes at many moments of the worker's way to sleep.
                        (0..thread * round % 997).for_each(|_| hint::spin_loop());
                        shared.push(&format!("{thread} {round}\n"));
                        notifier.notify();
                    }
                }
            });
        }
        let mut expected = 0;
        for round in 0..ROUNDS {
            barrier.wait();
            let begin = Instant::now();
            expected += (0..THREADS).filter(|thread| takes_part(*thread, round)).count();
            // No panic in here: the threads would wait at the barrier for ever. So what is decided already is not waited for.
            while shared.taken.load(SeqCst) < expected
                && slow < FEW
                && begin.elapsed() < PATIENCE
                && start.elapsed() < ALL_ROUNDS
            {
                thread::yield_now();
            }
            slow += match begin.elapsed() {
                // It would never have ended.
                took if took >= PATIENCE => FEW,
                took => usize::from(took > SLOW),
            };
        }
    });
    let took = start.elapsed();
    println!("{ROUNDS} rounds took {took:?}, {slow} of them more than {SLOW:?}");
    assert!(
        slow < FEW && took < ALL_ROUNDS,
        "{slow} rounds took more than {SLOW:?}, and all together {took:?}: only the worker's look once a second has found the news"
    );
    shared.ended.store(true, SeqCst);
    notifier.notify();

    let mut arrived = BTreeMap::<usize, Vec<usize>>::new();
    for line in reader.join().expect("the reader ends").lines() {
        let (thread, round) = line.split_once(' ').expect("two numbers");
        let rounds = arrived.entry(thread.parse().expect("a number")).or_default();
        rounds.push(round.parse().expect("a number"));
    }
    for thread in 0..THREADS {
        let rounds: Vec<usize> = (0..ROUNDS).filter(|round| takes_part(thread, *round)).collect();
        assert_eq!(
            arrived.remove(&thread).unwrap_or_default(),
            rounds,
            "of thread {thread}"
        );
    }
    end(running);
}

/// The notifiers of requests that have ended, fired by all threads twice and dropped, while the next request of the same
/// connection waits. It hears of nothing until its own fires.
#[test]
fn no_notifier_of_a_request_that_has_ended_wakes_another_one() {
    let (running, all) = start();
    let mut client = connect(&running);
    let ended: Vec<Notifier> = (0..THREADS)
        .map(|number| {
            let (shared, notifier) = begin(&mut client, &all);
            shared.push(&format!("{number}\n"));
            shared.ended.store(true, SeqCst);
            notifier.notify();
            let body = client.response().expect("a whole body").text();
            assert_eq!(body, format!("{number}\n"));
            notifier
        })
        .collect();

    let (shared, own) = begin(&mut client, &all);
    wait_until("the source is pulled", || shared.pulls() > 0);
    let before = shared.pulls();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for first in 0..THREADS {
            let (ended, barrier) = (ended.clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                for at in 0..2 * THREADS {
                    ended[(first + at) % THREADS].notify();
                }
            });
        }
    });
    drop(ended);
    // The worker has looked into its mailbox when it has answered somebody twice.
    let mut other = connect(&running);
    for _ in 0..2 {
        assert_eq!(other.exchange(get("/")).expect("an answer").text(), "at once");
    }
    assert_eq!(shared.pulls(), before, "another request's notifier woke this one");

    shared.push("own\n");
    shared.ended.store(true, SeqCst);
    own.notify();
    assert_eq!(client.response().expect("a whole body").text(), "own\n");
    end(running);
}
