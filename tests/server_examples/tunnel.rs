//! The example `connect`: what goes through a tunnel, and where none leads.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::thread;

use support::{Client, Launch, PATIENCE, tools};

/// Asks for a tunnel and returns the status of the answer, behind whose head the tunnel begins.
fn connect(client: &mut Client, target: &str) -> u16 {
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    client.send(request).expect("the server reads");
    let answer = client.response_to(true).expect("an answer");
    let framing = (answer.field("content-length"), answer.field("transfer-encoding"));
    assert!(answer.status >= 300 || framing == (None, None), "{answer:?}");
    answer.status
}

#[test]
fn a_tunnel_carries_both_directions_and_ends_with_the_far_end() {
    let far = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = far.local_addr().expect("an address").port();
    // More than fits anywhere on the way, so that both directions have to be pushed back.
    let bytes: Vec<u8> = (0..8_000_000_u32).map(|number| number as u8).collect();
    let (sent, expected) = (bytes.clone(), bytes.clone());
    let echo = thread::spawn(move || {
        let (mut stream, _) = far.accept().expect("the tunnel");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("what the client sends");
        assert!(all == expected, "{} bytes came", all.len());
        stream.write_all(&all).expect("the tunnel takes it back");
    });
    let server = Launch::example("connect").start();
    let mut client = server.connect();
    assert_eq!(connect(&mut client, &format!("127.0.0.1:{port}")), 200);
    client.send(sent).expect("the tunnel takes it");
    client.finish().expect("an end");
    let back = client.rest().expect("the far end's bytes, and then its end");
    assert!(back == bytes, "{} of {} bytes came back", back.len(), bytes.len());
    echo.join().expect("the far end");
}

#[test]
fn curl_reaches_another_server_through_the_tunnel() {
    let Some(curl) = tools::tool("curl") else { return };
    let (far, server) = (
        Launch::example("hello").start(),
        Launch::example("connect").start(),
    );
    let proxy = server.url("");
    let arguments = [
        "--silent",
        "--show-error",
        "--max-time",
        "15",
        "--noproxy",
        "",
        "--proxytunnel",
        "--proxy",
        &proxy,
        &far.url("/"),
    ];
    let output = tools::run(&curl, &arguments, PATIENCE);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Hello, World!",
        "{output:?}"
    );
}

#[test]
fn no_tunnel_leads_off_this_machine_or_to_a_port_that_nobody_has() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let server = Launch::example("connect").start();
    for (target, status) in [
        ("192.0.2.1:80".to_owned(), 403),
        ("localhost:80".to_owned(), 403),
        (format!("127.0.0.1:{port}"), 502),
    ] {
        assert_eq!(connect(&mut server.connect(), &target), status, "{target}");
    }
    let plain = server
        .connect()
        .exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    assert_eq!(
        (plain.status, plain.field("allow")),
        (405, Some("CONNECT, OPTIONS"))
    );
}

#[test]
fn a_client_that_leaves_ends_the_tunnel_at_the_far_end() {
    let far = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = far.local_addr().expect("an address");
    let server = Launch::example("connect").start();
    let mut client = server.connect();
    assert_eq!(connect(&mut client, &target.to_string()), 200);
    let (mut stream, _) = far.accept().expect("the tunnel");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client.stream().shutdown(Shutdown::Both).expect("an end");
    drop(client);
    // A reset is an end, too.
    assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
}
