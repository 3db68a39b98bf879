//! The server loop with blocking std I/O, a thread for each client:
//! `cargo run -p http-core --example serve_blocking [ADDRESS]`.

mod server_loop;

use server_loop::Client;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut client = Client::new();
    let mut buffer = [0; 8192];
    loop {
        let received = stream.read(&mut buffer)?;
        let goes_on = client.take(&buffer[..received]).map_err(io::Error::other)?;
        stream.write_all(&client.output)?;
        client.output.clear();
        if !goes_on {
            return Ok(());
        }
    }
}
