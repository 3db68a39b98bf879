//! Bytes out: writing what was made, bodies that leave piece by piece, and the end of a connection.

use std::io;
use std::os::fd::AsFd as _;

use super::budget::Budget;
use super::buffers::{Inlet, Kit};
use super::connection::Connection;
use super::handler::{BodySource, Content, End, FileSlice, Notice, Pulled};
use super::held::{self, Held};
use super::phase::{Happening, Phase};
use super::run::Part;
use super::settings::TURN_BYTES;
use super::socket::{Socket, is_about_peer, is_temporary};
use super::work::Outgoing;

/// How a body went on.
enum Sent {
    /// So many bytes went to the socket.
    Some(usize),
    /// So many bytes were appended to the output.
    Made(usize),
    /// The source has nothing yet.
    Starved,
    /// The socket takes nothing.
    Blocked,
    /// The last byte has left or lies in the output.
    All,
    /// The rest cannot be sent; only closing tells the client.
    Broken,
    /// The client is gone.
    Gone,
}

impl<S: Socket> Connection<S> {
    /// Writes what earlier turns left.
    pub(super) fn send_rest(&mut self, kit: &mut Kit) -> Part {
        match self.write_rest(kit) {
            Ok(true) => Part::Go(Happening::Flushed),
            Ok(false) => Part::Wait,
            Err(_) => Part::Go(Happening::PeerGone),
        }
    }

    /// Writes what earlier turns left. Returns whether nothing is left.
    fn write_rest(&mut self, kit: &mut Kit) -> io::Result<bool> {
        let Some(work) = &mut self.work else {
            return Ok(true);
        };
        let written = write(&mut self.socket, &work.output[work.sent..], false)?;
        kit.moved += written;
        work.sent += written;
        let (place, is_all) = (work.sent, work.sent == work.output.len());
        if is_all {
            work.output.clear();
            work.sent = 0;
        }
        kit.lent.outcomes.settle(place);
        Ok(is_all)
    }

    /// Writes what this turn has made, and keeps what the socket does not take. Returns whether nothing is left.
    #[inline(always)]
    pub(super) fn flush<const OBSERVED: bool>(&mut self, kit: &mut Kit, more: bool) -> io::Result<bool> {
        if kit.out.is_empty() {
            return Ok(true);
        }
        debug_assert!(
            !matches!(self.phase(), Phase::Unsent(_)),
            "nothing is made before the rest has left"
        );
        let written = write(&mut self.socket, &kit.out, more)?;
        kit.moved += written;
        if OBSERVED {
            kit.lent.outcomes.settle(written);
        }
        if written < kit.out.len() {
            kit.lent.outcomes.shift(written);
            self.keep(kit, written);
            return Ok(false);
        }
        kit.out.clear();
        Ok(true)
    }

    /// Keeps what this turn has made, from `written` on, behind what earlier turns left.
    #[cold]
    fn keep(&mut self, kit: &mut Kit, written: usize) {
        if kit.out.len() - written > TURN_BYTES && self.work(kit).output.is_empty() {
            // Not a second time in memory.
            kit.out.drain(..written);
            self.work(kit).output = std::mem::take(&mut kit.out);
            return;
        }
        let work = self.work(kit);
        work.output.extend_from_slice(&kit.out[written..]);
        kit.out.clear();
    }

    /// Writes at the end of a turn what it has made.
    #[inline(always)]
    pub(super) fn flush_turn<const OBSERVED: bool>(&mut self, kit: &mut Kit) {
        if kit.out.is_empty() || self.phase() == Phase::Closed {
            return;
        }
        match self.flush::<OBSERVED>(kit, false) {
            Ok(true) => {}
            Ok(false) => self.step(Happening::Blocked),
            Err(_) => self.step(Happening::PeerGone),
        }
    }

    /// Sends the body on, until it ends, the socket is full, its source has nothing or the budget is spent.
    pub(super) fn send(&mut self, inlet: &mut Inlet, kit: &mut Kit, budget: &mut Budget) -> Part {
        while budget.allows_send(kit) {
            // A source is pulled when the bytes before have left, but for the head: it leaves with the first of them.
            let (is_first_pull, more_follows) = match self.work.as_ref().and_then(|work| work.body.as_ref()) {
                Some(Outgoing::Pull { begun, .. }) => (!begun, false),
                Some(Outgoing::Content { .. } | Outgoing::File(_)) => (false, true),
                None => return Part::Go(Happening::Finished),
            };
            if !is_first_pull {
                match self.flush::<true>(kit, more_follows) {
                    Ok(true) => {}
                    Ok(false) => return Part::Rest(Happening::Blocked),
                    Err(_) => return Part::Go(Happening::PeerGone),
                }
            }
            match self.send_some(inlet, kit, budget.bytes(kit)) {
                Sent::Some(n) | Sent::Made(n) => budget.spend(n),
                Sent::Blocked => return Part::Rest(Happening::Blocked),
                Sent::Starved => return self.starve(kit),
                Sent::All => return self.end_body(kit),
                Sent::Gone => return Part::Go(Happening::PeerGone),
                Sent::Broken => {
                    kit.end = End::Failed;
                    return Part::Go(Happening::Finished);
                }
            }
        }
        Part::Wait
    }

    fn send_some(&mut self, inlet: &mut Inlet, kit: &mut Kit, most: usize) -> Sent {
        let Self {
            socket, http, work, ..
        } = self;
        let Some(work) = work.as_mut() else {
            return Sent::Broken;
        };
        let can_be_notified = work.can_be_notified();
        let sent = match &mut work.body {
            None => return Sent::Broken,
            Some(Outgoing::Pull { source, begun }) => {
                *begun = true;
                pull(source, http, kit, can_be_notified)
            }
            Some(Outgoing::Content { content, at }) => send_content(socket, content, at, most),
            Some(Outgoing::File(slice)) => send_file(socket, slice, most, &mut inlet.bytes),
        };
        if let Sent::Some(n) = sent {
            kit.moved += n;
            if http.sent(n as u64).is_err() {
                return Sent::Broken;
            }
            kit.note_body(n as u64);
        }
        sent
    }

    /// The source has nothing yet: its connection waits for news.
    fn starve(&mut self, kit: &Kit) -> Part {
        let Some(Outgoing::Pull { source, .. }) = self.work.as_mut().and_then(|work| work.body.as_mut())
        else {
            return Part::Go(Happening::Finished);
        };
        let timeout = source.with(|source| source.wait_timeout()).flatten();
        self.begin_wait(timeout, kit);
        Part::Go(Happening::SourceWaits)
    }

    /// Whether the peer of a source that waits is known to have shut its side.
    pub(super) fn starved(&self) -> Part {
        match &self.work {
            Some(work) if work.peer_shut.is_some() => Part::Rest(Happening::PeerShut),
            _ => Part::Wait,
        }
    }

    fn end_body(&mut self, kit: &mut Kit) -> Part {
        held::discard(self.work(kit).body.take());
        match self.finish(kit) {
            Ok(happening) => Part::Go(happening),
            Err(_) => {
                kit.end = End::Failed;
                Part::Go(Happening::Finished)
            }
        }
    }

    /// Everything has been said: once it has left, the connection ends, at once or after lingering.
    pub(super) fn close(&mut self, kit: &mut Kit) -> Part {
        let flushed = match self.write_rest(kit) {
            Ok(true) => self.flush::<true>(kit, false),
            result => result,
        };
        match flushed {
            Ok(true) => {}
            Ok(false) => return Part::Rest(Happening::Blocked),
            Err(_) => return Part::Go(Happening::PeerGone),
        }
        let unread = self.work.as_ref().is_some_and(|work| !work.input.is_empty());
        if !(self.lingers || unread) || self.socket.shutdown_write().is_err() {
            return Part::Go(Happening::Finished);
        }
        self.drop_work(kit);
        self.lingered = 0;
        Part::Go(Happening::Shut)
    }

    /// Gives everything back that the connection owns: nothing of it is needed while it lingers.
    fn drop_work(&mut self, kit: &mut Kit) {
        if let Some(work) = &mut self.work {
            work.input.clear();
            held::discard(work.body.take());
            work.protocol = None;
        }
        self.drop_taker();
        self.drop_elsewhere();
        debug_assert!(kit.out.is_empty(), "the last answer has left");
    }

    /// Reads on and drops it, until the peer has heard us and closes, or time is over.
    ///
    /// Closing with bytes unread makes the kernel send a reset, and a reset that overtakes the response destroys it
    /// (RFC 9112 section 9.6).
    pub(super) fn linger(&mut self, readable: &mut bool, inlet: &mut Inlet, kit: &mut Kit) -> Part {
        if !std::mem::take(readable) {
            return Part::Wait;
        }
        match self.socket.read(&mut inlet.bytes) {
            Ok(0) => Part::Go(Happening::Finished),
            Ok(n) => {
                kit.moved += n;
                Part::Wait
            }
            Err(error) if is_temporary(&error) => Part::Wait,
            Err(_) => Part::Go(Happening::PeerGone),
        }
    }
}

/// Writes once; a socket that takes nothing took 0 bytes.
fn write<S: Socket>(socket: &mut S, bytes: &[u8], more: bool) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    match socket.write(bytes, more) {
        Err(error) if is_temporary(&error) => Ok(0),
        result => result,
    }
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
        Err(_) => Sent::Gone,
    }
}

/// The last bytes of a file that must not change: they are read, the file is looked at, and then they are sent, so that
/// nothing of it was read after the last look.
const LAST_LOOKED_AT: usize = 4096;

fn send_file<S: Socket>(socket: &mut S, slice: &mut FileSlice, most: usize, buffer: &mut [u8]) -> Sent {
    if slice.len == 0 {
        return Sent::All;
    }
    match send_slice(socket, slice, most, buffer) {
        // The file is not what was promised any more.
        Ok(0) => Sent::Broken,
        Ok(n) => {
            slice.offset += n as u64;
            slice.len = slice.len.saturating_sub(n as u64);
            Sent::Some(n)
        }
        Err(error) if is_temporary(&error) => Sent::Blocked,
        Err(error) if is_about_peer(&error) => Sent::Gone,
        Err(_) => Sent::Broken,
    }
}

/// Sends a slice of the file; 0 means that the file has become shorter, or has changed where it must not.
fn send_slice<S: Socket>(
    socket: &mut S,
    slice: &FileSlice,
    most: usize,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let file = slice.file.as_fd();
    let count = usize::try_from(slice.len).unwrap_or(usize::MAX);
    let Some(guard) = &slice.guard else {
        return socket.send_file(file, slice.offset, count.min(most), buffer);
    };
    let last = LAST_LOOKED_AT.min(buffer.len());
    if count > last {
        return match held::run(|| guard.is_unchanged(file)).unwrap_or(Ok(false))? {
            true => socket.send_file(file, slice.offset, (count - last).min(most), buffer),
            false => Ok(0),
        };
    }
    let read = held::run(|| guard.read(file, slice.offset, &mut buffer[..count])).unwrap_or(Ok(0))?;
    let is_unchanged = held::run(|| guard.is_unchanged(file)).unwrap_or(Ok(false))?;
    match buffer.get(..read) {
        Some(bytes) if is_unchanged && read > 0 => socket.write(bytes, false),
        _ => Ok(0),
    }
}

/// Lets the source append to the output. A source that panics is one that failed.
fn pull(
    source: &mut Held<Box<dyn BodySource>>,
    http: &mut http_core::Connection,
    kit: &mut Kit,
    can_be_notified: bool,
) -> Sent {
    kit.scratch.clear();
    let scratch = &mut kit.scratch;
    let mut pulled = source.with(|source| source.pull(scratch));
    if pulled == Some(Pulled::Wait) && !can_be_notified {
        // The last news may have come between this call and the last notifier's end: one more look sees it.
        pulled = source.with(|source| source.pull(scratch));
    }
    let made = kit.scratch.len();
    let has_failed = match pulled {
        None | Some(Pulled::Failed) => true,
        Some(Pulled::More) => made == 0,
        Some(Pulled::Wait) => !can_be_notified,
        Some(Pulled::End) => false,
    };
    // It was copied once: beside the source's own bytes there are those in the output.
    if made > TURN_BYTES && !kit.memory.allows(2 * made) {
        kit.drop_scratch();
        kit.notify(&Notice::PullTooLarge(made));
        return Sent::Broken;
    }
    if has_failed || http.data(&mut kit.out, &kit.scratch).is_err() {
        return Sent::Broken;
    }
    if made > TURN_BYTES {
        kit.drop_scratch();
    }
    kit.note_body(made as u64);
    match pulled {
        Some(Pulled::End) => Sent::All,
        Some(Pulled::Wait) => Sent::Starved,
        _ => Sent::Made(made),
    }
}
