//! A directory that is listed for clients that do not read.

use std::fs::File;
use std::thread;
use std::time::Duration;

use support::Launch;

use crate::{Attacked, MIB, overhead, push, small_client};

#[test]
fn listings_of_many_names_for_clients_that_do_not_read_take_little() {
    const CLIENTS: usize = 30;
    let folder = tempfile::tempdir().expect("a directory");
    for number in 0..100_000 {
        File::create(folder.path().join(format!("file-{number:06}.txt"))).expect("a file");
    }
    let attacked = Attacked::new("listings_of_many_names", || {
        Launch::of(folder.path()).args(["--listing", "--workers", "2", "--max-memory", "16M"])
    });
    let Some(attacked) = attacked else { return };
    let mut streams = Vec::new();
    for index in 0..CLIENTS {
        let stream = small_client(attacked.server.address(), index);
        push(&stream, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut 0);
        streams.push(stream);
    }
    // Until each has the beginning of its page.
    for stream in &streams {
        stream.set_nonblocking(false).expect("it waits");
        stream
            .set_read_timeout(Some(support::PATIENCE))
            .expect("a deadline can be set");
        let mut status = [0; 12];
        let count = stream.peek(&mut status).expect("an answer");
        assert_eq!(&status[..count], b"HTTP/1.1 200");
        attacked.serves_others("/file-000000.txt");
    }
    thread::sleep(Duration::from_millis(200));
    let peak = attacked.peak_growth();
    // Beside the pages each worker reads the directory, for one client at a time.
    assert!(peak <= overhead(0) + 2 * 6 * MIB, "{peak} bytes at the peak");
    drop(streams);
    attacked.recovers_from(CLIENTS as u64);
}
