//! One request as the worker copies it and as the writer reads it: a few numbers of fixed size, and the texts behind.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http_core::{Rule, Version};

use crate::handler::{End, MAX_TEXT, Outcome};

/// Every way to end, in the order of their numbers in a batch.
const ENDS: [End; 5] = [
    End::Complete,
    End::PeerGone,
    End::TimedOut,
    End::Failed,
    End::Stopped,
];

/// The number of an end in [`ENDS`].
#[inline]
const fn number(end: End) -> u8 {
    match end {
        End::Complete => 0,
        End::PeerGone => 1,
        End::TimedOut => 2,
        End::Failed => 3,
        End::Stopped => 4,
    }
}

/// The word for it in logs and metrics.
pub(super) const fn word(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::PeerGone => "peer-gone",
        End::TimedOut => "timed-out",
        End::Failed => "failed",
        End::Stopped => "cut-off",
    }
}

/// The most bytes of a method that are kept. No longer one is accepted.
const MOST_METHOD: usize = 32;
/// Bytes before the texts.
const FIXED: usize = 48;
/// The most bytes that one line takes.
pub(super) const MOST: usize = FIXED + MOST_METHOD + 3 * MAX_TEXT;

/// The first `most` bytes.
#[inline]
fn cap(text: &[u8], most: usize) -> &[u8] {
    &text[..text.len().min(most)]
}

/// Writes an outcome to the beginning of `room`, and returns how long it is there; nothing when it finds no room. [`MOST`] bytes
/// are enough for any.
#[inline]
pub(super) fn put(outcome: &Outcome<'_>, room: &mut [u8]) -> Option<usize> {
    let method = cap(outcome.method, MOST_METHOD);
    let [target, referer, agent] =
        [outcome.target, outcome.referer, outcome.user_agent].map(|text| cap(text, MAX_TEXT));
    let (fixed, texts) = room.split_first_chunk_mut::<FIXED>()?;
    let (family, address, port) = match outcome.peer {
        None => (0, [0; 16], 0),
        Some(SocketAddr::V4(peer)) => (4, peer.ip().to_ipv6_mapped().octets(), peer.port()),
        Some(SocketAddr::V6(peer)) => (6, peer.ip().octets(), peer.port()),
    };
    let version = match outcome.version {
        None => 0,
        Some(Version::Http10) => 1,
        Some(Version::Http11) => 2,
    };
    let rule = outcome.rule.map_or(0, |rule| rule as u8 + 1);
    let micros = outcome.time.as_secs().min(4000) as u32 * 1_000_000 + outcome.time.subsec_micros();
    fixed[..16].copy_from_slice(&address);
    fixed[16..24].copy_from_slice(&outcome.bytes.to_ne_bytes());
    fixed[24..28].copy_from_slice(&micros.to_ne_bytes());
    fixed[28..30].copy_from_slice(&port.to_ne_bytes());
    fixed[30..32].copy_from_slice(&outcome.status.to_ne_bytes());
    fixed[32..34].copy_from_slice(&(target.len() as u16).to_ne_bytes());
    fixed[34..36].copy_from_slice(&(referer.len() as u16).to_ne_bytes());
    fixed[36..38].copy_from_slice(&(agent.len() as u16).to_ne_bytes());
    fixed[38..43].copy_from_slice(&[method.len() as u8, family, version, rule, number(outcome.end)]);
    let mut at = 0;
    for text in [method, target, referer, agent] {
        // Most requests have no Referer, and copying nothing costs a call.
        if !text.is_empty() {
            texts.get_mut(at..at + text.len())?.copy_from_slice(text);
            at += text.len();
        }
    }
    Some(FIXED + at)
}

/// Reads the outcome that stands first, and returns what is behind it; nothing when the batch ends within.
pub(super) fn take(batch: &[u8]) -> Option<(Outcome<'_>, &[u8])> {
    let (fixed, texts) = batch.split_first_chunk::<FIXED>()?;
    let short = |at: usize| u16::from_ne_bytes([fixed[at], fixed[at + 1]]);
    let [method, family, version, rule, end] = [38, 39, 40, 41, 42].map(|at| fixed[at]);
    let address = Ipv6Addr::from(*fixed.first_chunk::<16>()?);
    let ip = match family {
        0 => None,
        4 => Some(address.to_canonical()),
        _ => Some(IpAddr::V6(address)),
    };
    let (method, texts) = texts.split_at_checked(method.into())?;
    let (target, texts) = texts.split_at_checked(short(32).into())?;
    let (referer, texts) = texts.split_at_checked(short(34).into())?;
    let (user_agent, rest) = texts.split_at_checked(short(36).into())?;
    let outcome = Outcome {
        peer: ip.map(|ip| SocketAddr::new(ip, short(28))),
        method,
        target,
        version: [None, Some(Version::Http10), Some(Version::Http11)][usize::from(version.min(2))],
        referer,
        user_agent,
        status: short(30),
        bytes: u64::from_ne_bytes(*fixed[16..].first_chunk()?),
        time: Duration::from_micros(u32::from_ne_bytes(*fixed[24..].first_chunk()?).into()),
        rule: Rule::ALL.get(usize::from(rule).wrapping_sub(1)).copied(),
        end: ENDS.get(usize::from(end)).copied().unwrap_or(End::Failed),
    };
    Some((outcome, rest))
}

/// The outcome of a request of which nothing is known.
#[cfg(test)]
pub(super) const UNKNOWN: Outcome<'static> = Outcome {
    peer: None,
    method: b"",
    target: b"",
    version: None,
    referer: b"",
    user_agent: b"",
    status: 0,
    bytes: 0,
    time: Duration::ZERO,
    rule: None,
    end: End::Complete,
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // A byte holds the number of every rule, and none.
    const _: () = assert!(Rule::ALL.len() < 255);

    fn peers() -> impl Strategy<Value = Option<SocketAddr>> {
        prop_oneof![
            Just(None),
            any::<([u8; 4], u16)>().prop_map(|peer| Some(peer.into())),
            any::<([u16; 8], u16)>().prop_map(|peer| Some(peer.into())),
        ]
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..1500)
    }

    proptest! {
        #[test]
        fn a_line_is_read_back_as_it_was_put_but_for_what_is_too_long(
            (peer, method, target, referer) in (peers(), texts(), texts(), texts()),
            (status, bytes, micros) in (any::<u16>(), any::<u64>(), 0..4_000_000_000u32),
            (version, rule, end) in (0..3usize, 0..=Rule::ALL.len(), 0..5usize),
        ) {
            let line = Outcome {
                peer, method: &method, target: &target, referer: &referer, user_agent: b"agent",
                version: [None, Some(Version::Http10), Some(Version::Http11)][version],
                status, bytes, time: Duration::from_micros(micros.into()),
                rule: Rule::ALL.get(rule).copied(), end: ENDS[end],
            };
            let mut batch = vec![0; 2 * MOST];
            let length = put(&line, &mut batch).expect("room");
            prop_assert_eq!(put(&line, &mut batch[length..]), Some(length));
            prop_assert_eq!(put(&line, &mut batch[..length - 1]), None);
            put(&line, &mut batch).expect("room");
            batch.truncate(2 * length);
            let capped = Outcome {
                method: cap(&method, MOST_METHOD), target: cap(&target, MAX_TEXT), referer: cap(&referer, MAX_TEXT),
                // What came as an IPv4 address within IPv6 stays one.
                ..line
            };
            let (first, rest) = take(&batch).expect("a line");
            prop_assert_eq!(first, capped);
            let (second, rest) = take(rest).expect("a line");
            prop_assert_eq!((second, rest), (capped, &b""[..]));
        }

        #[test]
        fn whatever_stands_in_a_batch_is_read_without_a_panic(bytes in texts()) {
            let mut rest = &bytes[..];
            while let Some((_, behind)) = take(rest) {
                prop_assert!(behind.len() < rest.len());
                rest = behind;
            }
        }
    }
}
