//! Answers that come later, from another thread: bytes, a file, or a source that has news now and then.
//!
//!     cargo run -p server-bin --example later -- 127.0.0.1:8080 Cargo.toml
//!     curl http://127.0.0.1:8080/bytes http://127.0.0.1:8080/file http://127.0.0.1:8080/source
//!
//! The handler takes a ticket and a completer from its context. It returns the ticket, and the worker goes on with its
//! other connections; whoever has the completer answers. A completer that is dropped answers 500.

use std::fs::File;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;
use std::{env, thread};

use server_bin::Server;
use server_bin::handler::{BodySource, Completed, Completer, Context, Decision, FileSlice, Pulled, plain};
use server_bin::http_core::{Head, ResponseHead};

#[derive(Clone, Copy)]
enum Wanted {
    Bytes,
    File,
    Source,
}

/// The thread that makes the answers: what it waits for, no worker waits for.
fn answer(jobs: &Receiver<(Wanted, Completer)>, path: &str) {
    for (wanted, completer) in jobs {
        thread::sleep(Duration::from_millis(50));
        let head = ResponseHead::new(200);
        match wanted {
            Wanted::Bytes => completer.complete(head, "from another thread\n"),
            Wanted::File => match open(path) {
                Ok(slice) => completer.complete(head, slice),
                Err(_) => completer.complete(ResponseHead::new(404), "there is no such file\n"),
            },
            Wanted::Source => {
                let (news, source) = channel();
                let notifier = completer.notifier();
                completer.complete(head, Completed::Pull(Box::new(Ticks(source))));
                // The stream ends when the thread drops its end of the channel, and then the notifier.
                thread::spawn(move || tell(&news, || notifier.notify()));
            }
        }
    }
}

fn open(path: &str) -> std::io::Result<FileSlice> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok(FileSlice {
        file: file.into(),
        offset: 0,
        len,
        guard: None,
    })
}

fn tell(news: &Sender<String>, notify: impl Fn()) {
    for number in 1..=3 {
        if news.send(format!("tick {number}\n")).is_err() {
            return; // The client has gone, and its source with it.
        }
        notify();
        thread::sleep(Duration::from_millis(50));
    }
}

/// A body of whatever comes out of a channel.
struct Ticks(Receiver<String>);

impl BodySource for Ticks {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        loop {
            match self.0.try_recv() {
                Ok(line) => out.extend_from_slice(line.as_bytes()),
                Err(TryRecvError::Empty) => return Pulled::Wait,
                Err(TryRecvError::Disconnected) => return Pulled::End,
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let path = env::args().nth(2).unwrap_or("Cargo.toml".into());
    let (jobs, inbox) = channel();
    thread::spawn(move || answer(&inbox, &path));
    let server = Server::new(move |head: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        let wanted = match head.target().path() {
            "/bytes" => Wanted::Bytes,
            "/file" => Wanted::File,
            "/source" => Wanted::Source,
            _ => return plain::reply(cx, 404).into(),
        };
        let (ticket, completer) = cx.later();
        // Without its thread the job comes back and is dropped, and with it the completer.
        let _ = jobs.send((wanted, completer));
        ticket.into()
    });
    let running = server.listen(address.parse()?).spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
