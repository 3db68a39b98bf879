//! The example `curl_multi` beside a server of the test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

/// Answers each request with so many bytes as its path says, and closes.
fn serve(listener: TcpListener) {
    for stream in listener.incoming() {
        thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, mut request) = (stream?, Vec::new());
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let length: usize = path[1..].parse().unwrap_or(0);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            stream.write_all(&vec![7; length])
        });
    }
}

#[test]
fn transfers_come_whole_also_many_at_once_and_large_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(|| serve(listener));
    let lengths: Vec<usize> = (0..40).map(|n| n * n * n * 50).collect();
    let urls: Vec<_> = lengths
        .iter()
        .map(|length| format!("http://{address}/{length}"))
        .collect();
    let run = Command::new(example("curl_multi")).args(&urls).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let mut lines: Vec<_> = said.lines().collect();
    let mut wanted: Vec<_> = lengths
        .iter()
        .zip(&urls)
        .map(|(length, url)| format!("{length} {url}"))
        .collect();
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
    assert!(run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// An example of this package, which Cargo builds for the tests as well.
fn example(name: &str) -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
}
