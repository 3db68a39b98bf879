//! The program with standard streams that nobody reads.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_core::Head;
use server_bin::Server;
use server_bin::handler::{Context, Decision};

/// Ends the child with the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The end of a pipe whose other end is closed.
fn nobody() -> Stdio {
    let (_, writer) = io::pipe().expect("a pipe");
    writer.into()
}

#[test]
fn a_failure_that_nobody_hears_of_is_an_orderly_failure() {
    let status = Command::new(env!("CARGO_BIN_EXE_server-bin"))
        .args(["--listen", "nowhere"])
        .stderr(nobody())
        .status()
        .expect("it runs");
    assert_eq!(status.code(), Some(2), "and no panic");
}

/// What the test below runs as a process of its own, because standard error belongs to the whole of one.
#[test]
#[ignore = "run by the test below"]
fn serve_what_no_response_may_have() {
    let handler = |_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("x", "a\r\nb");
        Decision::from("body")
    };
    let server = Server::new(handler).workers(1);
    let running = server
        .listen("127.0.0.1:0".parse().expect("an address"))
        .spawn()
        .expect("a server");
    let address = running.addresses()[0].tcp().expect("a port");
    println!("\nlistening on {address}");
    running.join().expect("it runs until it is killed");
}

/// Starts the server above with this standard error. Returns its address.
fn serve_with(stderr: Stdio) -> (Guard, SocketAddr) {
    let child = Command::new(std::env::current_exe().expect("a path"))
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "serve_what_no_response_may_have",
        ])
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("it runs");
    let mut server = Guard(child);
    let mut output = io::BufReader::new(server.0.stdout.take().expect("a pipe"));
    let address = std::iter::from_fn(|| {
        let mut line = String::new();
        let count = io::BufRead::read_line(&mut output, &mut line).expect("text");
        (count > 0).then_some(line)
    })
    .find_map(|line| {
        line.strip_prefix("listening on ")?
            .trim_end()
            .parse::<SocketAddr>()
            .ok()
    })
    .expect("it says where it listens");
    (server, address)
}

/// Asks for what the server complains about.
fn is_answered_with_500(address: SocketAddr) {
    let mut client = TcpStream::connect(address).expect("it listens");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

#[test]
fn a_complaint_about_a_handler_that_nobody_hears_costs_no_worker() {
    let (_server, address) = serve_with(nobody());
    for _ in 0..3 {
        is_answered_with_500(address);
    }
}

#[test]
fn a_complaint_that_nobody_takes_stops_no_worker() {
    // A pipe holds 64 KiB, which are fewer complaints than these.
    let (reader, writer) = io::pipe().expect("a pipe");
    let (_server, address) = serve_with(writer.into());
    for _ in 0..1500 {
        is_answered_with_500(address);
    }
    drop(reader);
}
