//! Clients that make the server hold memory, and what is left of it when they have gone. Linux tells of both, in proc(5).

mod held;
mod queues;
mod site;

use std::cell::Cell;
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
/// An answer that takes longer than this is a late one.
const SOON: Duration = Duration::from_secs(2);

/// The server under attack, with its memory before. One at a time, so that no attack takes the processors that another one's
/// server is to answer with.
struct Attacked {
    server: Server,
    memory: u64,
    peak: u64,
    files: usize,
    /// Small requests of others: how many were made, and how many of them were answered late.
    served: Cell<usize>,
    late: Cell<usize>,
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
            files: settled_files(&server),
            served: Cell::new(0),
            late: Cell::new(0),
            server,
            _alone: alone,
        })
    }

    /// By how much the most that it ever had is over what it had before.
    fn peak_growth(&self) -> u64 {
        process::peak_memory(self.server.pid()).saturating_sub(self.peak)
    }

    /// That a client with a small request is served. Whether it is soon is judged by all of them together, at the end.
    #[track_caller]
    fn serves_others(&self, path: &str) {
        let started = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = self.server.connect().exchange(request);
        assert_eq!(answer.expect("others are answered").status, 200);
        self.served.set(self.served.get() + 1);
        self.late
            .set(self.late.get() + usize::from(started.elapsed() > SOON));
    }

    /// That the server's memory, its files and the kernel's queues are soon what they were, when so many connections have gone;
    /// and that meanwhile others were served.
    ///
    /// What the kernel holds for a connection is freed when nobody has it open any more and its queues are empty. Both are this
    /// server's alone, while the kernel's count of TCP's memory is the whole machine's.
    #[track_caller]
    fn recovers_from(&self, connections: u64) {
        let most = self.memory + LEFT + 256 * connections;
        let until = Instant::now() + PATIENCE;
        loop {
            let memory = process::anonymous_memory(self.server.pid());
            let (files, queued) = (process::open_files(self.server.pid()), self.queued());
            if memory <= most && files <= self.files && queued == 0 {
                let left = memory.saturating_sub(self.memory) / 1024;
                println!("{left} KiB are left of {} at the peak", self.peak_growth() / 1024);
                break;
            }
            assert!(
                Instant::now() < until,
                "{memory} bytes, and {} before; {files} files, and {} before; the kernel has {queued} bytes in queues",
                self.memory,
                self.files
            );
            thread::sleep(Duration::from_millis(100));
        }
        // One may be late by chance, where the attack, its clients and others share the processors.
        let (served, late) = (self.served.get(), self.late.get());
        assert!(
            late <= (served / 10).max(1),
            "{late} of {served} others had to wait for more than {SOON:?}"
        );
    }

    /// Bytes in the queues of both ends of all connections of this server: not read, or not sent and acknowledged.
    fn queued(&self) -> u64 {
        let table = fs::read_to_string("/proc/net/tcp").expect("Linux has it");
        queued(&table, self.server.address())
    }
}

/// Sums the queues of both ends of a server's connections in proc(5)'s net/tcp.
fn queued(table: &str, server: SocketAddr) -> u64 {
    /// The line of a listener has the number of the connections that wait in its place.
    const LISTEN: &str = "0A";
    let SocketAddr::V4(server) = server else {
        panic!("{server} is in another table")
    };
    // As the kernel has the address in memory.
    let ip = u32::from_ne_bytes(server.ip().octets());
    let server = format!("{ip:08X}:{:04X}", server.port());
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
        let is_one = state != LISTEN && (local == server || remote == server);
        words.next().filter(|_| is_one)
    });
    let numbers = lines.flat_map(|queues| queues.split(':'));
    numbers
        .map(|number| u64::from_str_radix(number, 16).expect("a number"))
        .sum()
}

#[test]
#[cfg(target_endian = "little")]
fn the_queues_of_both_ends_of_a_servers_connections_are_summed_and_nobody_elses() {
    let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0200007F:A000 01 00000010:00000002 00:00000000 00000000     0        0 2 1
   2: 0200007F:A000 0100007F:1F90 01 00000100:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:1F91 0200007F:A001 01 00001000:00001000 00:00000000 00000000     0        0 4 1
   4: 0300007F:1F90 0100007F:1F91 01 00001000:00001000 00:00000000 00000000     0        0 5 1
";
    assert_eq!(queued(table, SocketAddr::from(([127, 0, 0, 1], 0x1F90))), 0x112);
}

/// How many files the server has open when the clients have gone.
fn settled_files(server: &Server) -> usize {
    let mut count = process::open_files(server.pid());
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = process::open_files(server.pid());
        if now == count {
            return now;
        }
        count = now;
    }
}

/// What the workers' own buffers and the allocator take beside what is counted: pieces of many sizes do not fit into each
/// other's places.
fn overhead(counted: u64) -> u64 {
    8 * MIB + counted / 2
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
