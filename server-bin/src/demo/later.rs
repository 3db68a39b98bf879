//! `/slow`: a thread that completes requests when their time has come.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use http_core::ResponseHead;
use multiplex::timers::Timers;
use multiplex::{Events, Poller, Token, Waker};

use super::CONTENT_TYPE;
use crate::handler::Completer;

/// One thread that completes requests when their time has come: the smallest event loop there is.
#[derive(Debug)]
pub(super) struct Later {
    inbox: Arc<Inbox>,
    waker: Waker,
}

/// How long to wait after waiting has failed.
const RETRY: Duration = Duration::from_millis(10);
/// How often a wake is tried that signals interrupt: without an end they must not hold up a worker.
const MAX_TRIES: usize = 8;

/// What was put in and not yet taken by the thread; none at all is the end.
type Inbox = Mutex<Option<Vec<(Instant, Completer)>>>;

impl Later {
    pub(super) fn start() -> io::Result<Self> {
        let poller = Poller::new()?;
        let waker = Waker::new(&poller, Token::new(0))?;
        let inbox = Arc::new(Mutex::new(Some(Vec::new())));
        let outbox = Arc::clone(&inbox);
        thread::Builder::new()
            .name("later".into())
            .spawn(move || serve(&poller, &outbox))?;
        Ok(Self { inbox, waker })
    }

    pub(super) fn put(&self, at: Instant, completer: Completer) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = inbox.as_mut() {
            inbox.push((at, completer));
            if inbox.len() == 1 && self.wake().is_err() {
                // The thread sleeps on. The completer is dropped and answers 500, and the next one tries to wake again.
                inbox.pop();
            }
        }
    }

    fn wake(&self) -> io::Result<()> {
        for _ in 1..MAX_TRIES {
            match self.waker.wake() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
        self.waker.wake()
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.wake();
    }
}

fn serve(poller: &Poller, inbox: &Inbox) {
    let mut events = Events::with_capacity(1);
    let mut timers = Timers::new(Instant::now());
    loop {
        let timeout = timers.next_timeout(Instant::now());
        if poller.wait(&mut events, timeout).is_err() {
            thread::sleep(RETRY);
        }
        match inbox.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(inbox) => inbox.drain(..).for_each(|(at, completer)| {
                timers.insert(at, completer);
            }),
            None => return,
        }
        let now = Instant::now();
        while let Some((_, completer)) = timers.expire(now) {
            complete(completer);
        }
    }
}

fn complete(completer: Completer) {
    match ResponseHead::new(200).field(CONTENT_TYPE, "text/plain") {
        Ok(head) => completer.complete(head, "Here it is.\n"),
        // Dropped, it answers 500.
        Err(_) => drop(completer),
    }
}
