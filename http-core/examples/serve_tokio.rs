//! The server loop with tokio, a task for each client:
//! `cargo run -p http-core --example serve_tokio [ADDRESS]`.

mod server_loop;

use server_loop::Client;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen())
}

async fn listen() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut client = Client::new();
    let mut buffer = [0; 8192];
    loop {
        let received = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut buffer)).await??;
        let goes_on = client.take(&buffer[..received]).map_err(io::Error::other)?;
        stream.write_all(&client.output).await?;
        client.output.clear();
        if !goes_on {
            return Ok(());
        }
    }
}
