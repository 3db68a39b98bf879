//! WebSocket (RFC 6455) with the `tungstenite` crate: `/echo` sends every message back, `/chat` sends it to everybody.
//!
//!     cargo run -p server-bin --example websocket -- 127.0.0.1:8080
//!
//! tungstenite knows the frames and the closing handshake, and reads and writes through whatever it is given; the server
//! gives it an [`Io`] whenever something happened. Nothing blocks, so any number of WebSockets share a worker.
//!
//! A browser sends its cookies with a WebSocket that any site's page opens: before a protocol trusts them, it has to
//! look at `Origin`. This one trusts nobody, and nothing here depends on who it is.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, thread};

use server_bin::Server;
use server_bin::handler::{
    Context, Decision, Happened, Io, Notifier, Protocol, Reply, Wants, function, plain,
};
use server_bin::http_core::{FieldLine, Head, Version};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message};

/// The most bytes of one message.
const LONGEST: usize = 16 * 1024 * 1024;
/// Messages that may wait for a slow member of the chat; with one more it is closed.
const QUEUE: usize = 64;
/// After so long without a word, a ping asks whether the peer is there; after twice that long it is not.
const PING: Duration = Duration::from_secs(20);

/// The handshake (RFC 6455 section 4.2.1): what the peer asks for, or the answer that refuses it.
fn accept_key(head: &Head<'_>, cx: &mut Context<'_>) -> Result<String, Reply> {
    if head.version() < Version::Http11 || !head.upgrade().any(|name| name.eq_ignore_ascii_case("websocket"))
    {
        return Err(refuse(cx, 426));
    }
    let mut versions = head
        .fields()
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-version"));
    match (versions.next(), versions.next()) {
        (Some((_, b"13")), None) => {}
        (None, _) | (_, Some(_)) => return Err(refuse(cx, 400)),
        (Some(_), None) => return Err(refuse(cx, 426)),
    }
    let mut keys = head
        .fields()
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    match (keys.next(), keys.next()) {
        (Some((_, key)), None) if is_key(key) => Ok(derive_accept_key(key)),
        _ => Err(refuse(cx, 400)),
    }
}

/// Whether it is 16 bytes in base64: 22 digits, the last of which carries two bits, and two equals signs.
fn is_key(key: &[u8]) -> bool {
    let Some((digits @ [.., last], b"==")) = key.split_at_checked(22) else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    digits.iter().all(is_digit) && b"AQgw".contains(last)
}

/// The answer to a wrong handshake says what would be right (RFC 6455 section 4.4, RFC 9110 section 15.5.22).
fn refuse(cx: &mut Context<'_>, status: u16) -> Reply {
    let reply = plain::reply(cx, status);
    cx.line(FieldLine::from_static("sec-websocket-version: 13"));
    if status == 426 {
        cx.field("upgrade", "websocket");
    }
    reply
}

/// One peer's connection.
struct Peer {
    websocket: WebSocketContext,
    /// Present in the chat.
    seat: Option<Seat>,
    heard: Instant,
    asked: bool,
}

impl Peer {
    fn new(seat: Option<Seat>, now: Instant) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .write_buffer_size(0)
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST));
        Self {
            websocket: WebSocketContext::new(Role::Server, Some(config)),
            seat,
            heard: now,
            asked: false,
        }
    }

    /// Goes on until the socket has nothing to read, or takes no more. Reading stops while output waits, so a peer that
    /// does not read costs one message.
    fn go_on(&mut self, io: &mut Io<'_>, now: Instant) -> Result<(), Error> {
        loop {
            self.websocket.flush(io)?;
            if let Some(message) = self.seat.as_ref().map_or(Ok(None), Seat::next)? {
                self.websocket.write(io, message)?;
                continue;
            }
            let message = self.websocket.read(io)?;
            (self.heard, self.asked) = (now, false);
            // tungstenite answers pings and the closing handshake by itself; after that, nothing is to be said.
            let says = matches!(message, Message::Text(_) | Message::Binary(_));
            match &self.seat {
                Some(seat) if says => seat.chat.send(&message),
                None if says && self.websocket.can_write() => self.websocket.write(io, message)?,
                _ => {}
            }
        }
    }

    /// Asks a silent peer whether it is still there.
    fn ask(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        if std::mem::replace(&mut self.asked, true) {
            return Err(Error::ConnectionClosed);
        }
        self.websocket.write(io, Message::Ping(Bytes::new()))
    }

    fn close(&mut self, io: &mut Io<'_>, code: CloseCode) -> Result<(), Error> {
        self.seat = None;
        let reason = "".into();
        self.websocket.close(io, Some(CloseFrame { code, reason }))
    }

    /// Returns what to wait for after `error`, which is how everything here ends.
    fn wants(&mut self, io: &mut Io<'_>, error: &Error) -> Wants {
        match error {
            Error::Io(error) if error.kind() == ErrorKind::WouldBlock => match self.websocket.flush(io) {
                Ok(()) => Wants::Read,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Wants::Write,
                Err(_) => Wants::Close,
            },
            // The peer broke a rule, and hears which kind (RFC 6455 section 7.4.1).
            Error::Protocol(_) => self.farewell(io, CloseCode::Protocol),
            Error::Utf8(_) => self.farewell(io, CloseCode::Invalid),
            Error::Capacity(_) => self.farewell(io, CloseCode::Size),
            Error::WriteBufferFull(_) => self.farewell(io, CloseCode::Policy),
            _ => Wants::Close,
        }
    }

    fn farewell(&mut self, io: &mut Io<'_>, code: CloseCode) -> Wants {
        // What the socket does not take now is lost: the peer has not read for long, or not kept to the protocol.
        let _ = self.close(io, code);
        Wants::Close
    }
}

impl Protocol for Peer {
    fn ready(&mut self, io: &mut Io<'_>, happened: Happened, now: Instant) -> Wants {
        let begun = match happened {
            Happened::Deadline => self.ask(io),
            Happened::Draining => self.close(io, CloseCode::Away),
            Happened::Upgraded | Happened::Ready | Happened::Notified => Ok(()),
        };
        match begun.and_then(|()| self.go_on(io, now)) {
            Ok(()) => Wants::Read,
            Err(error) => self.wants(io, &error),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.heard + if self.asked { 2 * PING } else { PING })
    }
}

/// What one member has not been sent yet.
type Queue = Arc<Mutex<VecDeque<Message>>>;

/// Everybody in the chat.
#[derive(Default)]
struct Chat {
    seats: Mutex<HashMap<u64, (Queue, Notifier)>>,
    next: AtomicU64,
}

impl Chat {
    fn enter(self: &Arc<Self>, notifier: Notifier) -> Seat {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::default();
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.insert(number, (Arc::clone(&queue), notifier));
        Seat {
            chat: Arc::clone(self),
            number,
            queue,
        }
    }

    fn send(&self, message: &Message) {
        for (queue, notifier) in self.seats.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() <= QUEUE {
                queue.push_back(message.clone()); // The bytes are shared.
            }
            notifier.notify();
        }
    }
}

/// A place in the chat, which is free again when its peer is gone.
struct Seat {
    chat: Arc<Chat>,
    number: u64,
    queue: Queue,
}

impl Seat {
    /// Returns the next message for this member; it is an error to be too slow.
    fn next(&self) -> Result<Option<Message>, Error> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let message = queue.pop_front();
        match message {
            Some(message) if queue.len() >= QUEUE => Err(Error::WriteBufferFull(Box::new(message))),
            message => Ok(message),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.chat.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.remove(&self.number);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    let chat = Arc::new(Chat::default());
    let handler = function(move |head: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        let path = head.path();
        if path != b"/echo" && path != b"/chat" {
            return plain::reply(cx, 404).into();
        }
        match accept_key(head, cx) {
            Ok(key) => {
                cx.field("upgrade", "websocket");
                cx.field("sec-websocket-accept", key);
                let seat = (path == b"/chat").then(|| chat.enter(cx.notifier()));
                Decision::Upgrade(Box::new(Peer::new(seat, cx.now())))
            }
            Err(refusal) => refusal.into(),
        }
    });
    let running = Server::with(handler).listen(address.parse()?).spawn()?;
    println!("listening on {}", running.addresses()[0]);
    let handle = running.handle();
    thread::spawn(move || signals.forever().for_each(|_| handle.drain()));
    running.join()?;
    Ok(())
}
