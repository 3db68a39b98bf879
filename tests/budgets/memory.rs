//! What an idle connection costs in the server's own memory.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use support::{Client, Launch, PATIENCE, Server, process};

/// An answered and now idle connection, from one of several loopback addresses, that ends by a reset.
fn idle(server: &Server, index: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let last = u8::try_from(2 + index % 8).expect("a small number");
    socket
        .bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())
        .expect("a free port");
    socket
        .connect_timeout(&server.address().into(), PATIENCE)
        .expect("the server takes every connection");
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("linger can be set");
    let stream = TcpStream::from(socket);
    let mut client = Client::over(stream.try_clone().expect("a second handle"));
    let response = client
        .exchange("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    assert_eq!(response.status, 200);
    stream
}

#[test]
fn an_idle_connection_costs_at_most_256_bytes_of_user_memory() {
    process::raise_open_files();
    let server = Launch::new().args(["--workers", "1"]).start();
    let mut held: Vec<TcpStream> = (0..1_000).map(|index| idle(&server, index)).collect();
    let few = process::anonymous_memory(server.pid());
    held.extend((1_000..9_000).map(|index| idle(&server, index)));
    let many = process::anonymous_memory(server.pid());
    let each = many.saturating_sub(few) as f64 / 8_000.0;
    println!("user memory per idle connection: {each:.1} bytes (must 256, goal 192)");
    assert!(each <= 256.0, "{each} bytes of user memory per idle connection");
    server.stop();
}
