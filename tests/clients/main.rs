//! The built server and clients that this project did not write: curl, Python's http.client, wrk.

mod early;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use support::{Launch, PATIENCE, Server, tools};

/// Runs curl on a server and answers what it printed.
#[track_caller]
fn curl(arguments: &[&str]) -> Option<String> {
    let curl = tools::tool("curl")?;
    let mut all = vec!["--silent", "--show-error", "--max-time", "15"];
    all.extend(arguments);
    Some(successful(tools::run(&curl, &all, PATIENCE)))
}

#[track_caller]
fn successful(output: Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}: {}{stdout}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// A directory with a text of 10,000 bytes in `a.txt`, and a server on it.
fn file_server() -> (tempfile::TempDir, Server) {
    let root = tempfile::tempdir().expect("a directory");
    fs::write(root.path().join("a.txt"), "0123456789".repeat(1000)).expect("a file");
    // In 2020: conditions of later years find it unchanged, those of earlier years do not.
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let file = fs::File::options()
        .write(true)
        .open(root.path().join("a.txt"))
        .expect("a file");
    file.set_modified(modified).expect("a file has a time");
    fs::write(root.path().join("index.html"), "<p>index</p>").expect("a file");
    let server = Launch::of(root.path()).start();
    (root, server)
}

#[test]
fn curl_gets_heads_and_posts() {
    let server = Launch::new().start();
    let Some(plain) = curl(&[&server.url("/plaintext")]) else {
        return;
    };
    assert_eq!(plain, "Hello, World!");
    let head = curl(&["--head", &server.url("/plaintext")]).unwrap_or_default();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.to_lowercase().contains("content-length: 13\r\n"),
        "{head}"
    );
    assert_eq!(
        curl(&["--data", "hello", &server.url("/echo")]).as_deref(),
        Some("hello")
    );
    let stream = curl(&["--include", &server.url("/stream")]).unwrap_or_default();
    assert!(
        stream.to_lowercase().contains("transfer-encoding: chunked\r\n"),
        "{stream}"
    );
}

#[test]
fn curl_uses_one_connection_for_many_requests() {
    let server = Launch::new().start();
    let url = server.url("/plaintext");
    let count = "%{num_connects} ";
    let Some(printed) = curl(&[
        "--write-out",
        count,
        "--output",
        "/dev/null",
        &url,
        "--output",
        "/dev/null",
        &url,
    ]) else {
        return;
    };
    assert_eq!(
        printed, "1 0 ",
        "new connections for the first and for the second request"
    );
}

#[test]
fn curl_speaks_http_1_0() {
    let server = Launch::new().start();
    let Some(answer) = curl(&["--http1.0", "--include", &server.url("/plaintext")]) else {
        return;
    };
    assert!(answer.ends_with("\r\n\r\nHello, World!"), "{answer}");
    let stream = curl(&["--http1.0", "--include", &server.url("/stream")]).unwrap_or_default();
    assert!(
        !stream.to_lowercase().contains("transfer-encoding"),
        "no chunks for HTTP/1.0: {stream}"
    );
}

#[test]
fn curl_waits_for_the_continue_before_a_large_body() {
    let server = Launch::new().start();
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("body");
    fs::write(&file, "0123456789abcdef".repeat(16 * 1024)).expect("a file");
    let body = format!("@{}", file.display());
    let url = server.url("/echo");
    // Without the answer curl would wait for a second; ten of them say that it gets one.
    let arguments = [
        "--header",
        "Expect: 100-continue",
        "--expect100-timeout",
        "15",
        "--data-binary",
        &body,
        "--verbose",
        &url,
    ];
    let Some(curl) = tools::tool("curl") else { return };
    let output = tools::run(
        &curl,
        &[&["--silent", "--max-time", "10"], &arguments[..]].concat(),
        PATIENCE,
    );
    let trace = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(successful(output).len(), 256 * 1024);
    assert!(trace.contains("HTTP/1.1 100 Continue"), "{trace}");
}

#[test]
fn curl_gets_files_ranges_and_only_what_has_changed() {
    let (_root, server) = file_server();
    let url = server.url("/a.txt");
    let Some(whole) = curl(&[&url]) else { return };
    assert_eq!(whole.len(), 10_000);
    assert_eq!(curl(&[&server.url("/")]).as_deref(), Some("<p>index</p>"));
    let status = [
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code} %{size_download}",
    ];
    let unchanged = [
        &status[..],
        &["--time-cond", "Sat, 01 Jan 2022 00:00:00 GMT", &url],
    ]
    .concat();
    assert_eq!(curl(&unchanged).as_deref(), Some("304 0"));
    let changed = [
        &status[..],
        &["--time-cond", "Mon, 01 Jan 1990 00:00:00 GMT", &url],
    ]
    .concat();
    assert_eq!(curl(&changed).as_deref(), Some("200 10000"));
    assert_eq!(
        curl(&[&status[..], &[&server.url("/nowhere")]].concat())
            .map(|all| all[..3].to_owned())
            .as_deref(),
        Some("404")
    );
    for (range, want) in [("0-4", "01234"), ("9995-", "56789"), ("-3", "789"), ("5-5", "5")] {
        assert_eq!(
            curl(&["--range", range, &url]).as_deref(),
            Some(want),
            "range {range}"
        );
    }
}

#[test]
fn python_keeps_alive_uploads_in_chunks_and_pipelines() {
    let Some(python) = tools::tool("python3") else {
        return;
    };
    let server = Launch::new().args(["--workers", "2"]).start();
    let mut command = Command::new(python);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/http_client.py");
    command
        .args([script, &server.address().port().to_string()])
        .stdin(Stdio::null());
    let printed = successful(tools::finish(&mut command, 3 * PATIENCE));
    assert!(
        printed.contains("all of http.client's checks passed"),
        "{printed}"
    );
}

#[test]
fn wrk_sees_neither_a_socket_error_nor_a_status_but_200() {
    let Some(wrk) = tools::tool("wrk") else { return };
    let server = Launch::new().args(["--workers", "2"]).start();
    for url in [
        server.url("/plaintext"),
        server.url("/json"),
        server.url("/stream"),
    ] {
        let printed = successful(tools::run(
            &wrk,
            &["-t2", "-c64", "-d2s", "--timeout", "5s", &url],
            PATIENCE,
        ));
        assert!(
            !printed.contains("Socket errors") && !printed.contains("Non-2xx"),
            "{url}: {printed}"
        );
        let requests: u64 = printed
            .split_once(" requests in ")
            .and_then(|(before, _)| before.split_whitespace().next_back()?.parse().ok())
            .unwrap_or_else(|| panic!("wrk says no number of requests: {printed}"));
        assert!(
            requests > 1000,
            "{url}: only {requests} requests in two seconds: {printed}"
        );
    }
    server.stop();
}

#[test]
fn curl_reaches_every_address_that_the_server_listens_on() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("socket");
    let path = socket.to_str().expect("a path of text");
    let server = Launch::new()
        .args(["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen"])
        .arg(format!("unix:{path}"))
        .args(["--workers", "2"])
        .start();
    for _ in 0..10 {
        let Some(plain) = curl(&["--unix-socket", path, "http://a/plaintext"]) else {
            return;
        };
        assert_eq!(plain, "Hello, World!");
    }
    assert_eq!(
        curl(&[&server.url("/plaintext")]).as_deref(),
        Some("Hello, World!")
    );
    let printed = server.output();
    let six = printed
        .lines()
        .find_map(|line| line.split_once("http://[::1]:"))
        .expect("it says where it listens")
        .1;
    let url = format!("http://[::1]:{}/plaintext", six.trim_end_matches('/'));
    assert_eq!(curl(&[&url]).as_deref(), Some("Hello, World!"));
    server.stop();
    assert!(!socket.exists(), "the socket's file goes with the server");
}

#[test]
fn every_way_of_sharing_a_listener_serves() {
    let Some(wrk) = tools::tool("wrk") else { return };
    for mode in ["reuseport", "exclusive", "shared"] {
        let server = Launch::new().args(["--workers", "3", "--accept", mode]).start();
        let printed = successful(tools::run(
            &wrk,
            &["-t2", "-c96", "-d1s", &server.url("/plaintext")],
            PATIENCE,
        ));
        assert!(
            !printed.contains("Socket errors") && !printed.contains("Non-2xx"),
            "{mode}: {printed}"
        );
        server.stop();
    }
}
