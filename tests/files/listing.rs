//! A listing of a very large directory.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use support::{Client, Launch, process};
use tempfile::TempDir;

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
