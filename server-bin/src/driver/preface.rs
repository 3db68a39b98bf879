//! Bytes that come before HTTP: what a proxy says of its client.

use std::net::SocketAddr;

use super::buffers::Kit;
use super::connection::Connection;
use super::held;
use super::peer::Peer;
use super::phase::Happening;
use super::run::Part;
use super::socket::Socket;

/// Reads what stands before the first request of a connection, as the PROXY protocol has it.
///
/// It is called on the workers' threads and must not block.
pub trait Preamble: Send + Sync {
    /// Decides how a connection from `peer` begins.
    fn opening(&self, peer: Option<SocketAddr>) -> Opening;

    /// Looks at all bytes that have come so far, from the first one on.
    fn read(&self, bytes: &[u8]) -> Preface;
}

/// How a connection begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// With a request.
    Request,
    /// With a preface.
    Preface,
    /// It is closed at once.
    Refused,
}

/// What a [`Preamble`] has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preface {
    /// More bytes have to come.
    Incomplete,
    /// The preface is `length` bytes long.
    Whole {
        /// How many bytes it is.
        length: usize,
        /// The client that it names; the connection's peer from then on.
        source: Option<SocketAddr>,
    },
    /// It is none: the connection closes without an answer, because nobody knows who would read it.
    Broken,
}

/// The most bytes that a preface may be: more than version 2 of the PROXY protocol can say of an address and its
/// extensions in practice.
const MAX_PREFACE: usize = 4096;

impl<S: Socket> Connection<S> {
    /// Reads on in the preface.
    #[cold]
    pub(super) fn read_preface(
        &mut self,
        readable: &mut bool,
        inlet: &mut super::buffers::Inlet,
        kit: &mut Kit,
    ) -> Part {
        if !std::mem::take(readable) {
            return Part::Wait;
        }
        let arrived = match self.socket.read(&mut inlet.bytes) {
            Ok(0) => return Part::Go(Happening::Finished),
            Ok(n) => {
                kit.moved += n;
                n
            }
            Err(error) if super::socket::is_temporary(&error) => return Part::Wait,
            Err(_) => return Part::Go(Happening::PeerGone),
        };
        let preamble = kit.preamble.clone();
        let input = &mut self.work(kit).input;
        input.extend_from_slice(&inlet.bytes[..arrived]);
        let found = preamble.and_then(|preamble| held::run(|| preamble.read(input)));
        match found {
            Some(Preface::Whole { length, source }) if length <= input.len() => {
                input.drain(..length);
                if source.is_some() {
                    self.peer = Peer::new(source);
                }
                Part::Go(Happening::PrefaceRead)
            }
            Some(Preface::Incomplete) if input.len() < MAX_PREFACE => Part::Wait,
            _ => {
                input.clear();
                Part::Go(Happening::Finished)
            }
        }
    }
}
