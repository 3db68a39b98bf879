//! A thread hands results to an event loop: a queue, and a waker that is used only when the queue was empty.
//!
//! The loop reads what clients send, a second thread does the work (here: it shouts), the loop sends the results. The
//! loop never waits for the work, and the thread never touches a socket. While the queue is not empty, the wake of its
//! first entry is still under way, so the others need none: under load most results cost no system call.
//!
//!     cargo run -p multiplex --example waker_queue [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger, Waker};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

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
        streams: HashMap::new(),
        next_token: 2,
    };
    let mut events = Events::with_capacity(256);
    loop {
        clients.poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable() {
                // What to do when the process is out of fds is shown in `echo_level`.
                clients
                    .accept(&listener)
                    .unwrap_or_else(|e| eprintln!("accept: {e}"));
            } else if event.is_wake() {
                mailbox
                    .take()
                    .into_iter()
                    .try_for_each(|(token, bytes)| clients.send(token, &bytes))?;
            } else if let Some(bytes) = clients.read(event.token())? {
                jobs.send((event.token(), bytes))
                    .expect("the thread lives as long as the loop");
            }
        }
    }
}

struct Clients {
    poller: Poller,
    streams: HashMap<Token, TcpStream>,
    next_token: usize,
}

impl Clients {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        let token = Token::new(self.next_token);
        self.next_token += 1;
        self.poller
            .add(&stream, token, Interest::READABLE, Trigger::Level)?;
        self.streams.insert(token, stream);
        Ok(())
    }

    fn read(&mut self, token: Token) -> io::Result<Option<Vec<u8>>> {
        let Some(stream) = self.streams.get_mut(&token) else {
            return Ok(None);
        };
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
            Ok(0) | Err(_) => self.end(token).map(|()| None),
            Ok(n) => Ok(Some(buffer[..n].to_vec())),
        }
    }

    /// Ends the connection with a client that does not read what it is sent; `echo_level` shows how to wait for it.
    fn send(&mut self, token: Token, bytes: &[u8]) -> io::Result<()> {
        // The client may have gone while the work was done. Its token has not been used again.
        let Some(stream) = self.streams.get_mut(&token) else {
            return Ok(());
        };
        if stream.write_all(bytes).is_ok() {
            Ok(())
        } else {
            self.end(token)
        }
    }

    fn end(&mut self, token: Token) -> io::Result<()> {
        self.streams
            .remove(&token)
            .map_or(Ok(()), |stream| self.poller.remove(&stream))
    }
}
