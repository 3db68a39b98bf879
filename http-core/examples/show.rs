//! Prints the events that a file of bytes is taken for, and the verdict:
//! `cargo run -p http-core --example show < FILE`.

use http_core::{Connection, Event, Fields, Limits, Misuse, ResponseHead};
use std::io::Read as _;

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    match show(&input) {
        Ok(verdict) => println!("{verdict}"),
        Err(misuse) => println!("misuse: {misuse}"),
    }
    Ok(())
}

fn show(mut input: &[u8]) -> Result<String, Misuse> {
    let mut conn = Connection::server(Limits::default());
    let mut fields = Fields::<100>::new();
    let mut out = Vec::new();
    loop {
        let received = match conn.receive(input, &mut fields) {
            Ok(received) => received,
            Err(rejection) => return Ok(format!("rejected: {} {rejection}", rejection.status())),
        };
        match received.event {
            Event::Request(head) => println!("{head:#?}"),
            Event::Data(bytes) => println!("Data({:?})", bytes.escape_ascii().to_string()),
            Event::NeedMore => match conn.end_of_input() {
                Ok(()) => return Ok("accepted".into()),
                Err(rejection) => return Ok(format!("rejected: {} {rejection}", rejection.status())),
            },
            Event::Paused => conn.reply(&mut out, &ResponseHead::new(200), b"")?,
            Event::Closed => return Ok("accepted, then closed".into()),
            Event::Upgraded => return Ok("upgraded".into()),
            event @ (Event::Trailers(_) | Event::End) => println!("{event:?}"),
        }
        input = &input[received.consumed..];
    }
}
