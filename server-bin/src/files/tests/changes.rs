//! Files that change while a worker remembers them.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::{Answer, Site, Worker};
use crate::files::{Files, Tags};

/// Longer than the clock that stamps changes takes for a step.
const SETTLED: Duration = Duration::from_millis(25);

fn body(worker: &Worker, path: &str) -> String {
    worker.get(path, &[]).body
}

/// Asks until the answer comes from what is remembered: its tag is strong then.
fn remembered(worker: &Worker, path: &str) -> Answer {
    std::thread::sleep(SETTLED);
    worker.get(path, &[]);
    let answer = worker.get(path, &[]);
    assert!(
        answer.field("etag").is_some_and(|tag| tag.starts_with('"')),
        "{answer:?}"
    );
    answer
}

#[test]
fn whatever_happens_to_a_file_shows_in_the_next_answer() {
    let site = Site::of(&[("dir/a.txt", "one"), ("other.txt", "two")]);
    let worker = Worker::new(site.files());
    let path = site.path("dir/a.txt");
    type Change<'a> = (&'a str, &'a dyn Fn(), Result<&'a str, u16>);
    let changes: &[Change<'_>] = &[
        (
            "written anew",
            &|| fs::write(&path, "three").expect("a file"),
            Ok("three"),
        ),
        (
            "written in place, of one length",
            &|| {
                let file = File::options().write(true).open(&path).expect("a file");
                let modified = file.metadata().and_then(|file| file.modified()).expect("a time");
                file.write_all_at(b"THREE", 0).expect("bytes");
                file.set_modified(modified).expect("the same time");
            },
            Ok("THREE"),
        ),
        (
            "longer",
            &|| {
                let mut file = File::options().append(true).open(&path).expect("a file");
                file.write_all(b"+more").expect("bytes");
            },
            Ok("THREE+more"),
        ),
        (
            "cut",
            &|| {
                let file = File::options().write(true).open(&path).expect("a file");
                file.set_len(2).expect("a length");
            },
            Ok("TH"),
        ),
        (
            "replaced by another",
            &|| fs::rename(site.path("other.txt"), &path).expect("a rename"),
            Ok("two"),
        ),
        (
            "a link out of the root",
            &|| {
                fs::remove_file(&path).expect("gone");
                symlink("/etc/passwd", &path).expect("a link");
            },
            Err(404),
        ),
        (
            "a link within it",
            &|| {
                fs::remove_file(&path).expect("gone");
                fs::write(site.path("third.txt"), "3rd").expect("a file");
                symlink("../third.txt", &path).expect("a link");
            },
            Ok("3rd"),
        ),
        ("gone", &|| fs::remove_file(&path).expect("gone"), Err(404)),
        (
            "there again",
            &|| fs::write(&path, "again").expect("a file"),
            Ok("again"),
        ),
        (
            "its directory gone",
            &|| {
                fs::rename(site.path("dir"), site.path("away")).expect("a rename");
            },
            Err(404),
        ),
        (
            "its directory another",
            &|| {
                fs::create_dir(site.path("dir")).expect("a directory");
                fs::write(&path, "agaim").expect("a file");
            },
            Ok("agaim"),
        ),
        (
            "its directory a link out",
            &|| {
                fs::remove_dir_all(site.path("dir")).expect("gone");
                symlink("/etc", site.path("dir")).expect("a link");
            },
            Err(404),
        ),
    ];
    for (what, change, expected) in changes {
        if worker.get("/dir/a.txt", &[]).status == 200 {
            remembered(&worker, "/dir/a.txt");
        }
        change();
        let answer = worker.get("/dir/a.txt", &[]);
        match expected {
            Ok(body) => assert_eq!((answer.status, answer.body.as_str()), (200, *body), "{what}"),
            Err(status) => assert_eq!(answer.status, *status, "{what}"),
        }
    }
}

#[test]
fn what_changed_within_the_clock_is_never_remembered() {
    // Each content of one length, written one upon the other as fast as it goes: within one step of the clock that
    // stamps changes the stamps are equal.
    let site = Site::of(&[("a.txt", "00000")]);
    let worker = Worker::new(site.files());
    let file = File::options()
        .write(true)
        .open(site.path("a.txt"))
        .expect("a file");
    for n in 0..3000 {
        let content = format!("{n:05}");
        let written = Instant::now();
        file.write_all_at(content.as_bytes(), 0).expect("bytes");
        let answer = worker.get("/a.txt", &[]);
        assert_eq!(answer.body, content);
        let tag = answer.field("etag").unwrap_or_default().to_owned();
        // Unless this thread was held up for so long that the change has settled.
        assert!(
            tag.starts_with("W/") || written.elapsed() > Duration::from_millis(15),
            "{tag}"
        );
    }
}

#[test]
fn a_strong_tag_is_never_seen_with_two_contents() {
    // A writer that writes in place, and rests now and then for long enough that its file counts as settled.
    const LENGTH: usize = 60_000;
    let site = Site::of(&[("a.bin", "")]);
    let path = site.path("a.bin");
    fs::write(&path, vec![b'0'; LENGTH]).expect("a file");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).expect("a file");
            for n in 0..40_u8 {
                for half in [0, LENGTH / 2] {
                    file.write_all_at(&vec![b'0' + n; LENGTH / 2], half as u64)
                        .expect("bytes");
                }
                std::thread::sleep(Duration::from_millis(u64::from(n % 4) * 12));
            }
            done.store(true, Ordering::Relaxed);
        });
        let worker = Worker::new(site.files());
        let mut strong = 0;
        while !done.load(Ordering::Relaxed) {
            let answer = worker.get("/a.bin", &[]);
            if answer.field("etag").is_some_and(|tag| tag.starts_with('"')) {
                strong += 1;
                let first = answer.body.as_bytes()[0];
                let mixed = answer.body.bytes().any(|byte| byte != first);
                assert!(!mixed, "a strong tag beside mixed content");
            }
        }
        assert!(strong > 0, "the file never settled");
    });
}

#[test]
fn a_sibling_that_comes_or_goes_shows_in_the_next_answer() {
    let site = Site::of(&[("dir/a.js", "plain")]);
    let worker = Worker::new(site.files());
    let gzip = [("Accept-Encoding", "br, gzip")];
    let get = || {
        std::thread::sleep(SETTLED);
        worker.get("/dir/a.js", &gzip);
        worker.get("/dir/a.js", &gzip).body
    };
    assert_eq!(get(), "plain");
    fs::write(site.path("dir/a.js.gz"), "gz").expect("a file");
    assert_eq!(worker.get("/dir/a.js", &gzip).body, "gz");
    assert_eq!(get(), "gz");
    fs::write(site.path("dir/a.js.gz"), "GZ").expect("a file in its place");
    assert_eq!(worker.get("/dir/a.js", &gzip).body, "GZ");
    fs::write(site.path("dir/a.js.gz"), "gz").expect("a file in its place");
    fs::write(site.path("dir/a.js.br"), "br").expect("a file");
    assert_eq!(worker.get("/dir/a.js", &gzip).body, "br");
    assert_eq!(get(), "br");
    fs::remove_file(site.path("dir/a.js.br")).expect("gone");
    assert_eq!(worker.get("/dir/a.js", &gzip).body, "gz");
    assert_eq!(get(), "gz");
    // A newer file leaves its sibling behind.
    let newer = File::options()
        .write(true)
        .open(site.path("dir/a.js"))
        .expect("a file");
    newer
        .set_modified(std::time::SystemTime::now() + Duration::from_secs(5))
        .expect("a time");
    assert_eq!(worker.get("/dir/a.js", &gzip).body, "plain");
    assert_eq!(worker.get("/dir/a.js", &[]).body, "plain");
}

#[test]
fn an_index_that_comes_or_goes_shows_in_the_next_answer() {
    let site = Site::of(&[("dir/index.htm", "second")]);
    let files = site.files().with_index(["index.html", "index.htm"]);
    let worker = Worker::new(files.expect("names"));
    assert_eq!(remembered(&worker, "/dir/").body, "second");
    fs::write(site.path("dir/index.html"), "first").expect("a file");
    assert_eq!(body(&worker, "/dir/"), "first");
    assert_eq!(remembered(&worker, "/dir/").body, "first");
    fs::remove_file(site.path("dir/index.html")).expect("gone");
    assert_eq!(body(&worker, "/dir/"), "second");
}

#[test]
fn a_root_that_leads_elsewhere_takes_what_is_remembered_with_it() {
    let site = Site::of(&[("1/a.txt", "old"), ("1/only-old.txt", "old"), ("2/a.txt", "new")]);
    symlink("1", site.path("current")).expect("a link");
    let files = Files::open(&site.path("current")).expect("the root");
    let reopener = files.reopener();
    let worker = Worker::new(files);
    let start = Instant::now();
    let at = |path: &str, milliseconds| {
        let answer = worker.ask_at("GET", path, &[], start + Duration::from_millis(milliseconds));
        (answer.status, answer.body)
    };
    for milliseconds in [0, 1, 2] {
        assert_eq!(at("/a.txt", milliseconds), (200, "old".to_owned()));
        assert_eq!(at("/only-old.txt", milliseconds).0, 200);
    }
    symlink("2", site.path("next")).expect("a link");
    fs::rename(site.path("next"), site.path("current")).expect("a rename");
    assert_eq!(at("/a.txt", 1001), (200, "new".to_owned()));
    assert_eq!(at("/only-old.txt", 1002).0, 404);
    // Back, and at once: also in the round that has looked at the new one.
    assert_eq!(at("/a.txt", 1003), (200, "new".to_owned()));
    fs::remove_file(site.path("current")).expect("gone");
    symlink("1", site.path("current")).expect("a link");
    reopener.reopen();
    assert_eq!(at("/a.txt", 1003), (200, "old".to_owned()));
}

#[test]
fn beside_the_prefix_the_page_of_an_error_is_the_new_roots_too() {
    let site = Site::of(&[("1/404.html", "old"), ("2/404.html", "new")]);
    symlink("1", site.path("current")).expect("a link");
    let files = Files::open(&site.path("current")).expect("the root");
    let files = files.with_prefix("/static").expect("a prefix");
    let worker = Worker::new(files.with_error_page(404, "404.html").expect("a name"));
    let start = Instant::now();
    let at = |milliseconds| {
        let now = start + Duration::from_millis(milliseconds);
        worker.ask_at("GET", "/elsewhere", &[], now).body
    };
    assert_eq!(at(0), "old");
    symlink("2", site.path("next")).expect("a link");
    fs::rename(site.path("next"), site.path("current")).expect("a rename");
    assert_eq!(at(1001), "new");
}

#[test]
fn within_a_round_one_look_serves_all_and_the_next_round_looks_again() {
    let site = Site::of(&[("a.txt", "one")]);
    let worker = Worker::new(site.files());
    let (round, next) = (Instant::now(), Instant::now() + Duration::from_millis(1));
    let at = |now| worker.ask_at("GET", "/a.txt", &[], now).body;
    assert_eq!(at(round), "one");
    fs::write(site.path("a.txt"), "two").expect("a file");
    assert_eq!(at(round), "one");
    assert_eq!(at(next), "two");
}

#[test]
fn tags_of_replicas_are_equal_when_they_are_made_of_what_replicas_share() {
    let (one, two) = (
        Site::of(&[("a.txt", "content")]),
        Site::of(&[("a.txt", "content")]),
    );
    let modified = std::time::SystemTime::now() - Duration::from_secs(600);
    for site in [&one, &two] {
        let file = File::options()
            .write(true)
            .open(site.path("a.txt"))
            .expect("a file");
        file.set_modified(modified).expect("a time");
        std::thread::sleep(SETTLED);
    }
    let tag = |site: &Site, tags| {
        let answer = Worker::new(site.files().with_etag(tags)).get("/a.txt", &[]);
        answer.field("etag").unwrap_or_default().to_owned()
    };
    assert_ne!(tag(&one, Tags::Full), tag(&two, Tags::Full));
    assert_eq!(tag(&one, Tags::Mtime), tag(&two, Tags::Mtime));
    assert!(tag(&one, Tags::Mtime).starts_with('"'));
}

#[test]
fn a_tag_of_whole_seconds_becomes_strong_when_they_are_over() {
    let site = Site::of(&[("a.txt", "content")]);
    let file = File::options()
        .write(true)
        .open(site.path("a.txt"))
        .expect("a file");
    file.set_modified(std::time::SystemTime::now() - Duration::from_millis(1200))
        .expect("a time");
    std::thread::sleep(SETTLED);
    let worker = Worker::new(site.files().with_etag(Tags::Mtime));
    let started = Instant::now();
    let is_strong = || {
        let answer = worker.get("/a.txt", &[]);
        answer.field("etag").is_some_and(|tag| tag.starts_with('"'))
    };
    // Where the clock has just begun a second, there is nothing left to wait for.
    while !is_strong() {
        assert!(started.elapsed() < Duration::from_secs(3), "the tag stays weak");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_large_file_is_not_remembered_and_a_small_one_at_the_edge_is_whole() {
    let site = Site::of(&[("a.bin", "")]);
    for length in [65_535, 65_536, 65_537, 200_000] {
        let content: String = (0..length).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
        fs::write(site.path("a.bin"), &content).expect("a file");
        let worker = Worker::new(site.files());
        std::thread::sleep(SETTLED);
        for _ in 0..2 {
            let answer = worker.get("/a.bin", &[]);
            assert!(answer.body == content, "{length}: the bytes differ");
            let part = worker.get("/a.bin", &[("Range", "bytes=65530-65534")]);
            assert_eq!((part.status, part.body.as_str()), (206, &content[65_530..65_535]));
        }
    }
}
