//! A handler around another one that writes the access log.

use std::net::SocketAddr;

use http_core::Head;

use super::log::Lines;
use super::proxy_protocol::Trusted;
use crate::handler::{Context, Decision, Handler, Methods, Outcomes, Watch};

/// A handler whose requests are written down.
#[derive(Debug)]
pub struct Logged<H> {
    inner: H,
    lines: Lines,
    trusted: Trusted,
    inner_watches: bool,
}

impl<H: Handler> Logged<H> {
    /// Writes down what becomes of the requests that `inner` answers. Of `trusted` proxies X-Forwarded-For is believed.
    pub fn new(inner: H, lines: Lines, trusted: Trusted) -> Self {
        Self {
            inner,
            lines,
            trusted,
            inner_watches: true,
        }
    }

    /// Names the client that a trusted proxy speaks of.
    #[cold]
    fn name_client(&self, head: &Head<'_>, cx: &mut Context<'_>) {
        let peer = cx.peer().map(|peer| peer.ip());
        if peer.is_some_and(|peer| !self.trusted.has(peer)) {
            return;
        }
        // Several lines are one list (RFC 9110 section 5.3).
        let lines = head
            .fields()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
        let list = lines.map(|(_, value)| value).collect::<Vec<_>>().join(&b',');
        let client = self.trusted.client(peer, &list);
        if let Some(client) = client.filter(|_| client != peer) {
            // Which port the client has, nobody says.
            cx.set_client(SocketAddr::new(client, 0));
        }
    }
}

/// Another worker's: its lines are its own.
impl<H: Clone> Clone for Logged<H> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            lines: self.lines.clone(),
            trusted: self.trusted.clone(),
            inner_watches: true,
        }
    }
}

impl<H: Handler> Handler for Logged<H> {
    fn methods(&self, head: &Head<'_>) -> Methods {
        self.inner.methods(head)
    }

    #[inline]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        if !self.trusted.is_empty() {
            self.name_client(head, cx);
        }
        self.inner.head(head, cx)
    }

    #[inline]
    fn all_done(&mut self, outcomes: &mut Outcomes) -> Watch {
        if self.inner_watches {
            self.inner_watches = self.inner.all_done(outcomes) == Watch::GoOn;
        }
        self.lines.take_in(outcomes, self.inner_watches);
        Watch::GoOn
    }

    #[inline]
    fn round_ended(&mut self) {
        self.inner.round_ended();
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }

    fn give_up_memory(&mut self) {
        self.inner.give_up_memory();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use http_core::ResponseHead;

    use super::*;
    use crate::handler::{Prepared, Reply};
    use crate::operate::log::{Format, Log, Settings, Target};
    use crate::{Bound, Server};

    const LONG: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Answers by target: at once, after it has held up its worker, or later.
    #[derive(Clone)]
    struct Slow(Arc<Prepared>);

    impl Handler for Slow {
        fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
            match head.path() {
                b"/later" => {
                    let (ticket, completer) = cx.later();
                    thread::spawn(move || {
                        thread::sleep(LONG);
                        completer.complete(ResponseHead::new(200), "later");
                    });
                    return Decision::Respond(Reply::Later(ticket));
                }
                b"/blocks" => thread::sleep(LONG),
                _ => {}
            }
            Decision::from(Arc::clone(&self.0))
        }

        fn all_done(&mut self, _: &mut Outcomes) -> Watch {
            Watch::Stop
        }
    }

    /// Asks for these targets in one write, and reads all answers.
    fn ask(address: SocketAddr, targets: &[&str]) {
        let mut stream = TcpStream::connect(address).expect("the server takes connections");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a deadline can be set");
        let (last, before) = targets.split_last().expect("a target");
        let head = |target: &&str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n");
        let before: String = before.iter().map(|target| head(target) + "\r\n").collect();
        let requests = before + &head(last) + "Connection: close\r\n\r\n";
        stream.write_all(requests.as_bytes()).expect("the server reads");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("the server closes");
        assert_eq!(
            answers.matches("HTTP/1.1 200 ").count(),
            targets.len(),
            "{answers}"
        );
    }

    /// The targets of a JSON log with the seconds of each.
    fn lines(text: &str) -> Vec<(String, f64)> {
        let line = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let target = line["target"].as_str().expect("text").to_owned();
            (target, line["seconds"].as_f64().expect("a number"))
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn a_json_line_says_at_least_the_time_that_its_request_took() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        let log = Log::start(Settings {
            access: Some((Target::File(path.clone()), Format::Json)),
            notices: Target::Stderr,
        })
        .expect("the file can be opened");
        let prepared = Prepared::new(&ResponseHead::new(200), &b"now"[..]).expect("a final response");
        let handler = Logged::new(Slow(Arc::new(prepared)), log.lines(), Trusted::default());
        // Where this thread is held up, the time of a turn must not end between the two requests of a pipeline: then the first one has
        // taken no longer than it says.
        let settings = crate::Settings {
            turn_time: Duration::from_secs(1),
            ..Default::default()
        };
        let server = Server::with(handler).workers(1).settings(settings);
        let server = server.listen("127.0.0.1:0".parse().expect("an address"));
        let running = server.spawn().expect("it starts");
        let Bound::Tcp(address) = running.addresses()[0] else {
            panic!("it listens on a port");
        };
        for _ in 0..20 {
            ask(address, &["/quick"]);
        }
        ask(address, &["/blocks"]);
        ask(address, &["/later"]);
        ask(address, &["/with", "/blocks"]);
        // The writer asks for them, also where nothing more comes.
        let (asked, read) = (Instant::now(), || fs::read_to_string(&path).expect("a log"));
        while read().lines().count() < 24 {
            assert!(asked.elapsed() < PATIENCE, "{}", read());
            thread::sleep(Duration::from_millis(5));
        }
        running.handle().stop();
        running.join().expect("it ends");
        log.finish(PATIENCE);
        let lines = lines(&read());
        assert_eq!(lines.len(), 24, "{lines:?}");
        let long = LONG.as_secs_f64();
        for (target, seconds) in &lines {
            assert!(target == "/quick" || *seconds >= long, "{target} {seconds}");
        }
        // This thread may be held up, too; but not each time.
        let shortest = lines.iter().map(|(_, seconds)| *seconds).fold(long, f64::min);
        assert!(shortest > 0.0 && shortest < long, "{shortest}");
    }
}
