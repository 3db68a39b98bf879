//! Sites that change while they are served.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Launch, PATIENCE, Server};
use tempfile::TempDir;

/// How late a new root may be seen: the second that the server promises, and a busy machine's delay.
const SEEN_WITHIN: Duration = Duration::from_millis(1900);

fn get(client: &mut Client, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let response = client.exchange(request).expect("an answer");
    (response.status, response.text())
}

/// Makes a directory with a page and an asset of this release.
fn release(folder: &Path, number: u32) {
    fs::create_dir_all(folder.join("assets")).expect("a directory");
    for name in ["index.html", "assets/app.js"] {
        fs::write(folder.join(name), format!("release {number:04}")).expect("a file");
    }
}

/// Asks until the answer is of this release, and returns how long that took.
fn wait_for(client: &mut Client, path: &str, number: u32) -> Duration {
    let started = Instant::now();
    loop {
        let (status, body) = get(client, path);
        if status == 200 && body == format!("release {number:04}") {
            return started.elapsed();
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{path} never shows release {number}: {status} {body}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_site_deleted_and_built_anew_is_served_within_a_second() {
    let base = TempDir::new().expect("a directory");
    let root = base.path().join("dist");
    release(&root, 0);
    let server = Launch::of(&root).start();
    let mut client = server.connect();
    for number in 1..4 {
        assert_eq!(get(&mut client, "/assets/app.js").0, 200);
        fs::remove_dir_all(&root).expect("gone");
        // While it is being built there is nothing, and that is no error of the server.
        let (status, _) = get(&mut client, "/assets/app.js");
        assert!(status == 404, "{status}");
        release(&root, number);
        let seen = wait_for(&mut client, "/assets/app.js", number);
        println!("release {number} was seen after {seen:?}");
        assert!(seen < SEEN_WITHIN, "{seen:?}");
        assert_eq!(get(&mut client, "/").1, format!("release {number:04}"));
    }
    server.stop();
}

/// Asks over and over until told to stop: every answer has to be of a whole release, and never of one before the last
/// that was seen. Returns how many answers there were.
fn watch(server: &Server, done: &AtomicBool) -> u32 {
    let mut client = server.connect();
    let (mut answers, mut newest) = (0, String::new());
    while !done.load(Ordering::Relaxed) {
        for path in ["/", "/assets/app.js"] {
            let (status, body) = get(&mut client, path);
            assert_eq!((status, body.len()), (200, "release 0000".len()), "{body}");
            assert!(body >= newest, "{body} after {newest}");
            newest = body;
            answers += 1;
        }
    }
    answers
}

#[test]
fn a_root_re_linked_under_load_loses_no_request_and_never_goes_back() {
    let base = TempDir::new().expect("a directory");
    let at = |name: &str| base.path().join(name);
    release(&at("release-0"), 0);
    symlink("release-0", at("current")).expect("a link");
    // One worker, since each looks at the path in its own time.
    let server = Launch::of(&at("current")).args(["--workers", "1"]).start();
    let done = AtomicBool::new(false);
    const RELEASES: u32 = 12;
    thread::scope(|scope| {
        let watchers: Vec<_> = (0..4).map(|_| scope.spawn(|| watch(&server, &done))).collect();
        for number in 1..=RELEASES {
            release(&at(&format!("release-{number}")), number);
            symlink(format!("release-{number}"), at("next")).expect("a link");
            fs::rename(at("next"), at("current")).expect("a rename");
            thread::sleep(Duration::from_millis(250));
        }
        let seen = wait_for(&mut server.connect(), "/", RELEASES);
        assert!(seen < SEEN_WITHIN, "{seen:?}");
        done.store(true, Ordering::Relaxed);
        for watcher in watchers {
            let answers = watcher.join().expect("a watcher without an error");
            assert!(answers > 100, "{answers}");
        }
    });
    server.stop();
}

#[test]
fn a_download_begun_before_a_new_release_ends_with_the_old_file() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let base = TempDir::new().expect("a directory");
    let at = |name: &str| base.path().join(name);
    for (name, byte) in [("old", b'o'), ("new", b'n')] {
        fs::create_dir(at(name)).expect("a directory");
        fs::write(at(name).join("large.bin"), vec![byte; LENGTH]).expect("a file");
        fs::write(at(name).join("name"), name).expect("a file");
    }
    symlink("old", at("current")).expect("a link");
    let server = Launch::of(&at("current")).start();
    let request = b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut downloads: Vec<_> = (0..4)
        .map(|_| {
            let client = server.connect();
            let mut stream = client.stream().try_clone().expect("a socket");
            stream.write_all(request).expect("the server reads");
            // The beginning only: the rest waits in the server.
            let mut begin = vec![0; 4096];
            stream.read_exact(&mut begin).expect("the beginning");
            (client, stream, begin)
        })
        .collect();
    symlink("new", at("next")).expect("a link");
    fs::rename(at("next"), at("current")).expect("a rename");
    fs::remove_dir_all(at("old")).expect("gone");
    let mut client = server.connect();
    let started = Instant::now();
    while get(&mut client, "/name").1 != "new" {
        assert!(started.elapsed() < SEEN_WITHIN);
    }
    for (_, stream, whole) in &mut downloads {
        stream.read_to_end(whole).expect("the rest");
        let body = whole.len() - LENGTH;
        assert!(whole[..body].ends_with(b"\r\n\r\n"), "{} bytes", whole.len());
        assert!(
            whole[body..].iter().all(|&byte| byte == b'o'),
            "the download is mixed"
        );
    }
    server.stop();
}

#[test]
fn the_writer_of_a_fifo_is_not_woken_by_who_asks_for_its_name() {
    let root = TempDir::new().expect("a directory");
    let fifo = root.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let server = Launch::of(root.path()).start();
    let woken = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // fifo(7): it waits here until somebody opens the other end.
            let opened = File::options().write(true).open(&fifo);
            woken.store(true, Ordering::Relaxed);
            opened.map(drop)
        });
        thread::sleep(Duration::from_millis(100));
        let mut client = server.connect();
        for path in ["/fifo", "/fifo/", "/fifo?x", "/fifo"] {
            assert_eq!(get(&mut client, path).0, 404, "{path}");
        }
        thread::sleep(Duration::from_millis(100));
        assert!(!woken.load(Ordering::Relaxed), "the server has opened the FIFO");
        drop(File::open(&fifo).expect("a reader"));
        writer.join().expect("a thread").expect("the FIFO");
    });
    server.stop();
}
