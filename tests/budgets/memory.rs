//! What an idle connection costs in the server's own memory.

use std::net::TcpStream;

use support::{Client, Launch, Server, crowd, process};

/// An answered and now idle connection.
fn idle(server: &Server, index: usize) -> TcpStream {
    let stream = crowd::connect(server.address(), index);
    let mut client = Client::over(stream.try_clone().expect("a second handle"));
    let response = client
        .exchange("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    assert_eq!(response.status, 200);
    stream
}

#[test]
fn an_idle_connection_costs_at_most_192_bytes_of_user_memory() {
    crowd::make_room(9_000);
    let server = Launch::new().args(["--workers", "1"]).start();
    let mut held: Vec<TcpStream> = (0..1_000).map(|index| idle(&server, index)).collect();
    let few = process::anonymous_memory(server.pid());
    held.extend((1_000..9_000).map(|index| idle(&server, index)));
    let many = process::anonymous_memory(server.pid());
    let each = many.saturating_sub(few) as f64 / 8_000.0;
    println!("user memory per idle connection: {each:.1} bytes (must 192)");
    assert!(each <= 192.0, "{each} bytes of user memory per idle connection");
    server.stop();
}
