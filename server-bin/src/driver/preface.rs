//! Bytes in, before HTTP: a connection reads its preface.

use super::buffers::{Inlet, Kit};
use super::connection::Connection;
use super::held;
use super::peer::Peer;
use super::phase::Happening;
use super::preamble::Preface;
use super::run::Part;
use super::socket::{Socket, is_temporary};

/// The most bytes that a preface may be: more than version 2 of the PROXY protocol can say of an address and its
/// extensions in practice.
const MAX_PREFACE: usize = 4096;

impl<S: Socket> Connection<S> {
    /// Reads on in the preface.
    #[cold]
    pub(super) fn read_preface(&mut self, readable: &mut bool, inlet: &mut Inlet, kit: &mut Kit) -> Part {
        if !std::mem::take(readable) {
            return Part::Wait;
        }
        let arrived = match self.socket.read(&mut inlet.bytes) {
            Ok(0) => return Part::Go(Happening::Finished),
            Ok(n) => {
                kit.moved += n;
                n
            }
            Err(error) if is_temporary(&error) => return Part::Wait,
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
