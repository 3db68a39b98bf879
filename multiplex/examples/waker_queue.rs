//! A thread hands results to an event loop: a queue, and a waker that is used only when the queue was empty.
//!
//! The loop reads what clients send, a second thread does the work (here: it shouts), the loop sends the results. The
//! loop never waits for the work, and the thread never touches a socket. While the queue is not empty, the wake of its
//! first entry is still under way, so the others need none: under load most results cost no wake.
//!
//! Clients are one-shot: one is read from again only when its result is sent, so that it has one job at a time, and one
//! that sends without reading fills its own buffers, not our queues.
//!
//!     cargo run -p multiplex --example waker_queue [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger, Waker};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const LISTENER: Token = Token::new(0);
const MAILBOX: Token = Token::new(1);

/// Something for a client, or from it.
type Message = (Token, Vec<u8>);

/// Results on their way to the event loop.
struct Mailbox {
    messages: Mutex<Vec<Message>>,
    waker: Waker,
}

impl Mailbox {
    fn post(&self, message: Message) -> io::Result<()> {
        let was_empty = {
            let mut messages = self.messages.lock().expect("nobody panics while holding it");
            messages.push(message);
            messages.len() == 1
        };
        // The lock is free again: the loop must not wake up only to wait for it.
        if was_empty { self.waker.wake() } else { Ok(()) }
    }

    /// Takes all there is. What is posted later finds the queue empty and wakes again, so nothing is forgotten.
    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock().expect("nobody panics while holding it"))
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, LISTENER, Fanout::Shared)?;
    let mailbox = Arc::new(Mailbox {
        messages: Mutex::default(),
        waker: Waker::new(&poller, MAILBOX)?,
    });
    let (jobs, inbox) = mpsc::channel::<Message>();
    let results = mailbox.clone();
    thread::spawn(move || {
        for (token, mut bytes) in inbox {
            bytes.make_ascii_uppercase();
            results.post((token, bytes)).expect("a wake does not fail");
        }
    });

    let mut clients = Clients {
        poller,
        table: HashMap::new(),
        next_token: 2,
    };
    let mut events = Events::with_capacity(256);
    loop {
        clients.poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable() {
                clients.accept(&listener).unwrap_or_else(|e| accept_failed(&e));
            } else if event.is_wake() {
                for (token, bytes) in mailbox.take() {
                    clients.send(token, &bytes);
                }
            } else if let Some(bytes) = clients.ready(event.token()) {
                jobs.send((event.token(), bytes))
                    .expect("the thread lives as long as the loop");
            }
        }
    }
}

/// Out of fds the listener stays ready, and a loop that went on would spin. So everything pauses: coarse, but short.
/// `echo_level` pauses the accepting alone.
fn accept_failed(e: &io::Error) {
    if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) {
        eprintln!("accept: {e}");
        thread::sleep(Duration::from_millis(100));
    }
}

struct Clients {
    poller: Poller,
    table: HashMap<Token, Client>,
    next_token: usize,
}

struct Client {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Clients {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        let token = Token::new(self.next_token);
        self.next_token += 1;
        self.poller
            .add(&stream, token, Interest::READABLE, Trigger::OneShot)?;
        let unsent = Vec::new();
        self.table.insert(token, Client { stream, unsent });
        Ok(())
    }

    /// Goes on with sending, or else reads a job. After that nothing is waited for: the result comes first.
    fn ready(&mut self, token: Token) -> Option<Vec<u8>> {
        let client = self.table.get_mut(&token)?;
        if !client.unsent.is_empty() {
            self.send(token, b"");
            return None;
        }
        let mut buffer = [0; 4096];
        match client.stream.read(&mut buffer) {
            Ok(n) if n > 0 => return Some(buffer[..n].to_vec()),
            Err(e) if not_now(&e) => self.arm(token),
            Ok(_) | Err(_) => self.end(token),
        }
        None
    }

    /// Sends what can be sent, and keeps the rest until the client is writable.
    fn send(&mut self, token: Token, bytes: &[u8]) {
        // The client may have gone while the work was done. Its token has not been used again.
        let Some(client) = self.table.get_mut(&token) else {
            return;
        };
        client.unsent.extend_from_slice(bytes);
        match client.stream.write(&client.unsent) {
            Ok(n) => drop(client.unsent.drain(..n)),
            Err(e) if not_now(&e) => {}
            Err(_) => return self.end(token),
        }
        self.arm(token);
    }

    /// Waits for what comes next: room for the rest, or a new job.
    fn arm(&mut self, token: Token) {
        let Client { stream, unsent } = &self.table[&token];
        let next = if unsent.is_empty() {
            Interest::READABLE
        } else {
            Interest::WRITABLE
        };
        if self.poller.modify(stream, token, next, Trigger::OneShot).is_err() {
            self.end(token);
        }
    }

    fn end(&mut self, token: Token) {
        if let Some(client) = self.table.remove(&token) {
            // A `modify` that failed may have removed it already.
            self.poller.remove(&client.stream).ok();
        }
    }
}

/// The event was a hint, and we are told again.
fn not_now(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
