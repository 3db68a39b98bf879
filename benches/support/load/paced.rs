//! An open loop at a fixed rate, without coordinated omission: an answer's time counts from when its request was to be sent.
//!
//! Request `k` belongs to connection `k mod n`. While that one still waits for an answer its next request is late, through
//! the server's fault, and its time runs already: so a pause of the server is felt by every request that fell into it, and
//! not by the one that happened to be under way. The loop never sleeps, since a core is its own; what it is late itself is
//! reported.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multiplex::{Events, Interest, Poller, Token, Trigger};

use super::client::{Client, Received, closed};
use super::{Background, EVENTS, PATIENCE, READ, Request, Schedule, greet_all};

/// The latencies of one run: the times from when each request was to be sent until its answer was whole.
#[derive(Debug, Default)]
pub struct Latencies {
    /// One for each request, sorted.
    pub all: Vec<Duration>,
    /// The most that the generator was late with a request whose connection was free.
    pub late: Duration,
}

impl Latencies {
    /// The time within which this share of the requests was answered.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.all.len().saturating_sub(1);
        self.all
            .get((last as f64 * share).ceil() as usize)
            .copied()
            .unwrap_or_default()
    }
}

/// Connections that send at set times.
pub struct Paced {
    poller: Poller,
    events: Events,
    clients: Vec<Client>,
    /// For each connection the intended times of what it was not answered yet, the oldest first.
    intended: Vec<VecDeque<Duration>>,
    request: Request,
    buffer: Vec<u8>,
}

impl Paced {
    /// Makes `count` connections, each of which is answered once.
    ///
    /// # Errors
    ///
    /// When one is not made or not answered rightly.
    pub fn connect(address: SocketAddr, count: usize, request: Request) -> io::Result<Self> {
        let poller = Poller::new()?;
        let streams = greet_all(address, count, &request)?;
        for (index, stream) in streams.iter().enumerate() {
            poller.add(stream, Token::new(index), Interest::READABLE, Trigger::Level)?;
        }
        let clients = streams.into_iter().map(Client::new).collect();
        let intended = vec![VecDeque::new(); count];
        Ok(Self {
            poller,
            events: Events::with_capacity(EVENTS),
            clients,
            intended,
            request,
            buffer: vec![0; READ],
        })
    }

    /// Sends by the schedule, with `background` between, and returns when every request was answered.
    ///
    /// # Errors
    ///
    /// When an answer is wrong, does not come, or the server closes; and what `background` has.
    pub fn run(&mut self, schedule: Schedule, background: &mut impl Background) -> io::Result<Latencies> {
        let (start, mut sent) = (Instant::now(), 0);
        let mut measured = Latencies {
            all: Vec::with_capacity(schedule.count()),
            late: Duration::ZERO,
        };
        let end = schedule.at(schedule.count() - 1).unwrap_or_default() + PATIENCE;
        while measured.all.len() < schedule.count() {
            let now = start.elapsed();
            if now > end {
                let lost = schedule.count() - measured.all.len();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{lost} requests were not answered"),
                ));
            }
            while let Some(at) = schedule.at(sent).filter(|at| *at <= now) {
                let index = sent % self.clients.len();
                self.intended[index].push_back(at);
                if self.intended[index].len() == 1 {
                    self.clients[index].ask_one(&self.request)?;
                    measured.late = measured.late.max(start.elapsed() - at);
                }
                sent += 1;
            }
            self.receive(start, &mut measured.all)?;
            background.tick(start.elapsed())?;
        }
        measured.all.sort_unstable();
        Ok(measured)
    }

    /// Takes what has come, and sends what waited for it.
    fn receive(&mut self, start: Instant, all: &mut Vec<Duration>) -> io::Result<()> {
        self.poller.wait(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let index = event.token().value();
            let (client, intended) = (&mut self.clients[index], &mut self.intended[index]);
            match client.receive(&mut self.buffer)? {
                Received::Nothing | Received::Answers(0) => continue,
                Received::End => return Err(closed()),
                Received::Answers(_) => {}
            }
            let at = intended
                .pop_front()
                .ok_or_else(|| io::Error::other("an answer without a request"))?;
            all.push(start.elapsed().saturating_sub(at));
            if !intended.is_empty() {
                client.ask_one(&self.request)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Nothing;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    /// Serves one connection, and pauses before its tenth answer.
    fn pausing_server(listener: TcpListener, pause: Duration) {
        let (mut stream, _) = listener.accept().expect("one client");
        let mut buffer = [0; 4096];
        let mut number = 0;
        while let Ok(1..) = stream.read(&mut buffer) {
            number += 1;
            if number == 10 {
                thread::sleep(pause);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    }

    #[test]
    fn a_pause_is_felt_by_every_request_that_was_to_be_sent_in_it() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = thread::spawn(|| pausing_server(listener, Duration::from_millis(200)));
        let mut load = Paced::connect(address, 1, Request::get("/", 0)).expect("the server accepts");
        let schedule = Schedule::new(100.0, Duration::from_millis(500));
        let measured = load.run(schedule, &mut Nothing).expect("every answer");
        assert_eq!(measured.all.len(), 50);
        let felt = measured
            .all
            .iter()
            .filter(|time| **time > Duration::from_millis(50))
            .count();
        // Those of the first 150 ms of the pause: a loop that waits for answers would report one. More on a busy machine.
        assert!(felt >= 13, "{felt} of 50 felt it: {:?}", measured.all);
        drop(load);
        server.join().expect("the server ends");
    }
}
