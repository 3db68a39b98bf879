//! Clients who come do not make the kernel enlarge the server's table of descriptors.
#![cfg(target_os = "linux")]

use std::io::Read as _;
use std::net::TcpStream;

use support::{Client, Launch, crowd, process};

const CLIENTS: usize = 600;
/// More than the kernel takes for a client that does not read.
const LARGE: usize = 8 << 20;

/// A worker whose call needs a larger table waits in it for 5 to 30 ms, and all its connections with it. No time is measured
/// here: a table that keeps its size made nobody wait.
#[test]
fn the_table_of_descriptors_is_large_enough_before_the_first_client_comes() {
    crowd::make_room(CLIENTS as u64);
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("large"), vec![b'x'; LARGE]).expect("a file");
    let server = Launch::of(folder.path())
        .args(["--workers", "1", "--access-log", "off"])
        .start();
    let before = process::descriptor_table(server.pid());
    // They read the head and not the rest, so that each holds a socket and a file.
    let readers: Vec<TcpStream> = (0..CLIENTS)
        .map(|index| {
            let mut client = Client::over(crowd::connect(server.address(), index));
            client
                .send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                .expect("the server reads");
            let mut first = [0; 12];
            let mut stream = client.stream().try_clone().expect("a descriptor");
            stream.read_exact(&mut first).expect("a status line");
            assert_eq!(&first, b"HTTP/1.1 200", "reader {index}");
            stream
        })
        .collect();
    let open = process::open_files(server.pid());
    assert!(
        open > 2 * readers.len(),
        "{open} open files for {} readers",
        readers.len()
    );
    let after = process::descriptor_table(server.pid());
    assert_eq!(before, after, "places for descriptors, with {open} of them open");
}
