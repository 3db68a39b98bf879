//! Pages that list a directory.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use support::{Client, Launch, Response, Server, process};
use tempfile::TempDir;

fn get(server: &Server, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.connect().exchange(request).expect("an answer")
}

fn write(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, content).expect("a file");
}

#[test]
fn a_listing_is_shown_only_where_it_is_switched_on() {
    let root = TempDir::new().expect("a directory");
    write(root.path(), "d/a.txt", "");
    write(root.path(), "i/index.html", "index");
    let without = Launch::of(root.path()).start();
    let refused = get(&without, "/d/");
    assert!(
        refused.status == 404 && refused.text().contains("--listing"),
        "{refused:?}"
    );
    assert!(!get(&without, "/nowhere/").text().contains("--listing"));
    let with = Launch::of(root.path()).args(["--listing"]).start();
    let answer = get(&with, "/d/");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.field("cache-control"), Some("no-cache"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    let policy = answer.field("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(get(&with, "/d").field("location"), Some("./d/"));
    assert_eq!(get(&with, "/i/").text(), "index");
    assert_eq!(get(&with, "/nowhere/").status, 404);
    assert_eq!(get(&with, "/i/index.html/").status, 404);
}

#[test]
fn each_entry_is_a_link_with_its_size_and_time_and_nothing_in_a_name_is_markup() {
    let root = TempDir::new().expect("a directory");
    let large = "x".repeat(2048);
    for (name, content) in [
        ("d/<b>&\"'.html", "12345"),
        ("d/javascript:alert(1)", ""),
        ("d/.hidden", ""),
        ("d/sub/x", ""),
        ("d/large", &large),
    ] {
        write(root.path(), name, content);
    }
    let aged = File::options()
        .write(true)
        .open(root.path().join("d/large"))
        .expect("a file");
    // The example of RFC 9110 §5.6.7.
    let time = std::time::UNIX_EPOCH + Duration::from_secs(784_111_777);
    aged.set_modified(time).expect("a time");
    let server = Launch::of(root.path()).args(["--listing"]).start();
    let page = get(&server, "/d/").text();
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("<tr><td>"))
        .collect();
    let expected = [
        "<a href=\"../\">../</a><td>",
        "<a href=\"./sub/\">sub/</a><td><td>2",
        "<a href=\"./%3Cb%3E%26%22%27.html\">&lt;b&gt;&amp;&quot;&#39;.html</a><td>5 B<td>2",
        "<a href=\"./javascript%3Aalert%281%29\">javascript:alert(1)</a><td>0 B<td>2",
        "<a href=\"./large\">large</a><td>2.0 KiB<td>1994-11-06 08:49",
    ];
    assert_eq!(rows.len(), expected.len(), "{page}");
    for (row, begins) in rows.iter().zip(expected) {
        assert!(row.starts_with(begins), "{row}");
    }
    assert!(page.contains("<title>Index of /d/</title>") && page.contains("name=\"viewport\""));
    let root = get(&server, "/").text();
    assert!(
        root.contains("<h1>Index of /</h1>") && !root.contains("../"),
        "{root}"
    );
}

#[test]
fn pages_are_numbered_and_there_is_none_behind_the_last() {
    let root = TempDir::new().expect("a directory");
    for n in 0..2_345 {
        write(root.path(), &format!("{n:04}"), "");
    }
    let server = Launch::of(root.path()).args(["--listing"]).start();
    let first = get(&server, "/?page=1").text();
    assert!(first.contains("page 1 of 3, 2345 entries") && first.contains("href=\"./?page=2\">next"));
    let last = get(&server, "/?page=3").text();
    assert!(last.contains("href=\"./?page=2\">previous") && !last.contains(">next"));
    assert_eq!(get(&server, "/?page=4").status, 404);
    assert_eq!(get(&server, "/?page=4").field("cache-control"), Some("no-cache"));
    for query in [
        "",
        "?page=0",
        "?page=x",
        "?other=1",
        "?page=-1",
        "?page=99999999999999999999",
    ] {
        assert_eq!(get(&server, &format!("/{query}")).text(), first, "{query}");
    }
}

const ENTRIES: usize = 100_000;

fn page(client: &mut Client, number: usize) -> (u16, String) {
    let request = format!("GET /?page={number} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let response = client.exchange(request).expect("an answer");
    (response.status, response.text())
}

#[test]
fn a_hundred_thousand_entries_are_all_there_in_order_and_cost_little_memory() {
    let root = TempDir::new().expect("a directory");
    for n in 0..ENTRIES {
        // Not made in the order of their names.
        let number = (n * 7919) % ENTRIES;
        File::create(root.path().join(format!("entry-{number:06}"))).expect("a file");
    }
    fs::create_dir(root.path().join("zz")).expect("a directory");
    let server = Launch::of(root.path())
        .args(["--listing", "--workers", "1"])
        .start();
    let mut client = server.connect();
    let started = Instant::now();
    let mut listed = Vec::with_capacity(ENTRIES + 1);
    let mut number = 1;
    loop {
        let (status, text) = page(&mut client, number);
        assert_eq!(status, 200, "page {number}");
        let rows = text
            .lines()
            .filter_map(|line| line.strip_prefix("<tr><td><a href=\"./"));
        listed.extend(rows.filter_map(|row| row.split('"').next()).map(str::to_owned));
        if !text.contains(">next</a>") {
            break;
        }
        number += 1;
    }
    println!("{number} pages in {:?}", started.elapsed());
    assert_eq!((listed.len(), listed[0].as_str()), (ENTRIES + 1, "zz/"));
    for (n, name) in listed[1..].iter().enumerate() {
        assert_eq!(*name, format!("entry-{n:06}"));
    }
    // While a listing is built, the one worker serves others. A busy machine may hold one of them up, but not in each try.
    let is_beside = |client: &mut Client| {
        let began = Instant::now();
        client
            .send("GET /?page=50 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("the server reads");
        let mut other = server.connect();
        let request = "GET /entry-000000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert_eq!(other.exchange(request).expect("an answer").status, 200);
        let others = began.elapsed();
        assert_eq!(client.response().expect("the listing").status, 200);
        println!(
            "another request took {others:?}, the listing {:?}",
            began.elapsed()
        );
        others < began.elapsed() / 2
    };
    assert!((0..5).any(|_| is_beside(&mut client)));
    // Clients that ask and do not read: each holds one page's entries, not the directory.
    let before = process::anonymous_memory(server.pid());
    let idle: Vec<Client> = (0..30)
        .map(|_| {
            let mut client = server.connect();
            client
                .send("GET /?page=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .expect("the server reads");
            client
        })
        .collect();
    std::thread::sleep(Duration::from_secs(3));
    let grown = process::anonymous_memory(server.pid()).saturating_sub(before);
    println!("30 listings that nobody reads: {} kB", grown / 1024);
    assert!(grown < 30 * 1024 * 1024, "{grown} bytes");
    drop(idle);
    assert_eq!(page(&mut client, 1).0, 200);
    server.stop();
}
