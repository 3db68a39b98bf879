//! The shortest server: one answer to every GET and HEAD.
//!
//!     cargo run -p server-bin --example hello -- 127.0.0.1:8080

use server_bin::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let running = Server::new(|_, _| "Hello, World!")
        .listen(address.parse()?)
        .spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
