//! What the fuzz targets assert. `server-bin/tests/fuzzed.rs` runs the same on stable, over the seeds and the inputs that once
//! failed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use server_bin::Preface;
use server_bin::operate::proxy_protocol::{MOST_BEHIND, read};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Any bytes as the header of a proxy: a judgement stands whatever follows, comes with the first byte that allows it, and names
/// the client that stands in the places of the protocol's text. A header that is written by that text is read as meant.
pub fn proxy_header(bytes: &[u8]) {
    judged(bytes);
    if let Some((address, extensions)) = bytes.split_first_chunk::<19>() {
        written(address, extensions);
    }
}

/// Beginnings are incomplete up to the judgement, and that one is the same from there on.
fn judged(bytes: &[u8]) {
    let judgement = read(bytes);
    let length = match judgement {
        Ok(Preface::Incomplete) => bytes.len() + 1,
        Ok(Preface::Whole { length, source }) => {
            assert!(length <= bytes.len(), "no more is used than there is");
            assert!(length <= 16 + MOST_BEHIND);
            assert_eq!(source, client_in(&bytes[..length]));
            length
        }
        Ok(Preface::Broken) => panic!("read says why"),
        Err(_) => {
            let cuts = 0..=bytes.len();
            let first = cuts.into_iter().find(|&cut| read(&bytes[..cut]).is_err());
            first.expect("the whole is broken")
        }
    };
    for cut in 0..=bytes.len() {
        let expected = if cut < length {
            Ok(Preface::Incomplete)
        } else {
            judgement
        };
        assert_eq!(read(&bytes[..cut]), expected, "the first {cut} bytes");
    }
}

/// The client that a whole header names, looked up where sections 2.1 and 2.2 of the protocol's text have it.
fn client_in(header: &[u8]) -> Option<SocketAddr> {
    if header.starts_with(SIGNATURE) {
        let behind = usize::from(u16::from_be_bytes([header[14], header[15]]));
        assert_eq!(header.len(), 16 + behind, "the header says how long it is");
        let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        return match (header[12], header[13]) {
            (0x21, 0x11) => {
                let ip: [u8; 4] = header[16..20].try_into().expect("four bytes");
                Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port(24)))
            }
            (0x21, 0x21) => {
                let ip: [u8; 16] = header[16..32].try_into().expect("sixteen bytes");
                Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port(48)))
            }
            (0x20 | 0x21, _) => None,
            (command, _) => panic!("command {command:#x} was taken"),
        };
    }
    let line = std::str::from_utf8(header).expect("version 1 is text");
    let line = line.strip_suffix("\r\n").expect("version 1 ends with CRLF");
    assert!(!line.contains("\r\n") && header.len() <= 107, "{line:?}");
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, from_port, to_port] => {
            let ip: IpAddr = from.parse().expect("an address");
            let other: IpAddr = to.parse().expect("an address");
            assert!(ip.is_ipv4() == (family == "TCP4") && other.is_ipv4() == ip.is_ipv4());
            for port in [from_port, to_port] {
                assert_eq!(port.parse::<u16>().map(|n| n.to_string()).as_deref(), Ok(port));
            }
            Some(SocketAddr::new(ip, from_port.parse().expect("a port")))
        }
        _ => panic!("{line:?} was taken"),
    }
}

/// Writes a header of each version for an address made of these bytes, and reads it.
fn written(address: &[u8; 19], extensions: &[u8]) {
    let [kind, ip @ .., high, low] = *address;
    let port = u16::from_be_bytes([high, low]);
    let (ip, places) = match kind % 2 {
        0 => (IpAddr::from([ip[0], ip[1], ip[2], ip[3]]), ip[..4].to_vec()),
        _ => (IpAddr::from(ip), ip.to_vec()),
    };
    let client = Some(SocketAddr::new(ip, port));

    let family = if ip.is_ipv4() { "TCP4" } else { "TCP6" };
    let line = format!("PROXY {family} {ip} {ip} {port} 80\r\n");
    let whole = |length| {
        Ok(Preface::Whole {
            length,
            source: client,
        })
    };
    assert_eq!(read(line.as_bytes()), whole(line.len()), "{line:?}");

    let extensions = &extensions[..extensions.len().min(MOST_BEHIND - 36)];
    let behind = [&places, &places, &port.to_be_bytes()[..], &[0, 80], extensions].concat();
    let length = u16::try_from(behind.len()).expect("a short header");
    let family = if ip.is_ipv4() { 0x11 } else { 0x21 };
    let header = [&SIGNATURE[..], &[0x21, family], &length.to_be_bytes(), &behind].concat();
    assert_eq!(read(&header), whole(header.len()), "{header:?}");
}
