//! Slow readers of files hold descriptors, and leave some to others.

use std::time::{Duration, Instant};
use std::{fs, thread};

use support::{Client, Launch, PATIENCE, process};

const LARGE: usize = 3 << 20;

#[test]
fn as_many_slow_readers_as_there_are_places_leave_a_descriptor_for_everybodys_file() {
    let folder = tempfile::tempdir().expect("a directory");
    let large = vec![b'x'; LARGE];
    for number in 0..64 {
        fs::write(folder.path().join(format!("{number}.bin")), &large).expect("a file");
    }
    let server = Launch::of(folder.path())
        .args(["--workers", "1", "--access-log", "off"])
        .open_files(128)
        .start();
    // It says where it listens before it says the rest.
    let deadline = Instant::now() + PATIENCE;
    let most: usize = loop {
        let output = server.output();
        let after = output.split("at most ").nth(1);
        let number = after.and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let Some(number) = number {
            break number;
        }
        assert!(Instant::now() < deadline, "{output}");
        thread::sleep(Duration::from_millis(5));
    };
    assert!((40..64).contains(&most), "{most}");
    let request = |number: usize| format!("GET /{number}.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    // They read the head, and not the rest.
    let mut slow: Vec<Client> = (0..most)
        .map(|number| {
            let mut client = server.connect();
            client.send(request(number)).expect("the server reads");
            client
        })
        .collect();
    for (number, client) in slow.iter_mut().enumerate() {
        let mut first = [0; 12];
        std::io::Read::read_exact(&mut client.stream(), &mut first).expect("a status line");
        assert_eq!(&first, b"HTTP/1.1 200", "reader {number} of {most}");
    }
    let open = process::open_files(server.pid());
    assert!(open >= 2 * most && open < 128, "{open} of 128, {most} readers");
}
