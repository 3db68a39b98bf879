//! The server's examples, each run as its first lines say.

mod blocking;
mod tunnel;

use std::time::{Duration, Instant};

use support::{Client, Launch, Response, Server};

fn request(client: &mut Client, method: &str, path: &str, body: &str) -> Response {
    let length = body.len();
    let text = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    client.exchange(text).expect("an answer")
}

fn get(server: &Server, path: &str) -> Response {
    request(&mut server.connect(), "GET", path, "")
}

#[test]
fn hello_says_hello() {
    let server = Launch::example("hello").start();
    let answer = get(&server, "/any/path");
    assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, World!"));
    let refused = request(&mut server.connect(), "POST", "/", "x");
    assert_eq!(
        (refused.status, refused.field("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn later_answers_with_bytes_a_file_and_a_source_while_others_are_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let server = Launch::example("later").arg(path).start();
    assert_eq!(get(&server, "/bytes").text(), "from another thread\n");
    let file = std::fs::read_to_string(path).expect("our own manifest");
    assert_eq!(get(&server, "/file").text(), file);
    let started = Instant::now();
    let mut source = server.connect();
    source
        .send("GET /source HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the server reads");
    assert_eq!(
        get(&server, "/nowhere").status,
        404,
        "nobody waits for the thread"
    );
    let ticks = source.response().expect("a stream");
    assert_eq!(ticks.text(), "tick 1\ntick 2\ntick 3\n");
    assert_eq!(ticks.field("transfer-encoding"), Some("chunked"));
    assert!(
        started.elapsed() >= Duration::from_millis(150),
        "the ticks came one after the other"
    );
}

#[test]
fn later_says_so_when_there_is_no_such_file() {
    let server = Launch::example("later").arg("/nowhere/at/all").start();
    assert_eq!(get(&server, "/file").status, 404);
}

#[test]
fn routing_finds_routes_with_their_parameters_and_methods() {
    let server = Launch::example("routing").start();
    let mut client = server.connect();
    for (method, path, status, text) in [
        ("GET", "/", 200, "a library\n"),
        ("GET", "/books", 200, "all books\n"),
        ("POST", "/books", 201, "a book of 5 bytes\n"),
        ("GET", "/books/7?x=y", 200, "book 7\n"),
        ("DELETE", "/books/7", 200, "book 7 is gone\n"),
        ("GET", "/books/7/8", 404, "404 Not Found\n"),
        ("PURGE", "/nowhere", 404, "404 Not Found\n"),
    ] {
        let body = if method == "POST" { "12345" } else { "" };
        let answer = request(&mut client, method, path, body);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, text),
            "{method} {path}"
        );
    }
    let refused = request(&mut client, "DELETE", "/books", "");
    assert_eq!(
        (refused.status, refused.field("allow")),
        (405, Some("GET, HEAD, POST, OPTIONS"))
    );
    let options = request(&mut client, "OPTIONS", "/books/7", "");
    assert_eq!(options.field("allow"), Some("GET, HEAD, DELETE, OPTIONS"));
}

#[test]
fn wrapper_keeps_one_field_on_errors_and_counts_what_became_of_requests() {
    let server = Launch::example("wrapper").start();
    let mut client = server.connect();
    let page = request(&mut client, "GET", "/", "");
    assert_eq!(page.field("cache-control"), Some("max-age=3600"));
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
    let lost = request(&mut client, "GET", "/nowhere", "");
    assert_eq!(
        (lost.status, lost.field("cache-control")),
        (404, None),
        "an error is not to last"
    );
    assert_eq!(lost.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        server
            .connect()
            .exchange("no request\r\n\r\n")
            .expect("an answer")
            .status,
        400
    );
    // Whoever counts hears of a request when its last byte has left, which may be after we have read it.
    let started = Instant::now();
    loop {
        let counts = request(&mut client, "GET", "/counts", "");
        assert_eq!(counts.field("cache-control"), None);
        let text = counts.text();
        if text.contains("4xx 2\n") && text.contains("lost 0\n") {
            assert!(text.contains("5xx 0\n") && !text.contains("2xx 0\n"), "{text}");
            break;
        }
        assert!(started.elapsed() < support::PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
