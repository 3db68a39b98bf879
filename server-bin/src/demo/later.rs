//! `/slow`: a thread that completes requests when their time has come.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

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
            if inbox.len() == 1 {
                // Should it fail, the completers are dropped with the inbox, and answer 500.
                let _ = self.waker.wake();
            }
        }
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.waker.wake();
    }
}

fn serve(poller: &Poller, inbox: &Inbox) {
    let mut events = Events::with_capacity(1);
    let mut timers = Timers::new(Instant::now());
    loop {
        let timeout = timers.next_timeout(Instant::now());
        if poller.wait(&mut events, timeout).is_err() {
            return;
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
