//! From a line to text: the combined format of Apache and nginx, or JSON.
//!
//! Both are made so that no client can forge a line or steer a terminal: quotes, backslashes, controls and, in the
//! combined format, all bytes beyond ASCII are escaped.

use std::io::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::SystemTime;

use http_core::Version;

use super::civil::Civil;
use crate::handler::{End, Outcome};

/// How a line of the access log looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// `127.0.0.1 - - [28/Nov/2026:16:26:32 +0000] "GET / HTTP/1.1" 200 13 "-" "curl/8.5.0"`.
    ///
    /// `rule=NAME` follows when the request broke a rule of the protocol, `end=WORD` when its response was not sent to
    /// its end. A status of 000 says that there was no response.
    #[default]
    Combined,
    /// An object a line, with the time taken too.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "combined" => Ok(Self::Combined),
            "json" => Ok(Self::Json),
            _ => Err("a format is combined or json".into()),
        }
    }
}

/// The time of a batch of lines, spelled once for all of them.
pub(super) struct Stamp {
    format: Format,
    text: String,
}

impl Stamp {
    pub(super) fn new(format: Format, time: SystemTime) -> Self {
        let civil = Civil::of(time);
        let text = match format {
            Format::Combined => civil.common(),
            Format::Json => civil.rfc3339(),
        };
        Self { format, text }
    }

    /// Appends the line and its line feed.
    pub(super) fn write(&self, line: &Outcome<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Combined => combined(line, &self.text, out),
            Format::Json => json(line, &self.text, out),
        }
        out.push(b'\n');
    }
}

/// The word for an end in logs.
const fn word(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::PeerGone => "peer-gone",
        End::TimedOut => "timed-out",
        End::Failed => "failed",
        End::Stopped => "cut-off",
    }
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

fn combined(line: &Outcome<'_>, time: &str, out: &mut Vec<u8>) {
    match line.peer {
        Some(peer) => put(out, format_args!("{}", peer.ip().to_canonical())),
        None => out.extend_from_slice(b"unix:"),
    }
    put(out, format_args!(" - - [{time}] \""));
    escape_ascii(line.method, out);
    if !line.target.is_empty() {
        out.push(b' ');
        escape_ascii(line.target, out);
    }
    if let Some(number) = line.version {
        put(out, format_args!(" {}", version(number)));
    }
    put(out, format_args!("\" {:03} {} \"", line.status, line.bytes));
    escape_ascii(or_dash(line.referer), out);
    out.extend_from_slice(b"\" \"");
    escape_ascii(or_dash(line.user_agent), out);
    out.push(b'"');
    if let Some(rule) = line.rule {
        put(out, format_args!(" rule={}", rule.name()));
    }
    if line.end != End::Complete {
        put(out, format_args!(" end={}", word(line.end)));
    }
}

fn or_dash(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"-" } else { text }
}

fn json(line: &Outcome<'_>, time: &str, out: &mut Vec<u8>) {
    put(out, format_args!("{{\"time\":\"{time}\",\"peer\":\""));
    if let Some(peer) = line.peer {
        match SocketAddr::new(peer.ip().to_canonical(), peer.port()) {
            // A proxy has named the client, and not its port.
            named if named.port() == 0 => put(out, format_args!("{}", named.ip())),
            peer => put(out, format_args!("{peer}")),
        }
    }
    for (name, text) in [("method", line.method), ("target", line.target)] {
        member(name, text, out);
    }
    member("version", line.version.map_or("", version).as_bytes(), out);
    put(
        out,
        format_args!(
            "\",\"status\":{},\"bytes\":{},\"seconds\":{}.{:06},\"referer\":\"",
            line.status,
            line.bytes,
            line.time.as_secs(),
            line.time.subsec_micros()
        ),
    );
    escape_json(line.referer, out);
    member("user_agent", line.user_agent, out);
    member("rule", line.rule.map_or("", |rule| rule.name()).as_bytes(), out);
    member("end", word(line.end).as_bytes(), out);
    out.extend_from_slice(b"\"}");
}

/// Ends the string before, and begins the next one.
fn member(name: &str, text: &[u8], out: &mut Vec<u8>) {
    put(out, format_args!("\",\"{name}\":\""));
    escape_json(text, out);
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes everything.
    let _ = out.write_fmt(text);
}

/// Quotes and backslashes get a backslash, whatever is not printable ASCII becomes `\xHH`.
pub(super) fn escape_ascii(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => put(out, format_args!("\\x{byte:02x}")),
        }
    }
}

/// UTF-8 stays, but for controls; what is not UTF-8 becomes U+FFFD. RFC 8259 section 7.
fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    for each in String::from_utf8_lossy(text).chars() {
        match each {
            '"' | '\\' => out.extend_from_slice(&[b'\\', each as u8]),
            // U+2028 and U+2029 end lines for some readers, and those that turn the direction of writing hide things.
            _ if each.is_control() || matches!(each, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                put(out, format_args!("\\u{:04x}", u32::from(each)));
            }
            _ => out.extend_from_slice(each.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_core::Rule;
    use proptest::prelude::*;
    use std::time::Duration;

    /// The outcome of a request of which nothing is known.
    const UNKNOWN: Outcome<'static> = Outcome {
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

    fn text(format: Format, line: &Outcome<'_>) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_883_192_007);
        let mut out = Vec::new();
        Stamp::new(format, time).write(line, &mut out);
        String::from_utf8(out).expect("a line is UTF-8")
    }

    fn usual() -> Outcome<'static> {
        Outcome {
            peer: Some(([127, 0, 0, 1], 4242).into()),
            method: b"GET",
            target: b"/a?b",
            version: Some(Version::Http11),
            user_agent: b"curl/8.5.0",
            status: 200,
            bytes: 13,
            time: Duration::from_micros(1_000_123),
            ..UNKNOWN
        }
    }

    #[test]
    fn a_usual_line_looks_as_other_servers_write_it() {
        assert_eq!(
            text(Format::Combined, &usual()),
            "127.0.0.1 - - [28/Nov/2026:16:26:32 +0000] \"GET /a?b HTTP/1.1\" 200 13 \"-\" \"curl/8.5.0\"\n"
        );
        assert_eq!(
            text(Format::Json, &usual()),
            "{\"time\":\"2026-11-28T16:26:32.007Z\",\"peer\":\"127.0.0.1:4242\",\"method\":\"GET\",\"target\":\"/a?b\",\
             \"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":13,\"seconds\":1.000123,\"referer\":\"\",\
             \"user_agent\":\"curl/8.5.0\",\"rule\":\"\",\"end\":\"complete\"}\n"
        );
    }

    #[test]
    fn a_refusal_names_its_rule_and_a_response_that_was_cut_its_end() {
        let refused = Outcome {
            status: 400,
            rule: Some(Rule::BareLf),
            ..UNKNOWN
        };
        let line = text(Format::Combined, &refused);
        assert!(
            line.starts_with("unix: - - [") && line.contains("\"\" 400 0 \"-\" \"-\" rule=BareLf\n"),
            "{line}"
        );
        assert!(text(Format::Json, &refused).contains("\"rule\":\"BareLf\""));
        let cut = Outcome {
            end: End::PeerGone,
            status: 0,
            ..usual()
        };
        assert!(text(Format::Combined, &cut).ends_with(" 000 13 \"-\" \"curl/8.5.0\" end=peer-gone\n"));
    }

    #[test]
    fn an_ipv4_client_of_a_socket_for_both_families_is_one() {
        let mapped = Outcome {
            peer: Some("[::ffff:192.0.2.7]:80".parse().expect("an address")),
            ..usual()
        };
        assert!(text(Format::Combined, &mapped).starts_with("192.0.2.7 - - "));
        assert!(text(Format::Json, &mapped).contains("\"peer\":\"192.0.2.7:80\""));
    }

    /// Reads a string behind its first quote as the combined format is documented, and returns what is behind it.
    fn unquote(text: &str) -> (Vec<u8>, &str) {
        let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
        loop {
            match (bytes[at], bytes.get(at + 1)) {
                (b'"', _) => return (out, &text[at + 1..]),
                (b'\\', Some(b'x')) => {
                    out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).expect("two digits"));
                    at += 4;
                }
                (b'\\', Some(next)) => {
                    out.push(*next);
                    at += 2;
                }
                (byte, _) => {
                    assert!((b' '..=b'~').contains(&byte), "{text}");
                    out.push(byte);
                    at += 1;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_byte_of_a_combined_line_is_read_back(
            target in proptest::collection::vec(any::<u8>(), 1..60),
            agent in proptest::collection::vec(any::<u8>(), 1..60),
        ) {
            let line = text(Format::Combined, &Outcome { target: &target, user_agent: &agent, ..usual() });
            prop_assert_eq!(line.lines().count(), 1);
            let (_, rest) = line.split_once('"').expect("a request line");
            let (request, rest) = unquote(rest);
            prop_assert_eq!(request, [b"GET ", &target[..], b" HTTP/1.1"].concat());
            let rest = rest.strip_prefix(" 200 13 \"-\" \"").expect("what follows");
            prop_assert_eq!(unquote(rest), (agent, "\n"));
        }

        #[test]
        fn every_text_of_a_json_line_is_read_back(target in any::<String>(), agent in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = text(Format::Json, &Outcome { target: target.as_bytes(), user_agent: &agent, ..usual() });
            prop_assert!(line.trim_end().chars().all(|each| !each.is_control()), "{}", line);
            let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(read["target"].as_str(), Some(&target[..]));
            let agent = String::from_utf8_lossy(&agent);
            prop_assert_eq!(read["user_agent"].as_str(), Some(&*agent));
            prop_assert_eq!(read["status"].as_u64(), Some(200));
        }
    }
}
