//! What a small file costs, counted from outside. A figure that a test holds is a gate of the project.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use support::{Launch, tools};
use tempfile::TempDir;

use crate::counting::{Case, get};

/// A site whose files have settled, so that they can be remembered.
fn site() -> TempDir {
    let site = TempDir::new().expect("a directory");
    let at = |name: &str| site.path().join(name);
    fs::create_dir(at("dir")).expect("a directory");
    for (name, size) in [
        ("small.html", 1024),
        ("dir/small.html", 1024),
        ("dir/64k.html", 64 * 1024),
    ] {
        fs::write(at(name), [vec![b'x'; size - 4], b"/end".to_vec()].concat()).expect("a file");
    }
    symlink("small.html", at("dir/link.html")).expect("a link");
    std::thread::sleep(Duration::from_millis(50));
    site
}

/// Files of 1 KiB, each to be asked for once, so that nothing is remembered of it. Returns the requests.
fn many(site: &TempDir, folder: &str, count: usize, lines: &str) -> Vec<String> {
    let place = site.path().join(folder.trim_start_matches('/'));
    fs::create_dir_all(&place).expect("a directory");
    let content = [vec![b'x'; 1020], b"/end".to_vec()].concat();
    let requests = (0..count).map(|n| {
        fs::write(place.join(format!("{n}.html")), &content).expect("a file");
        get(&format!("{folder}/{n}.html"), lines)
    });
    let requests = requests.collect();
    std::thread::sleep(Duration::from_millis(50));
    requests
}

/// Requests whose calls are counted.
const ASKED: usize = 100;

/// Counts the calls of requests in a row and holds those of one.
#[track_caller]
fn calls_are(what: &str, case: Case<'_>, most: f64) {
    let calls = case.calls(ASKED);
    let each = calls.len() as f64 / ASKED as f64;
    let last = calls.len() - each.round() as usize;
    println!(
        "system calls, {what}: {each:.2} (must {most}): {}",
        calls[last..].join(", ")
    );
    // The root is looked at once a second, and a timer may fire.
    assert!(
        each <= most + 0.2,
        "{what}: {each} calls a request, the most is {most}: {:?}",
        &calls[last..]
    );
}

#[test]
fn a_small_file_takes_few_system_calls() {
    if tools::tool("strace").is_none() {
        return;
    }
    let site = site();
    let siblings = "Accept-Encoding: br, gzip\r\n";
    let table = [
        ("a hit", vec![get("/dir/small.html", "")], 6.0),
        ("a hit in the root", vec![get("/small.html", "")], 4.0),
        ("a hit of 64 KiB", vec![get("/dir/64k.html", "")], 6.0),
        (
            "a hit whose siblings were absent",
            vec![get("/dir/small.html", siblings)],
            7.0,
        ),
        ("a miss by a link", vec![get("/dir/link.html", "")], 13.0),
        ("a miss", many(&site, "/many", ASKED + 1, ""), 10.0),
        (
            "a miss whose siblings are absent",
            many(&site, "/more", ASKED + 1, siblings),
            13.0,
        ),
    ];
    for (what, requests, most) in table {
        let case = Case {
            root: site.path(),
            requests: &requests,
            begins: "HTTP/1.1 200 ",
            ends: b"/end",
        };
        calls_are(what, case, most);
    }
}

#[test]
fn requests_of_one_round_share_the_file() {
    if tools::tool("strace").is_none() {
        return;
    }
    const CLIENTS: usize = 64;
    let site = site();
    let requests = [get("/dir/small.html", "")];
    let case = Case {
        root: site.path(),
        requests: &requests,
        begins: "HTTP/1.1 200 ",
        ends: b"/end",
    };
    let calls = case.calls_at_once(CLIENTS);
    let each = calls.len() as f64 / CLIENTS as f64;
    println!("system calls, {CLIENTS} requests at once: {each:.2} each (must 2.2)");
    let opened = calls.iter().filter(|name| *name == "openat2").count();
    assert!(
        each <= 2.2 && opened <= 3,
        "{each} calls a request, {opened} opens: {calls:?}"
    );
}

/// Requests in the shorter one of two runs; the longer one has twice as many.
const COUNT: usize = 1000;

#[track_caller]
fn instructions_are(what: &str, case: Case<'_>, most: f64) {
    let each = case.instructions(COUNT);
    println!("user instructions, {what}: {each:.1} (must {most})");
    assert!(
        each <= most,
        "{what}: {each} user instructions a request, the most is {most}"
    );
}

#[test]
fn a_small_file_takes_few_instructions() {
    if tools::tool("valgrind").is_none() {
        return;
    }
    let site = site();
    let case = |requests, begins, ends| Case {
        root: site.path(),
        requests,
        begins,
        ends,
    };
    // In the root, as valgrind 3.19 does not know openat2, which the directory of any other file is opened with.
    let hit = [get("/small.html", "")];
    let hits = case(&hit, "HTTP/1.1 200 ", b"/end");
    instructions_are("1 KiB from the cache", hits, 1900.0);
    // As browsers revalidate: with both validators of the answer before.
    let server = Launch::of(site.path()).start();
    let first = server.connect().exchange(&hit[0]).expect("an answer");
    server.stop();
    let validator = |name| first.field(name).expect("a validator");
    let conditions = format!(
        "If-None-Match: {}\r\nIf-Modified-Since: {}\r\n",
        validator("etag"),
        validator("last-modified")
    );
    let same = [get("/small.html", &conditions)];
    let unchanged = case(&same, "HTTP/1.1 304 ", b"\r\n\r\n");
    instructions_are("a 304", unchanged, 2500.0);
    // With conditions that do not hold.
    let other = [get(
        "/small.html",
        "If-None-Match: \"other\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
    )];
    let changed = case(&other, "HTTP/1.1 200 ", b"/end");
    instructions_are("1 KiB with conditions", changed, 3000.0);
    let once = many(&site, "", 2 * COUNT, "");
    instructions_are("1 KiB, a miss", case(&once, "HTTP/1.1 200 ", b"/end"), 10_400.0);
}

/// What browsers ask for, counted by single steps. Beside each stands what it must not exceed.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_small_file_below_a_directory_takes_few_instructions() {
    let site = site();
    let encodings = "Accept-Encoding: br, gzip\r\n";
    let server = Launch::of(site.path()).start();
    let first = server.connect().exchange(get("/dir/small.html", ""));
    server.stop();
    let first = first.expect("an answer");
    let condition = format!("If-None-Match: {}\r\n", first.field("etag").expect("a validator"));
    let table = [
        ("in the root", "/small.html", "", 200, 4, 1900),
        ("below a directory", "/dir/small.html", "", 200, 6, 2050),
        (
            "whose siblings are absent",
            "/dir/small.html",
            encodings,
            200,
            7,
            2550,
        ),
        (
            "that has not changed",
            "/dir/small.html",
            condition.as_str(),
            304,
            6,
            2500,
        ),
        ("by a link, which is a miss", "/dir/link.html", "", 200, 13, 9_200),
    ];
    for (what, path, lines, status, calls, most) in table {
        let case = Case {
            root: site.path(),
            requests: &[get(path, lines)],
            begins: &format!("HTTP/1.1 {status} "),
            ends: if status == 200 { b"/end" } else { b"\r\n\r\n" },
        };
        let round = crate::stepping::cheapest(&case);
        println!(
            "user instructions, 1 KiB {what}: {} (must {most}), {} calls",
            round.instructions, round.calls
        );
        assert!(round.calls <= calls, "{what}: {} calls", round.calls);
        assert!(round.instructions <= most, "{what}: {}", round.instructions);
    }
}
