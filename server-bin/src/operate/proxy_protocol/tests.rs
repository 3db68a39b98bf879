//! Headers as real proxies send them, every cut of them, and whatever else may come.

use super::*;
use proptest::prelude::*;

fn whole(bytes: &[u8]) -> (usize, Option<SocketAddr>) {
    match read(bytes) {
        Ok(Preface::Whole { length, source }) => (length, source),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn version_2(command: u8, family: u8, behind: &[u8]) -> Vec<u8> {
    let length = u16::try_from(behind.len()).expect("a short header").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, behind].concat()
}

/// Each header, and the client that it names.
fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0x10, 0x92, 0, 80];
    let mut v6 = [0; 36];
    v6[..2].copy_from_slice(&[0x20, 0x01]);
    v6[15] = 7;
    v6[32..].copy_from_slice(&[0x10, 0x92, 0, 80]);
    let with_tlv = [&v4[..], &[0x20, 0, 3, 1, 2, 3]].concat();
    vec![
        (
            b"PROXY TCP4 192.0.2.1 198.51.100.1 4242 80\r\n".to_vec(),
            Some("192.0.2.1:4242"),
        ),
        (
            b"PROXY TCP6 2001::7 ::1 4242 80\r\n".to_vec(),
            Some("[2001::7]:4242"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f...f:ffff whatever 1 2 3\r\n".to_vec(), None),
        (version_2(0x21, 0x11, &v4), Some("192.0.2.1:4242")),
        (version_2(0x21, 0x11, &with_tlv), Some("192.0.2.1:4242")),
        (version_2(0x21, 0x21, &v6), Some("[2001::7]:4242")),
        (version_2(0x20, 0x00, b""), None),
        (version_2(0x20, 0x11, &v4), None),
        (version_2(0x21, 0x00, b"tlv"), None),
        (version_2(0x21, 0x31, &[b'/'; 216]), None),
    ]
}

#[test]
fn a_header_names_its_client_and_leaves_what_is_behind_it() {
    for (header, client) in headers() {
        let client = client.map(|client| client.parse().expect("an address"));
        let request = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(
            whole(&header),
            (header.len(), client),
            "{}",
            header.escape_ascii()
        );
        assert_eq!(
            whole(&request),
            (header.len(), client),
            "{}",
            header.escape_ascii()
        );
    }
}

#[test]
fn every_beginning_of_a_header_is_incomplete() {
    for (header, _) in headers() {
        for cut in 0..header.len() {
            assert_eq!(
                read(&header[..cut]),
                Ok(Preface::Incomplete),
                "{}",
                header[..cut].escape_ascii()
            );
        }
    }
}

#[test]
fn what_is_no_header_is_refused_at_the_first_byte_that_shows_it() {
    let v4 = [0; 12];
    for (bytes, broken) in [
        (&b"GET / HTTP/1.1\r\n"[..], Broken::Missing),
        (b"PROXX", Broken::Missing),
        (b"\r\n\r\nG", Broken::Missing),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 4242\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 4242 80 9\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1  198.51.100.1 4242 80\r\n", Broken::Line),
        (b"PROXY TCP4 ::1 198.51.100.1 4242 80\r\n", Broken::Line),
        (b"PROXY TCP6 192.0.2.1 ::1 4242 80\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 65536 80\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 80\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 080\r\n", Broken::Line),
        (b"PROXY TCP4 192.0.2.1 nobody 1 80\r\n", Broken::Line),
        (b"PROXY UDP4 192.0.2.1 198.51.100.1 1 80\r\n", Broken::Line),
        (b"PROXY \r\n", Broken::Line),
        (b"PROXY TCP4 \xff\xff\r\n", Broken::Line),
        (&version_2(0x11, 0x11, &v4), Broken::Binary),
        (&version_2(0x22, 0x11, &v4), Broken::Binary),
        (&version_2(0x21, 0x41, &v4), Broken::Binary),
        (&version_2(0x21, 0x11, &v4[1..]), Broken::Binary),
        (&version_2(0x21, 0x21, &v4), Broken::Binary),
        (
            &version_2(0x21, 0x11, &vec![0; MOST_BEHIND + 1])[..16],
            Broken::TooLong,
        ),
        (&[b"PROXY ", &[b'x'; 101][..]].concat(), Broken::Line),
    ] {
        assert_eq!(read(bytes), Err(broken), "{}", bytes.escape_ascii());
    }
}

/// Bytes that are near to a header.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let headers: Vec<Vec<u8>> = headers().into_iter().map(|(header, _)| header).collect();
    let changed = (proptest::sample::select(headers), any::<(u16, u8, u16)>()).prop_map(
        |(mut header, (at, byte, cut))| {
            let at = usize::from(at) % header.len();
            header[at] = byte;
            header.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            header.truncate(usize::from(cut) % (header.len() + 1));
            header
        },
    );
    prop_oneof![changed, proptest::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// No panic, no more consumed than there is, and a judgement that no further byte changes.
    #[test]
    fn a_judgement_stands_whatever_follows(bytes in nearly(), more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let judged = read(&bytes);
        let longer = [&bytes[..], &more].concat();
        match judged {
            Ok(Preface::Incomplete) => {}
            Ok(Preface::Whole { length, .. }) => {
                prop_assert!(length <= bytes.len());
                prop_assert_eq!(read(&longer), judged);
                for cut in 0..length {
                    prop_assert_eq!(read(&bytes[..cut]), Ok(Preface::Incomplete));
                }
            }
            Ok(Preface::Broken) => prop_assert!(false, "read says why"),
            Err(_) => prop_assert_eq!(read(&longer), judged),
        }
    }

    #[test]
    fn an_address_belongs_to_a_network_by_its_first_bits(ip: [u8; 4], other: [u8; 4], length in 0..=32u32) {
        let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
        let [ip, other] = [ip, other].map(Ipv4Addr::from);
        let network = Ipv4Addr::from(u32::from(ip) & mask);
        let trusted: Trusted = format!("{network}/{length}").parse().expect("a network");
        prop_assert!(trusted.has(ip.into()) && trusted.has(ip.to_ipv6_mapped().into()));
        prop_assert_eq!(trusted.has(other.into()), u32::from(ip) & mask == u32::from(other) & mask);
    }

    #[test]
    fn a_forwarded_list_of_any_bytes_names_some_address(list: Vec<u8>) {
        let trusted: Trusted = "0.0.0.0/0".parse().expect("a network");
        prop_assert!(trusted.client(Some(Ipv4Addr::LOCALHOST.into()), &list).is_some());
    }
}

#[test]
fn a_network_that_is_none_is_named() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "::/129",
        "host",
        "10.0.0.1/8",
        "1.2.3/8",
    ] {
        let error = text.parse::<Trusted>().expect_err(text);
        assert!(error.contains(text), "{text}: {error}");
    }
    let trusted: Trusted = "10.0.0.0/8, 2001:db8::/32,192.0.2.7".parse().expect("a list");
    for (ip, has) in [
        ("10.1.2.3", true),
        ("11.0.0.0", false),
        ("2001:db8::9", true),
        ("192.0.2.8", false),
    ] {
        assert_eq!(trusted.has(ip.parse().expect("an address")), has, "{ip}");
    }
    assert!(
        !"10.0.0.0/8"
            .parse::<Trusted>()
            .expect("a network")
            .has("::a00:1".parse().expect("an address"))
    );
}

#[test]
fn the_client_is_the_rightmost_that_is_no_trusted_proxy() {
    let trusted: Trusted = "10.0.0.0/8".parse().expect("a network");
    for (peer, list, client) in [
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1:4242,10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::1]:4242", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        // Who is no proxy is not believed, whatever it says.
        ("192.0.2.9", "10.0.0.1, 127.0.0.1", "192.0.2.9"),
    ] {
        let ip = trusted.client(Some(peer.parse().expect("an address")), list.as_bytes());
        assert_eq!(
            ip.map(|ip| ip.to_string()).as_deref(),
            Some(client),
            "{peer}, {list}"
        );
    }
    // On a Unix socket.
    let client = trusted.client(None, b"6.6.6.6, 192.0.2.1");
    assert_eq!(client, Some("192.0.2.1".parse().expect("an address")));
    assert_eq!(trusted.client(None, b""), None);
}
