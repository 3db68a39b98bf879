//! What a remembered file allocates, counted by the allocator of this very process, which embeds the server. One test
//! only: another one beside it would be counted too.

#[path = "../../allocations/ffi.rs"]
mod ffi;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ffi::{ALLOCATIONS, Counting, LIVE};
use server_bin::Server;
use server_bin::files::Files;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What time alone may cost: a slot of the timing wheel that grows once, a line of the test harness.
const FEW: u64 = 8;
const END: &[u8] = b"/end";

/// Sends the request so often and reads each answer into the stack.
fn ask(stream: &mut TcpStream, request: &[u8], ends: &[u8], count: usize) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..count {
        stream.write_all(request).expect("the server reads");
        let (mut answer, mut filled) = ([0; 80 * 1024], 0);
        while !answer[..filled].ends_with(ends) {
            let read = stream.read(&mut answer[filled..]).expect("an answer in time");
            assert!(read > 0, "the server closed the connection");
            filled += read;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 ") || answer.starts_with(b"HTTP/1.1 304 "));
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn a_remembered_file_is_sent_without_an_allocation() {
    let site = tempfile::tempdir().expect("a directory");
    fs::create_dir(site.path().join("dir")).expect("a directory");
    for (name, size) in [("small.html", 1024), ("large.html", 64 * 1024)] {
        let content = [vec![b'x'; size - END.len()], END.to_vec()].concat();
        fs::write(site.path().join("dir").join(name), content).expect("a file");
    }
    std::thread::sleep(Duration::from_millis(50));
    let files = Files::open(site.path()).expect("the root");
    let server = Server::with(files).listen("127.0.0.1:0".parse().expect("an address"));
    let running = server.workers(1).spawn().expect("a free port");
    let address = running.addresses()[0].tcp().expect("a TCP address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let unchanged = "If-None-Match: *\r\n";
    for (path, lines, ends) in [
        ("/dir/small.html", "", END),
        (
            "/dir/small.html",
            "Accept-Encoding: gzip, deflate, br, zstd\r\n",
            END,
        ),
        ("/dir/large.html", "", END),
        ("/dir/small.html", unchanged, b"\r\n\r\n"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: budget\r\n{lines}\r\n");
        // Buffers are taken once; what comes after that is free.
        ask(&mut stream, request.as_bytes(), ends, 2);
        let once = ask(&mut stream, request.as_bytes(), ends, 500);
        let twice = ask(&mut stream, request.as_bytes(), ends, 1000);
        println!(
            "{path} {}: allocations in 500 and in 1,000 requests: {once} and {twice}",
            lines.trim_end()
        );
        assert!(
            once.max(twice) <= FEW,
            "{path} {lines}: {once} and {twice} allocations"
        );
    }
    println!("live bytes at the end: {}", LIVE.load(Ordering::Relaxed));
    running.handle().stop();
    running.join().expect("the workers end");
}
