//! A server as a whole: from addresses and a handler to running workers.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http_core::Head;
use multiplex::Fanout;

use crate::address::{AcceptMode, Address, Bound};
use crate::driver::buffers::Watching;
use crate::driver::held;
use crate::driver::preamble::Preamble;
use crate::driver::settings::{NEVER, Settings};
use crate::handler::{AnyHandler, Context, Decision, Handler, Notice, function};
use crate::sockets::{BindError, Options, Sockets};
use crate::sys;
use crate::sys::descriptors::make_room;
use crate::sys::net::{Listener, remove_abandoned};
use crate::worker::admission::Admission;
use crate::worker::counters::Counters;
use crate::worker::kernel::Kernel;
use crate::worker::room::Trust;
use crate::worker::stage::{CurrentStage, Handle};
use crate::worker::{Plan, Worker};

/// Why a server did not start. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The server was given no address.
    #[error("no address to listen on: name one with Server::listen")]
    NoAddress,
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The kernel does not hold connections back.
    #[error(
        "the kernel holds no connections back until there is something to read: {0}; leave that away (--defer-accept)"
    )]
    DeferAccept(#[source] io::Error),
    /// Something that each worker needs could not be had.
    #[error("cannot start a worker: {0}")]
    Worker(#[source] io::Error),
}

/// A server that does not run yet.
pub struct Server {
    handler: Box<dyn AnyHandler>,
    addresses: Vec<Address>,
    sockets: Sockets,
    workers: usize,
    accept: AcceptMode,
    max_connections: usize,
    settings: Settings,
    watching: Watching,
    trust: Option<Trust>,
    deferral: Duration,
}

/// One worker per core.
pub(crate) fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

impl Server {
    /// A server that answers GET and HEAD with what `answer` returns: whatever becomes a [`Decision`], a text for
    /// example. Each worker calls a clone of its own.
    ///
    /// ```
    /// let server = server_bin::Server::new(|_, _| "Hello, World!");
    /// ```
    ///
    /// [`handler::function`](crate::handler::function) makes a handler of a function for other methods.
    pub fn new<F, R>(answer: F) -> Self
    where
        F: FnMut(&Head<'_>, &mut Context<'_>) -> R + Clone + Send + 'static,
        R: Into<Decision> + 'static,
    {
        Self::with(function(answer))
    }

    /// A server that answers with `handler`; with one worker per core, and with the default settings.
    pub fn with(handler: impl Handler) -> Self {
        Self {
            handler: Box::new(handler),
            addresses: Vec::new(),
            sockets: Sockets::default(),
            workers: default_workers(),
            accept: AcceptMode::default(),
            max_connections: usize::MAX,
            settings: Settings::default(),
            watching: Watching {
                notices: Arc::new(|notice| sys::complain(&notice.to_string())),
                ..Watching::default()
            },
            trust: None,
            deferral: Duration::ZERO,
        }
    }

    /// Listens on `address` too.
    pub fn listen(mut self, address: Address) -> Self {
        self.addresses.push(address);
        self
    }

    /// Listens on these sockets too, which were bound before, perhaps by another process.
    pub fn listen_on(mut self, sockets: Sockets) -> Self {
        self.sockets.append(sockets);
        self
    }

    /// Serves with so many threads; 0 is taken as 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Shares the addresses between the workers in this way.
    pub fn accept(mut self, mode: AcceptMode) -> Self {
        self.accept = mode;
        self
    }

    /// Holds at most so many connections at once. One more gets the place of the one that has been idle for longest; where
    /// none is, it waits in the backlog.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most;
        self
    }

    /// Names the proxies that clients come through: at the limit their idle connections are closed last. It is asked on the
    /// workers' threads with a peer's address, none on a Unix socket, and must not block.
    pub fn trust(mut self, is_proxy: impl Fn(Option<SocketAddr>) -> bool + Send + Sync + 'static) -> Self {
        self.trust = Some(Arc::new(is_proxy));
        self
    }

    /// Lets the kernel hold a TCP connection back until its client has sent something, but for so long at most: until then it
    /// costs neither a descriptor nor memory of the process, it is not counted, and no timeout runs. Whole seconds count, and
    /// the kernel rounds them up to 1, 3, 7 or 15; no time, the default, is for none. TCP_DEFER_ACCEPT of tcp(7); on systems
    /// other than Linux it changes nothing.
    ///
    /// [`Handle::drain`] first ends that, and closes the listeners when those that were held back have come, which takes half of
    /// that time and half a second. Before the drain of a server that hands its sockets on, call
    /// [`Handle::hand_over`].
    pub fn defer_accept(mut self, time: Duration) -> Self {
        self.deferral = time.min(NEVER);
        self
    }

    /// How many connections it holds at most.
    pub fn connection_limit(&self) -> usize {
        self.max_connections
    }

    /// Obeys these timeouts and limits.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Counts answers, rejections and times, for [`Running::counters`]. Connections are counted always.
    pub fn count(mut self, on: bool) -> Self {
        self.watching.counts = on;
        self
    }

    /// Tells `listener` of what an operator should know, instead of standard error, where a line is lost when nobody takes
    /// it. It is called on the workers' threads
    /// and must not block.
    pub fn on_notice(mut self, listener: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.watching.notices = Arc::new(listener);
        self
    }

    /// Lets `preamble` read what a proxy says of its client before the first request of a connection.
    pub fn preamble(mut self, preamble: impl Preamble + 'static) -> Self {
        self.watching.preamble = Some(Arc::new(preamble));
        self
    }

    /// With how many threads it serves.
    pub fn worker_count(&self) -> usize {
        self.workers
    }

    /// How its workers are to share an address.
    pub fn accept_mode(&self) -> AcceptMode {
        self.accept
    }

    /// Binds the addresses and starts the workers. When it returns, clients can connect.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], when an address cannot be had or the system is short of something.
    pub fn spawn(mut self) -> Result<Running, SpawnError> {
        let sockets = self.bind()?;
        let addresses = sockets.addresses().cloned().collect();
        let locked = sockets.locked_paths();
        let shares = self.share(sockets)?;
        let (count, accept) = (self.workers, self.accept);
        let plan = self.plan();
        let workers = shares
            .into_iter()
            .map(|listeners| Worker::new(&plan, Kernel::new()?, listeners));
        let workers: io::Result<Vec<Worker<Kernel>>> = workers.collect();
        let workers = workers.map_err(SpawnError::Worker)?;
        let fanout = workers.first().map_or(Fanout::Shared, Worker::fanout);
        let mailboxes = workers.iter().map(Worker::mailbox).collect();
        let handle = Handle::new(plan.stage, mailboxes, plan.admission);
        let counted = workers.iter().map(|worker| (worker.census(), worker.mailbox()));
        let counters = Counters::new(counted.collect());
        // Those that did start must not serve on for a server that nobody got.
        let ends = start(workers).inspect_err(|_| handle.stop());
        let ends = ends.map_err(SpawnError::Worker)?;
        Ok(Running {
            handle,
            counters,
            addresses,
            locked,
            ends,
            workers: count,
            accept: accept.in_force(fanout),
        })
    }

    /// All its sockets: those that it was given, and those of its addresses.
    fn bind(&mut self) -> Result<Sockets, SpawnError> {
        let options = Options {
            workers: self.workers,
            accept: self.accept,
            mode: None,
        };
        let mut sockets = std::mem::take(&mut self.sockets);
        sockets.append(Sockets::bind(&self.addresses, &options)?);
        match sockets.is_empty() {
            true => Err(SpawnError::NoAddress),
            false => Ok(sockets),
        }
    }

    /// Each worker's share of the sockets, which are made ready for what the server is set to.
    fn share(&self, sockets: Sockets) -> Result<Vec<Vec<Listener>>, SpawnError> {
        let shares = sockets.shares(self.workers).map_err(SpawnError::Worker)?;
        let receive_buffer = self.settings.receive_buffer;
        prepare(shares.iter().flatten(), receive_buffer, self.deferral)?;
        if let Some(listener) = shares.iter().flatten().next() {
            // Each connection may hold a file beside its socket.
            make_room(listener, self.max_connections.saturating_mul(2));
        }
        Ok(shares)
    }

    /// What each worker is made from.
    fn plan(self) -> Plan {
        Plan {
            handler: self.handler,
            settings: Arc::new(self.settings),
            admission: Admission::new(self.max_connections),
            stage: CurrentStage::new(),
            watching: self.watching,
            trust: self.trust,
            deferral: self.deferral,
            fanout: match self.accept {
                AcceptMode::Exclusive => Fanout::Exclusive,
                AcceptMode::Reuseport | AcceptMode::Shared => Fanout::Shared,
            },
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Tells the kernel what it keeps of connections that are not read from, and which ones it holds back.
fn prepare<'a>(
    listeners: impl Iterator<Item = &'a Listener>,
    unread: usize,
    deferral: Duration,
) -> Result<(), SpawnError> {
    for listener in listeners {
        if unread > 0 {
            listener.limit_unread(unread).map_err(SpawnError::Worker)?;
        }
        if !deferral.is_zero() {
            listener.defer_accept(deferral).map_err(SpawnError::DeferAccept)?;
        }
    }
    Ok(())
}

/// Runs each worker on a thread of its own. The receiver hears of each end, a panic included.
fn start(workers: Vec<Worker<Kernel>>) -> io::Result<mpsc::Receiver<io::Result<usize>>> {
    let (tell, ends) = mpsc::channel();
    for (number, worker) in workers.into_iter().enumerate() {
        let tell = tell.clone();
        thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || {
                let end = held::run(|| worker.run());
                let _ = tell.send(end.unwrap_or_else(|| Err(io::Error::other("a worker panicked"))));
            })?;
    }
    Ok(ends)
}

/// A server whose workers run. Dropping it lets them run on.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    counters: Counters,
    addresses: Vec<Bound>,
    /// The Unix sockets that are ours to remove.
    locked: Vec<PathBuf>,
    ends: mpsc::Receiver<io::Result<usize>>,
    workers: usize,
    accept: AcceptMode,
}

impl Running {
    /// Ends the server, from wherever the handle is taken to.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Reads what the workers have counted, from wherever the counters are taken to.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// Where the server listens.
    pub fn addresses(&self) -> &[Bound] {
        &self.addresses
    }

    /// How the workers share an address: as was asked, but shared where the system knows no exclusive.
    pub fn accept_mode(&self) -> AcceptMode {
        self.accept
    }

    /// Waits for all workers to end. Returns how many connections were cut off at the end: none, unless a drain took
    /// too long or the server was stopped.
    ///
    /// # Errors
    ///
    /// When a worker fails, the others are stopped and its error is returned.
    pub fn join(self) -> io::Result<usize> {
        let mut result = Ok(0);
        for _ in 0..self.workers {
            let end = self
                .ends
                .recv()
                .unwrap_or_else(|_| Err(io::Error::other("a worker was lost")));
            match (&mut result, end) {
                (Ok(cut), Ok(more)) => *cut += more,
                (Err(_), Ok(_)) => {}
                (_, Err(error)) => {
                    self.handle.stop();
                    result = Err(error);
                }
            }
        }
        for path in &self.locked {
            // What cannot be removed, the next server replaces.
            let _ = remove_abandoned(path);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_drain_without_an_end_ends_with_the_last_connection() {
        let settings = Settings {
            idle_timeout: Duration::MAX,
            drain_timeout: Duration::MAX,
            ..Settings::default()
        };
        let (tell, told) = mpsc::channel();
        let server = Server::new(|_, _| "hello").workers(1).settings(settings);
        let running = server
            .on_notice(move |notice| tell.send(notice.to_string()).expect("a listener"))
            .listen("127.0.0.1:0".parse().expect("an address"))
            .spawn()
            .expect("a server");
        let address = running.addresses()[0].tcp().expect("a port");
        let client = std::net::TcpStream::connect(address).expect("a connection");
        running.handle().drain();
        drop(client);
        running.join().expect("an orderly end");
        // Not even when the listener that was just closed has still an event.
        assert!(
            told.try_recv().is_err(),
            "there is nothing that an operator should know"
        );
    }

    #[test]
    fn connections_may_be_held_back_for_any_time() {
        let server = Server::new(|_, _| "hello").defer_accept(Duration::MAX);
        let longest = sys::net::longest_deferral(server.deferral);
        assert!(longest > Duration::from_secs(1 << 28), "{longest:?}");
    }

    #[test]
    fn a_drain_cuts_off_what_is_not_finished_in_its_time_and_counts_it() {
        use std::io::{Read as _, Write as _};
        let settings = Settings {
            drain_timeout: Duration::from_millis(200),
            ..Settings::default()
        };
        let server = Server::new(|_, _| "hello").workers(1).settings(settings);
        let running = server
            .listen("127.0.0.1:0".parse().expect("an address"))
            .spawn()
            .expect("a server");
        let address = running.addresses()[0].tcp().expect("a port");
        let mut client = std::net::TcpStream::connect(address).expect("a connection");
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time that is not zero");
        // The answer to the first request says that the server has the beginning of the second one, too.
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT")
            .expect("the kernel takes it");
        client.read_exact(&mut [0; 12]).expect("an answer");
        running.handle().drain();
        let start = Instant::now();
        assert_eq!(running.join().expect("an orderly end"), 1, "it was not finished");
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(150) && took < Duration::from_secs(5),
            "{took:?}"
        );
    }

    #[test]
    fn an_address_that_cannot_be_had_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a directory");
        let lost = Address::Unix(folder.path().join("nowhere/socket"));
        // TEST-NET-1 of RFC 5737: no machine has it.
        let foreign: Address = "192.0.2.1:0".parse().expect("an address");
        for (address, advice) in [
            (lost, "create the directory"),
            (foreign, "an address of this machine"),
        ] {
            let server = Server::new(|_, _| "hello");
            let error = server
                .listen(address.clone())
                .spawn()
                .expect_err("nobody can listen there");
            let line = error.to_string();
            assert!(
                line.contains(&address.to_string()) && line.contains(advice),
                "{line}"
            );
        }
    }

    #[test]
    fn a_server_that_ends_leaves_the_socket_of_the_one_that_took_its_place() {
        let _held = crate::sys::tests::children::no_child_starts();
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("socket");
        let old = Server::new(|_, _| "hello")
            .workers(1)
            .listen(Address::Unix(path.clone()));
        let old = old.spawn().expect("a server");
        old.handle().drain();
        let start = Instant::now();
        while UnixStream::connect(&path).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(10), "it stops listening");
            thread::sleep(Duration::from_millis(10));
        }
        let new = Listener::bind_unix(&path, None).expect("nobody listens there any more");
        old.join().expect("an orderly end");
        UnixStream::connect(&path).expect("the new one is there");
        drop(new);
    }
}
