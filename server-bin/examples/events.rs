//! Server-sent events: one publisher, any number of clients, each event made once.
//!
//!     cargo run -p server-bin --example events -- 127.0.0.1:8080
//!     curl -N http://127.0.0.1:8080/events
//!     curl -d 'hello' http://127.0.0.1:8080/publish
//!
//! The last [`KEPT`] events lie in one ring. A client costs a place in the ring and a notifier, whatever it has not read
//! yet: a source is pulled only when the bytes before have left. When a slow client's next event is no longer in the
//! ring, its stream ends; an `EventSource` then connects again, and says with `Last-Event-ID` how far it had come.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::{env, thread};

use server_bin::handler::{BodySource, Context, Decision, Handler, Methods, Notifier, Pulled, Reply, plain};
use server_bin::http_core::{FieldLine, Head};
use server_bin::{Server, Settings};

/// How many events a client may fall behind.
const KEPT: usize = 1024;
/// Bytes after which a pull leaves the rest to the next one.
const PAGE: usize = 16 * 1024;
/// The most bytes of one event.
const LONGEST: u64 = 64 * 1024;
/// Proxies and clients give up on a stream that is silent for long.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What all clones of the handler share.
#[derive(Default)]
struct Hub {
    ring: RwLock<Ring>,
    clients: Mutex<HashMap<u64, Notifier>>,
    next_client: AtomicU64,
}

/// The events from `first` on.
#[derive(Default)]
struct Ring {
    first: u64,
    events: VecDeque<Arc<[u8]>>,
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

impl Hub {
    /// Sends an event with these lines of data to every client.
    fn publish(&self, text: &str) {
        let data: String = text.lines().map(|line| format!("data: {line}\n")).collect();
        self.send(|number| format!("id: {number}\n{data}\n"));
    }

    fn send(&self, event: impl FnOnce(u64) -> String) {
        {
            let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
            let event = event(ring.end());
            ring.events.push_back(event.into_bytes().into());
            if ring.events.len() > KEPT {
                ring.events.pop_front();
                ring.first += 1;
            }
        }
        // Only now, so that a client that is woken can read the ring at once. Each worker is woken once for all its clients.
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        Notifier::notify_all(clients.values());
    }

    fn subscribe(self: &Arc<Self>, last: Option<u64>, notifier: Notifier) -> Subscription {
        let client = self.next_client.fetch_add(1, Ordering::Relaxed);
        let end = self.ring.read().unwrap_or_else(PoisonError::into_inner).end();
        let next = last.map_or(end, |last| last.saturating_add(1).min(end));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(client, notifier);
        Subscription {
            hub: Arc::clone(self),
            client,
            next,
            drains: false,
        }
    }
}

/// One client's stream of events.
struct Subscription {
    hub: Arc<Hub>,
    client: u64,
    next: u64,
    drains: bool,
}

impl BodySource for Subscription {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        let ring = self.hub.ring.read().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = self.next.checked_sub(ring.first) else {
            return Pulled::End; // Too slow: the event is gone.
        };
        for event in ring.events.iter().skip(at as usize) {
            if out.len() > PAGE {
                return Pulled::More;
            }
            out.extend_from_slice(event);
            self.next += 1;
        }
        if self.drains { Pulled::End } else { Pulled::Wait }
    }

    fn drain(&mut self) {
        self.drains = true;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut clients = self.hub.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.remove(&self.client);
    }
}

#[derive(Clone)]
struct Events {
    hub: Arc<Hub>,
    publisher: Sender<String>,
}

impl Handler for Events {
    fn methods(&self, head: &Head<'_>) -> Methods {
        match head.target().path() {
            "/publish" => Methods::of("POST"),
            _ => Methods::of("GET"),
        }
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        match head.target().path() {
            "/publish" => {
                let publisher = self.publisher.clone();
                Decision::buffer(LONGEST, move |body, cx| {
                    let Ok(text) = String::from_utf8(body.to_vec()) else {
                        return plain::reply(cx, 400);
                    };
                    match publisher.send(text) {
                        Ok(()) => Reply::EMPTY,
                        Err(_) => plain::reply(cx, 500),
                    }
                })
            }
            "/events" => {
                cx.line(FieldLine::from_static("content-type: text/event-stream"));
                cx.line(FieldLine::from_static("cache-control: no-store"));
                let last = head.field("last-event-id");
                let last = last.and_then(|last| std::str::from_utf8(last).ok()?.parse().ok());
                Reply::Pull(Box::new(self.hub.subscribe(last, cx.notifier()))).into()
            }
            _ => plain::reply(cx, 404).into(),
        }
    }
}

/// The one publisher. Where it has nothing to say for long, a comment keeps the streams alive, and makes a client that is
/// gone without a word run into its write timeout.
fn publish_all(hub: &Hub, texts: &Receiver<String>) {
    loop {
        match texts.recv_timeout(HEARTBEAT) {
            Ok(text) => hub.publish(&text),
            Err(RecvTimeoutError::Timeout) => hub.send(|_| ":\n\n".into()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    let workers = env::args().nth(2).map_or(Ok(2), |workers| workers.parse())?;
    let hub = Arc::new(Hub::default());
    let (publisher, texts) = channel();
    let events = Events {
        hub: Arc::clone(&hub),
        publisher,
    };
    let running = Server::with(events)
        .listen(address.parse()?)
        .workers(workers)
        .settings(Settings {
            write_timeout: Duration::from_secs(10),
            ..Settings::default()
        })
        .spawn()?;
    println!("listening on {}", running.addresses()[0]);
    thread::spawn(move || publish_all(&hub, &texts));
    let handle = running.handle();
    thread::spawn(move || signals.forever().for_each(|_| handle.drain()));
    running.join()?;
    Ok(())
}
