//! Clients that make the server hold memory, and what is left of it when they have gone. Linux tells of both, in proc(5).

mod held;
mod queues;
mod site;

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use support::{Launch, PATIENCE, Server, process};

const MIB: u64 = 1024 * 1024;
const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

/// What may be left of an attack, beside 256 bytes for each connection that was there at once.
const LEFT: u64 = 2 * MIB;
/// What others on this machine may do to the kernel's counts meanwhile.
const OTHERS: u64 = 4 * MIB;

/// The server under attack, with its memory before. One at a time, since the kernel counts the buffers of all.
struct Attacked {
    server: Server,
    memory: u64,
    peak: u64,
    tcp: u64,
    _alone: MutexGuard<'static, ()>,
}

impl Attacked {
    /// None where the system is not Linux.
    fn new(test: &str, launch: impl FnOnce() -> Launch) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        if !cfg!(target_os = "linux") {
            support::tools::skipped(test, "Linux's proc(5)");
            return None;
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let server = launch().start();
        // Each worker has its buffers from its first request on.
        for _ in 0..20 {
            let _ = server.connect().exchange(REQUEST).expect("an answer");
        }
        Some(Self {
            memory: process::anonymous_memory(server.pid()),
            peak: process::peak_memory(server.pid()),
            tcp: tcp_memory(),
            server,
            _alone: alone,
        })
    }

    /// By how much the most that it ever had is over what it had before.
    fn peak_growth(&self) -> u64 {
        process::peak_memory(self.server.pid()).saturating_sub(self.peak)
    }

    /// That a client with a small request is served, and soon.
    #[track_caller]
    fn serves_others(&self, path: &str) {
        let started = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = self.server.connect().exchange(request);
        assert_eq!(answer.expect("others are answered").status, 200);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(2), "others wait for {took:?}");
    }

    /// That the server's memory and the kernel's are soon what they were, when so many connections have gone.
    #[track_caller]
    fn recovers_from(&self, connections: u64) {
        let most = self.memory + LEFT + 256 * connections;
        let until = Instant::now() + PATIENCE;
        loop {
            let (memory, tcp) = (process::anonymous_memory(self.server.pid()), tcp_memory());
            if memory <= most && tcp <= self.tcp + OTHERS {
                let left = memory.saturating_sub(self.memory) / 1024;
                println!("{left} KiB are left of {} at the peak", self.peak_growth() / 1024);
                return;
            }
            assert!(
                Instant::now() < until,
                "{memory} bytes, and {} before; in the kernel {tcp}, and {} before",
                self.memory,
                self.tcp
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What the workers' own buffers and the allocator take beside what is counted: pieces of many sizes do not fit into each
/// other's places.
fn overhead(counted: u64) -> u64 {
    8 * MIB + counted / 2
}

/// Bytes of memory that the kernel holds for all TCP sockets: the pages of `mem` in /proc/net/sockstat.
fn tcp_memory() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").expect("Linux has it");
    let line = text
        .lines()
        .find(|line| line.starts_with("TCP:"))
        .expect("a line of TCP");
    let pages: u64 = line
        .rsplit(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .expect("a number of pages");
    pages * 4096
}

/// A connection whose own buffers are small, so that what the kernel holds is the server's; it ends by a reset. The one with
/// this index comes from one of several addresses.
fn small_client(server: SocketAddr, index: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.set_send_buffer_size(64 * 1024).expect("a size");
    let last = u8::try_from(2 + index % 8).expect("a small number");
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    socket.bind(&own.into()).expect("a free port");
    socket
        .connect_timeout(&server.into(), PATIENCE)
        .expect("the server takes every connection");
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("linger can be set");
    socket.set_nonblocking(true).expect("it need not wait");
    socket.into()
}

/// Sends what the kernel takes of `bytes`, from `*sent` on.
fn push(mut stream: &TcpStream, bytes: &[u8], sent: &mut usize) {
    while *sent < bytes.len() {
        match stream.write(&bytes[*sent..]) {
            Ok(count) => *sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The server reads no more, or has given the connection up.
            Err(_) => return,
        }
    }
}
