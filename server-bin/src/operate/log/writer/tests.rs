//! The log as a whole, with real threads and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::*;
use crate::driver::handler::mailbox::{Mailbox, Wake};
use crate::handler::{Outcomes, Watch};

const PATIENCE: Duration = Duration::from_secs(20);

fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let [access, notices] = ["access", "notices"].map(|name| folder.path().join(name));
    (folder, access, notices)
}

fn start(access: &Path, notices: &Path) -> Log {
    Log::start(Settings {
        access: Some((Target::File(access.into()), Format::Combined)),
        notices: Target::File(notices.into()),
    })
    .expect("the files can be opened")
}

/// A worker as far as the log knows of it.
struct Worker {
    lines: Lines,
    outcomes: Outcomes,
}

impl Worker {
    fn new(log: &Log) -> Self {
        Self {
            lines: log.lines(),
            outcomes: Outcomes::new(Arc::new(Mailbox::new(None))),
        }
    }

    fn end_round(&mut self) {
        // Its worker does that when it was alerted; and a connection looks at the latter before its next head.
        self.outcomes.heed_alert();
        if !self.outcomes.can_wait(Instant::now) || self.outcomes.are_many(1) {
            let lines = &mut self.lines;
            self.outcomes.tell(Instant::now(), |outcomes| {
                lines.take_in(outcomes, false);
                Watch::GoOn
            });
        }
    }

    fn end(mut self) {
        self.outcomes.begin_last_round();
        self.end_round();
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[track_caller]
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_line_of_each_worker_is_written_once_and_in_its_order() {
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    thread::scope(|scope| {
        for worker in 0..4 {
            let mut of_worker = Worker::new(&log);
            scope.spawn(move || {
                for number in 0..5000 {
                    of_worker.outcomes.add(&format!("/{worker}/{number}"));
                    if number % 7 == 0 {
                        of_worker.end_round();
                    }
                    // What finds room is not what is tested here.
                    if number % 1000 == 0 {
                        thread::sleep(Duration::from_millis(60));
                    }
                }
                of_worker.end();
            });
        }
    });
    log.finish(PATIENCE);
    let text = read(&access);
    assert_eq!(text.lines().count(), 20_000, "{}", read(&notices));
    for worker in 0..4 {
        let of_worker = text
            .lines()
            .filter_map(|line| line.split_once(&format!("/{worker}/")));
        let numbers: Vec<u32> = of_worker
            .filter_map(|(_, rest)| rest.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(numbers, (0..5000).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_appears_without_a_further_one_also_after_the_writer_fell_asleep() {
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    let mut worker = Worker::new(&log);
    for number in 1..=2 {
        worker.outcomes.add("/");
        worker.end_round();
        let written = || read(&access).lines().count();
        wait_for("the line is written", || {
            // The writer wakes its worker when it asks.
            worker.end_round();
            written() == number
        });
        wait_for("the writer sleeps", || log.shared.asleep.load(Ordering::Relaxed));
    }
}

#[test]
fn a_worker_that_sleeps_over_lines_is_woken_to_hand_them_over() {
    struct Count(Arc<AtomicU64>);
    impl Wake for Count {
        fn wake(&self) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    let wakes = Arc::<AtomicU64>::default();
    let mailbox = Arc::new(Mailbox::new(Some(Box::new(Count(Arc::clone(&wakes))))));
    let mut worker = Worker {
        lines: log.lines(),
        outcomes: Outcomes::new(Arc::clone(&mailbox)),
    };
    // The first line goes without being asked for, and one behind it waits for that. The writer may ask so soon that the
    // worker does not fall asleep over it: then it hands it over, and tries with the next one.
    worker.outcomes.add("/");
    worker.end_round();
    let mut sent = 1;
    loop {
        assert!(sent < 100, "the writer asks without a pause");
        worker.outcomes.add("/");
        worker.end_round();
        sent += 1;
        if mailbox.fall_asleep() {
            break;
        }
        mailbox.wake_up();
        worker.end_round();
    }
    wait_for("it is woken", || wakes.load(Ordering::Relaxed) == 1);
    assert!(mailbox.wake_up());
    worker.end_round();
    wait_for("all lines are there", || read(&access).lines().count() == sent);
    // It is asked for more once, and not again before it has any.
    wait_for("it is asked for more", || mailbox.wake_up());
    assert!(mailbox.fall_asleep());
    thread::sleep(3 * PAUSE);
    assert!(!mailbox.wake_up());
}

#[test]
fn lines_that_find_no_room_are_dropped_and_the_count_is_said() {
    let (_folder, _, notices) = place();
    // Nobody reads the pipe's other end, which is held open.
    let (_reader, writer) = io::pipe().expect("a pipe");
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    if !Path::new(&path).exists() {
        return;
    }
    let log = start(Path::new(&path), &notices);
    let mut worker = Worker::new(&log);
    let long = format!("/{}", "x".repeat(1000));
    let started = Instant::now();
    for _ in 0..5000 {
        worker.outcomes.add(&long);
        worker.end_round();
    }
    worker.end();
    assert!(started.elapsed() < PATIENCE, "the worker waited for the log");
    let dropped = log.dropped();
    wait_for("some are dropped", || dropped() > 0);
    log.finish(PATIENCE);
    let notices = read(&notices);
    let counts = notices
        .lines()
        .filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    assert_eq!(counts.sum::<u64>(), dropped(), "{notices}");
    assert!(notices.contains("of the access log dropped"), "{notices}");
}

#[test]
fn the_last_lines_of_a_worker_count_though_it_drops_them_while_it_is_asked() {
    let shared = Arc::<Shared>::default();
    let mut worker = Worker {
        lines: Lines::new(Arc::clone(&shared), false),
        outcomes: Outcomes::new(Arc::new(Mailbox::new(None))),
    };
    // The first line waits to be asked for.
    worker.outcomes.add("/");
    worker.end_round();
    let end = shared.take_arrivals().pop().expect("the worker is known");
    let hand_over = |worker: &mut Worker| {
        end.ask();
        worker.outcomes.add("/");
        worker.end_round();
    };
    // Then there is no more room.
    (0..2).for_each(|_| hand_over(&mut worker));
    let mut worker = Some(worker);
    let mut sink = Sink::open(Target::File("/dev/null".into())).expect("it can be opened");
    let mut lines = 0;
    let (goes_on, dropped) = take_from(&end, &mut sink, |batch, _| {
        lines += batch.outcomes().count();
        if let Some(mut worker) = worker.take() {
            // It takes the room again, and ends.
            hand_over(&mut worker);
            worker.outcomes.add("/");
            worker.end();
        }
    });
    assert_eq!((goes_on, lines, dropped), (false, 4, 1));
}

#[test]
fn a_full_disk_is_said_once_with_what_to_do_and_ends_nothing() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let (_folder, _, notices) = place();
    let log = start(Path::new("/dev/full"), &notices);
    let mut worker = Worker::new(&log);
    for _ in 0..5 {
        worker.outcomes.add("/");
        worker.end_round();
        thread::sleep(Duration::from_millis(60));
    }
    worker.end();
    wait_for("it is said", || !read(&notices).is_empty());
    let text = read(&notices);
    assert!(
        text.lines().count() == 1 && text.contains("No space left") && text.contains("; make room; "),
        "{text}"
    );
    let dropped = log.dropped();
    log.finish(PATIENCE);
    assert_eq!(dropped(), 5);
}

#[test]
fn a_log_that_cannot_be_opened_is_named_at_the_start() {
    let (folder, _, notices) = place();
    let settings = Settings {
        access: Some((Target::File(folder.path().join("no/such/log")), Format::Json)),
        notices: Target::File(notices),
    };
    let error = Log::start(settings)
        .expect_err("there is no such directory")
        .to_string();
    assert!(error.contains("no/such/log"), "{error}");
}

#[test]
fn a_topic_is_said_once_and_then_counted() {
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    let [one, other] = [log.notices().topic(), log.notices().topic()];
    let mut made = 0;
    for number in 0..100 {
        one.say(|| {
            made += 1;
            format!("number {number}\nis \u{1b}[31mred")
        });
    }
    other.say(|| "another topic".into());
    log.finish(PATIENCE);
    let text = read(&notices);
    assert_eq!((made, text.lines().count()), (1, 2), "{text}");
    assert!(
        text.contains("number 0\\nis \\u{1b}[31mred") && text.contains("another topic"),
        "{text}"
    );
}

#[test]
fn after_its_minute_a_topic_says_how_often_it_came_up_and_then_speaks_again() {
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    let topic = log.notices().topic();
    (0..5).for_each(|_| topic.say(|| "again".into()));
    let now = Instant::now();
    let mut silent = Silent::new(topic.clone(), "again".into(), now);
    let minute = now + QUIET;
    assert_eq!(
        silent.renew(minute),
        Some("again (4 more like it within 60 s)".into())
    );
    assert_eq!(silent.until, minute + QUIET);
    assert_eq!(silent.renew(minute + QUIET), None);
    topic.say(|| "and again".into());
    log.finish(PATIENCE);
    let text = read(&notices);
    assert!(text.contains("and again") && text.lines().count() == 2, "{text}");
}
