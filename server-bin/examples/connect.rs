//! A tunnel (RFC 9110 section 9.3.6): `CONNECT 127.0.0.1:PORT` leads to that port of this machine, and nowhere else.
//!
//!     cargo run -p server-bin --example connect -- 127.0.0.1:8080
//!     curl --proxy http://127.0.0.1:8080 --proxytunnel http://127.0.0.1:PORT/
//!
//! CONNECT reaches only a handler that names it. The other end of a tunnel is a socket that the server does not know, so
//! two threads serve it: one reads, one writes, and both are bounded by what the client takes and sends.

use std::collections::VecDeque;
use std::env;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use server_bin::Server;
use server_bin::handler::{
    Context, Decision, Happened, Io, Methods, Notifier, Protocol, Wants, function, plain,
};
use server_bin::http_core::{Head, Target};

/// Pieces that may wait in each direction.
const PIECES: usize = 4;
const PIECE: usize = 16 * 1024;
/// A port of this machine takes a connection at once or not at all.
const PATIENCE: Duration = Duration::from_millis(100);

struct Tunnel {
    /// To the thread that writes; none when the client has said its last word.
    writer: Option<SyncSender<Vec<u8>>>,
    /// A piece that the writer had no room for yet.
    unsent: Option<Vec<u8>>,
    /// From the thread that reads.
    reader: Receiver<Vec<u8>>,
    /// Bytes on the way to the client.
    out: VecDeque<u8>,
    /// Wakes the two threads' socket up when the tunnel ends.
    far: TcpStream,
}

impl Tunnel {
    fn open(target: SocketAddr, notifier: &Notifier) -> std::io::Result<Self> {
        let far = TcpStream::connect_timeout(&target, PATIENCE)?;
        let (writer, to_write) = sync_channel::<Vec<u8>>(PIECES);
        let (was_read, reader) = sync_channel(PIECES);
        let (mut reading, mut writing) = (far.try_clone()?, far.try_clone()?);
        let (news, room) = (notifier.clone(), notifier.clone());
        thread::spawn(move || {
            let mut piece = vec![0; PIECE];
            while let Ok(count @ 1..) = reading.read(&mut piece) {
                if was_read.send(piece[..count].to_vec()).is_err() {
                    break;
                }
                news.notify();
            }
            drop(was_read); // Before the last news, so that the tunnel sees the end.
            news.notify();
        });
        thread::spawn(move || {
            for piece in to_write {
                let written = writing.write_all(&piece);
                room.notify();
                if written.is_err() {
                    break;
                }
            }
            let _ = writing.shutdown(Shutdown::Write);
        });
        Ok(Self {
            writer: Some(writer),
            unsent: None,
            reader,
            out: VecDeque::new(),
            far,
        })
    }

    /// Moves bytes from the client to the far end. Returns whether the client may send more now.
    fn forward(&mut self, io: &mut Io<'_>) -> std::io::Result<bool> {
        let mut piece = vec![0; PIECE];
        loop {
            let Some(writer) = &self.writer else {
                return Ok(false);
            };
            if let Some(unsent) = self.unsent.take() {
                match writer.try_send(unsent) {
                    Ok(()) => {}
                    Err(TrySendError::Full(unsent)) => {
                        self.unsent = Some(unsent);
                        return Ok(false);
                    }
                    Err(TrySendError::Disconnected(_)) => return Err(ErrorKind::BrokenPipe.into()),
                }
            }
            match io.read(&mut piece) {
                Ok(0) => self.writer = None,
                Ok(count) => self.unsent = Some(piece[..count].to_vec()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves bytes from the far end to the client. Returns whether some are left that the client does not take, or
    /// nothing when the far end has said its last word.
    fn back(&mut self, io: &mut Io<'_>) -> std::io::Result<Option<bool>> {
        loop {
            while !self.out.is_empty() {
                match io.write(self.out.as_slices().0) {
                    Ok(count) => drop(self.out.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(true)),
                    Err(error) => return Err(error),
                }
            }
            match self.reader.try_recv() {
                Ok(piece) => self.out.extend(piece),
                Err(TryRecvError::Empty) => return Ok(Some(false)),
                Err(TryRecvError::Disconnected) => return Ok(None),
            }
        }
    }
}

impl Protocol for Tunnel {
    fn ready(&mut self, io: &mut Io<'_>, _: Happened, _: Instant) -> Wants {
        match (self.forward(io), self.back(io)) {
            (Ok(true), Ok(Some(true))) => Wants::ReadOrWrite,
            (Ok(true), Ok(Some(false))) => Wants::Read,
            (Ok(false), Ok(Some(true))) => Wants::Write,
            (Ok(false), Ok(Some(false))) => Wants::Nothing,
            // The far end has closed, or one of both is gone: a tunnel ends with either side.
            _ => Wants::Close,
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.far.shutdown(Shutdown::Both);
    }
}

/// Where the tunnel leads, if it leads to this machine.
fn loopback(head: &Head<'_>) -> Option<SocketAddr> {
    let Target::Authority(authority) = head.target() else {
        return None;
    };
    let address: SocketAddr = authority.parse().ok()?;
    let is_here = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    is_here.then_some(address)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let connect = |head: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        let Some(target) = loopback(head) else {
            return plain::reply(cx, 403).into();
        };
        match Tunnel::open(target, &cx.notifier()) {
            Ok(tunnel) => Decision::Upgrade(Box::new(tunnel)),
            Err(_) => plain::reply(cx, 502).into(),
        }
    };
    let running = Server::with(function(connect).methods(Methods::of("CONNECT")))
        .listen(address.parse()?)
        .spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
