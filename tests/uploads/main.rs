//! Bodies that come piece by piece, through the example `upload`: whole, in bounded memory, and never left half.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, PATIENCE, process, tools};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a directory");
    let names = entries.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names.collect()
}

/// Streams a file of so many bytes through the example, in chunks; returns by how many bytes its memory grew. `wrapper`
/// may hold the example's disk up.
fn grown_by(bytes: u64, wrapper: Option<[&str; 10]>) -> u64 {
    let folder = tempfile::tempdir().expect("a directory");
    let launch = Launch::example("upload").arg(folder.path());
    let server = match wrapper {
        Some(wrapper) => launch.under(wrapper).start(),
        None => launch.start(),
    };
    let put = "PUT /big HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = server.connect().patience(Duration::from_secs(120));
    client.send(put).expect("the server reads");
    let piece = vec![b'x'; 1024 * 1024];
    let head = format!("{:x}\r\n", piece.len());
    let mut before = 0;
    for sent in 0..bytes / piece.len() as u64 {
        let mut stream = client.stream();
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream.write_all(&piece).expect("the server reads");
        stream.write_all(b"\r\n").expect("the server reads");
        if sent == 8 {
            before = process::peak_memory(server.pid());
        }
    }
    client.send("0\r\n\r\n").expect("the server reads");
    assert_eq!(client.response().expect("an answer").status, 201);
    let length = fs::metadata(folder.path().join("big")).expect("the file").len();
    assert_eq!(length, bytes);
    assert_eq!(names(folder.path()), ["big"]);
    // The kernel counts pages in rough numbers: a peak may seem to sink by some.
    process::peak_memory(server.pid()).saturating_sub(before)
}

#[test]
fn an_upload_costs_the_same_memory_whatever_its_size() {
    let grown = grown_by(128 * 1024 * 1024, None);
    println!(
        "128 MiB uploaded: the server's peak grew by {} KiB after the first 8 MiB",
        grown / 1024
    );
    assert!(grown < 4 * 1024 * 1024, "{grown} bytes more");
}

#[test]
fn a_disk_that_is_slow_makes_the_client_wait_instead_of_filling_the_memory() {
    if tools::tool("strace").is_none() {
        return;
    }
    // Each write takes 5 ms longer, so that the client could be far ahead of the disk.
    let delay = "inject=write:delay_enter=5000";
    let slow = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=write",
        "-e",
        delay,
        "-o",
        "/dev/null",
    ];
    let grown = grown_by(64 * 1024 * 1024, Some(slow));
    println!(
        "64 MiB to a slow disk: the server's peak grew by {} KiB",
        grown / 1024
    );
    assert!(grown < 4 * 1024 * 1024, "{grown} bytes more");
}

#[test]
#[ignore = "writes a gigabyte; run by hand"]
fn a_gigabyte_costs_the_same_memory_too() {
    let grown = grown_by(1024 * 1024 * 1024, None);
    println!(
        "1 GiB uploaded: the server's peak grew by {} KiB after the first 8 MiB",
        grown / 1024
    );
    assert!(grown < 4 * 1024 * 1024, "{grown} bytes more");
}

#[test]
fn an_upload_that_breaks_off_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Launch::example("upload").arg(folder.path()).start();
    let mut client = server.connect();
    client
        .send("PUT /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly some")
        .expect("the server reads");
    let begun = Instant::now();
    while names(folder.path()).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "the upload begins");
        thread::sleep(Duration::from_millis(5));
    }
    drop(client);
    while !names(folder.path()).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "left: {:?}", names(folder.path()));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_the_body() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Launch::example("upload").arg(folder.path()).start();
    for name in ["/", "/.hidden", "/..", "/a/b", "/%2e%2e", "//a", "/a%00"] {
        let put =
            format!("PUT {name} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        let answer = server.connect().exchange(put).expect("an answer");
        assert_eq!(answer.status, 403, "{name}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn curl_uploads_a_file_that_arrives_whole() {
    let Some(curl) = tools::tool("curl") else { return };
    let (from, to) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let bytes: Vec<u8> = (0..10_000_000_u32).map(|number| (number / 251) as u8).collect();
    let path = from.path().join("file.bin");
    fs::write(&path, &bytes).expect("a file");
    let server = Launch::example("upload").arg(to.path()).start();
    let (path, url) = (path.display().to_string(), server.url("/"));
    let arguments = [
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "30",
        "--upload-file",
        &path,
        &url,
    ];
    let output = tools::run(&curl, &arguments, PATIENCE * 2);
    assert!(
        output.status.success() && output.stdout == b"stored\n",
        "{output:?}"
    );
    assert!(fs::read(to.path().join("file.bin")).expect("the file") == bytes);
}
