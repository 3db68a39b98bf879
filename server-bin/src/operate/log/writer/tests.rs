//! The log as a whole, with real threads and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::line::UNKNOWN;
use super::*;
use crate::handler::Outcome;

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

fn line(target: &str) -> Outcome<'_> {
    Outcome {
        method: b"GET",
        target: target.as_bytes(),
        status: 200,
        ..UNKNOWN
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[track_caller]
fn wait_for(what: &str, condition: impl Fn() -> bool) {
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
            let mut lines = log.lines();
            scope.spawn(move || {
                for number in 0..5000 {
                    lines.push(&line(&format!("/{worker}/{number}")));
                    if number % 7 == 0 {
                        lines.flush();
                    }
                    // What a ring holds is not what is tested here.
                    if number % 1000 == 0 {
                        thread::sleep(Duration::from_millis(60));
                    }
                }
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
            .filter_map(|(_, rest)| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(numbers, (0..5000).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_appears_without_a_further_one_also_after_the_writer_fell_asleep() {
    let (_folder, access, notices) = place();
    let log = start(&access, &notices);
    let mut lines = log.lines();
    for number in 1..=2 {
        lines.push(&line("/"));
        lines.flush();
        wait_for("the line is written", || read(&access).lines().count() == number);
        wait_for("the writer sleeps", || log.shared.asleep.load(Ordering::Relaxed));
    }
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
    let mut lines = log.lines();
    let long = "x".repeat(1000);
    let started = Instant::now();
    for _ in 0..5000 {
        lines.push(&line(&long));
        lines.flush();
    }
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
fn a_full_disk_is_said_once_with_what_to_do_and_ends_nothing() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let (_folder, _, notices) = place();
    let log = start(Path::new("/dev/full"), &notices);
    let mut lines = log.lines();
    for _ in 0..5 {
        lines.push(&line("/"));
        lines.flush();
        thread::sleep(Duration::from_millis(60));
    }
    wait_for("it is said", || !read(&notices).is_empty());
    let text = read(&notices);
    assert!(
        text.lines().count() == 1 && text.contains("No space left") && text.contains("SIGUSR1"),
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
