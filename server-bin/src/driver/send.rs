//! Bytes out: writing what was made, bodies that leave piece by piece, and the end of a connection.

use std::io;

use super::connection::{Budget, Connection, Next, Phase, Step};
use super::receive::is_temporary;
use super::socket::Socket;
use crate::driver::buffers::{Inlet, Kit, Work};
use crate::driver::held::Held;
use crate::driver::settings::MAX_LINGER;
use crate::handler::{BodySource, Content, FileSlice, Pulled};

/// Where the rest of a response body comes from.
pub(crate) enum Outgoing {
    Content { content: Content, at: usize },
    File(FileSlice),
    Pull(Held<Box<dyn BodySource>>),
}

/// Pulled bytes are sent as soon as there are this many.
const PULLED: usize = 64 * 1024;

/// How a body went on.
enum Sent {
    /// So many bytes went to the socket.
    Some(usize),
    /// The socket takes nothing.
    Blocked,
    /// The last byte has left or lies in `out`.
    All,
    /// The rest cannot be sent; only closing tells the client.
    Broken,
}

impl<S: Socket> Connection<S> {
    /// Writes what earlier turns left. Answers whether nothing is left.
    #[inline]
    pub(super) fn flush_rest(&mut self, kit: &mut Kit) -> io::Result<bool> {
        match &mut self.work {
            Some(work) if !work.output.is_empty() => {
                let written = write_on(&mut self.socket, work)?;
                kit.moved += written;
                Ok(work.output.is_empty())
            }
            _ => Ok(true),
        }
    }

    /// Writes what this turn has made, and keeps what the socket does not take. Answers whether nothing is left.
    #[inline(always)]
    pub(super) fn flush(&mut self, kit: &mut Kit, more: bool) -> io::Result<bool> {
        if kit.out.is_empty() {
            return Ok(true);
        }
        let written = write(&mut self.socket, &kit.out, more).inspect_err(|_| kit.out.clear())?;
        kit.moved += written;
        if written < kit.out.len() {
            self.keep(kit, written);
            return Ok(false);
        }
        kit.out.clear();
        Ok(true)
    }

    /// Keeps what this turn has made, from `written` on, behind what earlier turns left.
    pub(super) fn keep(&mut self, kit: &mut Kit, written: usize) {
        if written < kit.out.len() {
            let work = self.work.get_or_insert_with(|| kit.pool.take());
            work.output.extend_from_slice(&kit.out[written..]);
            kit.out.clear();
        }
    }

    /// Sends the body on, until it ends, the socket is full or the budget is spent.
    pub(super) fn send(&mut self, inlet: &mut Inlet, kit: &mut Kit, budget: &mut Budget) -> Step {
        while budget.bytes > 0 {
            // The head, or what was pulled; with a body from elsewhere right behind it.
            let more = !matches!(self.work(kit).body, Some(Outgoing::Pull(_)));
            match self.flush(kit, more) {
                Ok(true) => {}
                Ok(false) => return Step::Stop(Next::Write),
                Err(_) => return Step::Stop(Next::Close),
            }
            match self.send_some(inlet, kit, budget.bytes) {
                Sent::Some(n) => budget.bytes = budget.bytes.saturating_sub(n),
                Sent::Blocked => return Step::Stop(Next::Write),
                Sent::All => {
                    self.work(kit).body = None;
                    return match self.finish(kit) {
                        Ok(()) => Step::Again,
                        Err(_) => Step::Stop(Next::Close),
                    };
                }
                Sent::Broken => return Step::Stop(Next::Close),
            }
        }
        Step::Stop(Next::Write)
    }

    fn send_some(&mut self, inlet: &mut Inlet, kit: &mut Kit, most: usize) -> Sent {
        let Self {
            socket, http, work, ..
        } = self;
        let sent = match work.as_mut().and_then(|work| work.body.as_mut()) {
            None => return Sent::Broken,
            Some(Outgoing::Pull(source)) => return pull(source, http, kit),
            Some(Outgoing::Content { content, at }) => send_content(socket, content, at, most),
            Some(Outgoing::File(slice)) => send_file(socket, slice, most, &mut inlet.bytes),
        };
        match sent {
            Sent::Some(n) => {
                kit.moved += n;
                http.sent(n as u64).map_or(Sent::Broken, |()| Sent::Some(n))
            }
            sent => sent,
        }
    }

    /// Everything has been said: once it has left, the connection ends, at once or after lingering.
    pub(super) fn close(&mut self, kit: &mut Kit) -> Step {
        match self.flush(kit, false) {
            Ok(true) => {}
            Ok(false) => return Step::Stop(Next::Write),
            Err(_) => return Step::Stop(Next::Close),
        }
        let unread = self.work.as_ref().is_some_and(|work| !work.input.is_empty());
        if !(self.lingers || unread) || self.socket.shutdown_write().is_err() {
            return Step::Stop(Next::Close);
        }
        if let Some(work) = &mut self.work {
            work.input.clear();
        }
        self.dropped = 0;
        self.phase = Phase::Lingering;
        Step::Again
    }

    /// Reads on and drops it, until the peer has heard us and closes, or has had enough.
    ///
    /// Closing with bytes unread makes the kernel send a reset, and a reset that overtakes the response destroys it
    /// (RFC 9112 section 9.6).
    pub(super) fn linger(&mut self, readable: &mut bool, inlet: &mut Inlet) -> Step {
        if !std::mem::take(readable) {
            return Step::Stop(Next::Read);
        }
        match self.socket.read(&mut inlet.bytes) {
            Ok(0) => Step::Stop(Next::Close),
            Ok(n) => {
                self.dropped = self.dropped.saturating_add(n as u32);
                let enough = u64::from(self.dropped) > MAX_LINGER;
                Step::Stop(if enough { Next::Close } else { Next::Read })
            }
            Err(error) if is_temporary(&error) => Step::Stop(Next::Read),
            Err(_) => Step::Stop(Next::Close),
        }
    }
}

/// Writes once; a socket that takes nothing took 0 bytes.
fn write<S: Socket>(socket: &mut S, bytes: &[u8], more: bool) -> io::Result<usize> {
    match socket.write(bytes, more) {
        Err(error) if is_temporary(&error) => Ok(0),
        result => result,
    }
}

/// Writes kept output on, and answers how much of it went. Apart, because hardly any turn finds some.
#[inline(never)]
fn write_on<S: Socket>(socket: &mut S, work: &mut Work) -> io::Result<usize> {
    let written = write(socket, &work.output[work.sent..], false)?;
    work.sent += written;
    if work.sent == work.output.len() {
        work.output.clear();
        work.sent = 0;
    }
    Ok(written)
}

fn send_content<S: Socket>(socket: &mut S, content: &Content, at: &mut usize, most: usize) -> Sent {
    let rest = &content.as_ref()[*at..];
    if rest.is_empty() {
        return Sent::All;
    }
    match write(socket, &rest[..rest.len().min(most)], false) {
        Ok(0) => Sent::Blocked,
        Ok(n) => {
            *at += n;
            Sent::Some(n)
        }
        Err(_) => Sent::Broken,
    }
}

fn send_file<S: Socket>(socket: &mut S, slice: &mut FileSlice, most: usize, buffer: &mut [u8]) -> Sent {
    if slice.len == 0 {
        return Sent::All;
    }
    let count = usize::try_from(slice.len).unwrap_or(usize::MAX).min(most);
    match socket.send_file(&slice.file, slice.offset, count, buffer) {
        // The file has become shorter than the length that was promised.
        Ok(0) => Sent::Broken,
        Ok(n) => {
            slice.offset += n as u64;
            slice.len = slice.len.saturating_sub(n as u64);
            Sent::Some(n)
        }
        Err(error) if is_temporary(&error) => Sent::Blocked,
        Err(_) => Sent::Broken,
    }
}

/// Lets the source append to `out`, a write's worth at most. A source that panics is one that failed.
fn pull(source: &mut Held<Box<dyn BodySource>>, http: &mut http_core::Connection, kit: &mut Kit) -> Sent {
    let before = kit.out.len();
    while kit.out.len() - before < PULLED {
        kit.scratch.clear();
        let scratch = &mut kit.scratch;
        let pulled = source
            .with(|source| source.pull(scratch))
            .unwrap_or(Pulled::Failed);
        let stuck = pulled == Pulled::More && kit.scratch.is_empty();
        if pulled == Pulled::Failed || stuck || http.data(&mut kit.out, &kit.scratch).is_err() {
            return Sent::Broken;
        }
        if pulled == Pulled::End {
            return Sent::All;
        }
    }
    Sent::Some(kit.out.len() - before)
}
