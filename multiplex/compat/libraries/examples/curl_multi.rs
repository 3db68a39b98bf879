//! Several transfers by libcurl's multi interface in an event loop of multiplex. Prints a line for each: its bytes, its URL.
//!
//!     cargo run --example curl_multi --features curl -- http://127.0.0.1:8080/ http://127.0.0.1:8080/plaintext

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use curl::easy::{Easy2, Handler, WriteError};
use curl::multi::{Easy2Handle, Events, Multi};
use libraries::Sources;
use multiplex::Interest;

/// What one transfer brought.
#[derive(Default)]
struct Body {
    bytes: usize,
}

impl Handler for Body {
    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        self.bytes += data.len();
        Ok(data.len())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sources = Arc::new(Sources::new()?);
    let alarm = Arc::new(Mutex::new(None));
    let mut multi = Multi::new();
    let wanted = Arc::clone(&sources);
    multi.socket_function(move |fd, what, _| {
        let interest = (!what.remove()).then(|| Interest::new(what.input(), what.output()));
        // libcurl calls this from within its own functions, and closes the socket right after: so it is done here and now.
        if let Err(error) = wanted.set(fd, interest.flatten()) {
            eprintln!("fd {fd}: {error}");
        }
    })?;
    let set = Arc::clone(&alarm);
    multi.timer_function(move |timeout: Option<Duration>| {
        *set.lock().expect("nobody panics while holding it") =
            timeout.map(|timeout| Instant::now() + timeout);
        true
    })?;

    let mut transfers: Vec<(String, Easy2Handle<Body>)> = Vec::new();
    for (token, url) in std::env::args().skip(1).enumerate() {
        let mut easy = Easy2::new(Body::default());
        easy.url(&url)?;
        easy.timeout(Duration::from_secs(60))?;
        let mut handle = multi.add2(easy)?;
        handle.set_token(token)?;
        transfers.push((url, handle));
    }
    let (mut events, mut running) = (multiplex::Events::default(), transfers.len());
    while running > 0 {
        let at = *alarm.lock().expect("nobody panics while holding it");
        let timeout = at.map(|at| at.saturating_duration_since(Instant::now()));
        let batch = sources.wait(&mut events, timeout)?;
        for ready in batch.iter().filter(|ready| sources.is_current(ready)) {
            let mut what = Events::new();
            what.input(ready.readable).output(ready.writable);
            multi.action(ready.fd, &what)?;
        }
        // Its own time is due, or nothing else was: both are told by the same call, and it sets the alarm anew.
        if at.is_some_and(|at| at <= Instant::now()) {
            *alarm.lock().expect("nobody panics while holding it") = None;
            multi.timeout()?;
        }
        multi.messages(|message| {
            running -= 1;
            let (url, handle) = &transfers[message.token().expect("each has one")];
            match message.result() {
                Some(Ok(())) => println!("{} {url}", handle.get_ref().bytes),
                other => println!("{other:?} {url}"),
            }
        });
    }
    Ok(())
}
