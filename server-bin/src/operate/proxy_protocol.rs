//! The PROXY protocol, versions 1 and 2: what a proxy sends before the client's first byte to say who the client is.
//!
//! [`read`] is a function of bytes alone. It never looks at more than one header has, so the bytes behind are the
//! client's. The text of the protocol is HAProxy's `doc/proxy-protocol.txt`; the sections below are its.
//!
//! A header is believed only when it comes from a proxy that is trusted ([`Trusted`]), and from such a one it is
//! required: else a client that reaches the proxy's port could speak as anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::log::Topic;
use crate::driver::preamble::{Opening, Preamble, Preface};

/// What begins a header of version 2. Section 2.2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What begins a header of version 1. Section 2.1.
const WORD: &[u8; 6] = b"PROXY ";
/// The longest line of version 1, with its CRLF. Section 2.1.
const LONGEST_LINE: usize = 107;
/// The most bytes behind the fixed part of version 2. Proxies send some hundred at most (TLVs); 65,535 are possible.
pub const MOST_BEHIND: usize = 4080;

/// Why the bytes are no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// They begin with neither version's signature.
    #[error(
        "there is no PROXY header before the request; is send-proxy missing in the proxy's configuration?"
    )]
    Missing,
    /// A line of version 1 that is not as section 2.1 says.
    #[error("the PROXY header of version 1 is malformed")]
    Line,
    /// A version, command, family or length that section 2.2 does not know.
    #[error("the PROXY header of version 2 is malformed")]
    Binary,
    /// More than [`MOST_BEHIND`] bytes are announced.
    #[error("the PROXY header of version 2 is longer than {MOST_BEHIND} bytes")]
    TooLong,
}

/// Reads the header that the first bytes of a connection are. It names no client for UNKNOWN, for LOCAL (a health check of
/// the proxy itself), and for families without IP addresses.
///
/// # Errors
///
/// [`Broken`], as soon as no further byte can make a header of them.
pub fn read(bytes: &[u8]) -> Result<Preface, Broken> {
    if begins_as(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins_as(bytes, WORD) {
        line(bytes)
    } else {
        Err(Broken::Missing)
    }
}

/// Whether the bytes begin with the signature, or are the beginning of it.
fn begins_as(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}

fn line(bytes: &[u8]) -> Result<Preface, Broken> {
    let window = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        let is_longer = window.len() == LONGEST_LINE;
        return if is_longer {
            Err(Broken::Line)
        } else {
            Ok(Preface::Incomplete)
        };
    };
    let text = std::str::from_utf8(&window[WORD.len()..end]).map_err(|_| Broken::Line)?;
    Ok(Preface::Whole {
        length: end + 2,
        source: client_of_line(text)?,
    })
}

/// Reads `TCP4 192.0.2.1 198.51.100.1 4242 80`.
fn client_of_line(text: &str) -> Result<Option<SocketAddr>, Broken> {
    let mut words = text.split(' ');
    let family = words.next();
    if family == Some("UNKNOWN") {
        // Whatever follows has to be ignored.
        return Ok(None);
    }
    let mut word = || words.next().ok_or(Broken::Line);
    let [source, destination, from, to] = [word()?, word()?, word()?, word()?];
    if words.next().is_some() {
        return Err(Broken::Line);
    }
    let address = |word: &str| match family {
        Some("TCP4") => word.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Broken::Line),
        Some("TCP6") => word.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Broken::Line),
        _ => Err(Broken::Line),
    };
    address(destination)?;
    port(to)?;
    Ok(Some(SocketAddr::new(address(source)?, port(from)?)))
}

/// Digits without a sign and without leading zeros.
fn port(word: &str) -> Result<u16, Broken> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain).ok_or(Broken::Line)
}

fn binary(bytes: &[u8]) -> Result<Preface, Broken> {
    let Some(&command) = bytes.get(12) else {
        return Ok(Preface::Incomplete);
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Broken::Binary),
    };
    let Some((fixed, behind)) = bytes.split_first_chunk::<16>() else {
        return Ok(Preface::Incomplete);
    };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > MOST_BEHIND {
        return Err(Broken::TooLong);
    }
    // The family and the protocol, and how long their addresses are; TLVs may follow.
    let addresses = match fixed[13] {
        0x11 => 12,
        0x21 => 36,
        0x00 | 0x12 | 0x22 => 0,
        // Unix sockets, whose path is not for us.
        0x31 | 0x32 => 0,
        _ if is_local => 0,
        _ => return Err(Broken::Binary),
    };
    if !is_local && length < addresses {
        return Err(Broken::Binary);
    }
    let Some(behind) = behind.get(..length) else {
        return Ok(Preface::Incomplete);
    };
    let source = if is_local || addresses == 0 {
        None
    } else {
        client_of_addresses(behind, addresses)
    };
    Ok(Preface::Whole {
        length: 16 + length,
        source,
    })
}

/// The source address, the destination address, and both ports. Section 2.2.
fn client_of_addresses(behind: &[u8], length: usize) -> Option<SocketAddr> {
    let ports = behind.get(length - 4..)?.first_chunk::<2>()?;
    let ip = match length {
        12 => IpAddr::from(*behind.first_chunk::<4>()?),
        _ => IpAddr::from(*behind.first_chunk::<16>()?),
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*ports)))
}

/// The addresses of proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted(Vec<Network>);

/// An address, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: u128,
    bits: u32,
}

/// Lets the PROXY protocol begin each connection.
#[derive(Debug)]
pub struct Required {
    trusted: Trusted,
    broken: Topic,
    refused: Topic,
}

impl Required {
    /// Takes connections from `trusted` proxies only, and says when a header is broken and when others connect.
    #[must_use]
    pub fn new(trusted: Trusted, broken: Topic, refused: Topic) -> Self {
        Self {
            trusted,
            broken,
            refused,
        }
    }
}

impl Preamble for Required {
    fn opening(&self, peer: Option<SocketAddr>) -> Opening {
        match peer {
            Some(peer) if !self.trusted.has(peer.ip()) => {
                let ip = peer.ip().to_canonical();
                self.refused
                    .say(|| format!("{ip} is closed at once: it is none of the trusted proxies"));
                Opening::Refused
            }
            _ => Opening::Preface,
        }
    }

    fn read(&self, bytes: &[u8]) -> Preface {
        read(bytes).unwrap_or_else(|broken| {
            self.broken
                .say(|| format!("a proxy's connection is closed: {broken}"));
            Preface::Broken
        })
    }
}

/// Where IPv4 addresses lie within IPv6: an IPv4 client of a socket for both families is the same client.
fn bits_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl Network {
    fn has(self, ip: IpAddr) -> bool {
        let differing = bits_of(ip) ^ self.base;
        self.bits == 0 || differing >> (128 - self.bits) == 0
    }
}

impl Trusted {
    /// Adds `10.0.0.0/8`, `::1`, or the like.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong with it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (ip, length) = match text.split_once('/') {
            Some((ip, length)) => (ip, Some(length)),
            None => (text, None),
        };
        let wrong = || format!("{text:?} is no network; write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32");
        let ip = IpAddr::from_str(ip).map_err(|_| wrong())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse::<u32>()
                .ok()
                .filter(|&length| length <= most)
                .ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
            None => most,
        };
        let network = Network {
            base: bits_of(ip),
            bits: 128 - most + length,
        };
        let mask = if network.bits == 0 {
            0
        } else {
            u128::MAX << (128 - network.bits)
        };
        if network.base & !mask != 0 {
            return Err(format!(
                "{text:?} has bits behind its first {length}; write the network's own address"
            ));
        }
        self.0.push(network);
        Ok(())
    }

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is.
    #[must_use]
    pub fn has(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(ip))
    }

    /// Returns the client that `X-Forwarded-For` names, as far as it can be believed.
    ///
    /// Each proxy appends the address that it got the request from, so the list is read from the right: the first address
    /// that is not a trusted proxy's is the client's. What stands to the left of it may be made up. With only trusted ones
    /// it is the leftmost; what is no address ends the list. A peer without an address, on a Unix socket, is trusted: its
    /// permissions say who can be one.
    #[must_use]
    pub fn client(&self, peer: Option<IpAddr>, forwarded_for: &[u8]) -> Option<IpAddr> {
        let mut client = peer;
        for entry in forwarded_for.rsplit(|&byte| byte == b',') {
            if client.is_some_and(|client| !self.has(client)) {
                break;
            }
            match address(entry.trim_ascii()) {
                Some(ip) => client = Some(ip),
                None => break,
            }
        }
        client
    }
}

impl FromStr for Trusted {
    type Err = String;

    /// Reads a list with commas between.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut trusted = Self::default();
        text.split(',').try_for_each(|each| trusted.add(each.trim()))?;
        Ok(trusted)
    }
}

/// `192.0.2.1`, `2001:db8::1`, and each with a port, as proxies write them.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let with_port = || SocketAddr::from_str(text).ok().map(|address| address.ip());
    IpAddr::from_str(bare)
        .ok()
        .or_else(with_port)
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests;
