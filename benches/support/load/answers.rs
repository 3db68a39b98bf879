//! Finds answers in a stream of bytes, and checks each: its status, and the length of its body.

use std::io;

use memchr::memmem;

/// The longest head that is still taken for one.
const LONGEST_HEAD: usize = 64 * 1024;

/// What a right answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The status code.
    pub status: u16,
    /// How many bytes the body has; `None` where any length is right.
    pub length: Option<u64>,
}

/// Where in an answer the next byte belongs.
enum Part {
    /// In a head, of which these bytes have come.
    Head(Vec<u8>),
    /// In a body, of which so many bytes are to come.
    Body(u64),
}

/// The answers of one connection.
pub struct Answers(Part);

impl Default for Answers {
    fn default() -> Self {
        Self(Part::Head(Vec::new()))
    }
}

impl Answers {
    /// Takes what has come, and returns how many answers are complete with it.
    ///
    /// # Errors
    ///
    /// When an answer is not as `expected`; it says in which way.
    pub fn take(&mut self, mut bytes: &[u8], expected: Expected) -> io::Result<usize> {
        let mut complete = 0;
        while !bytes.is_empty() {
            match &mut self.0 {
                Part::Body(left) => {
                    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    bytes = &bytes[taken..];
                }
                Part::Head(begun) => {
                    let Some((length, taken)) = head(begun, bytes, expected)? else {
                        begun.extend_from_slice(bytes);
                        return Ok(complete);
                    };
                    self.0 = Part::Body(length);
                    bytes = &bytes[taken..];
                }
            }
            if matches!(self.0, Part::Body(0)) {
                self.0 = Part::Head(Vec::new());
                complete += 1;
            }
        }
        Ok(complete)
    }
}

/// Returns the length of the body, and how many of `bytes` belong to the head; `None` if its end is not among them.
fn head(begun: &[u8], bytes: &[u8], expected: Expected) -> io::Result<Option<(u64, usize)>> {
    if begun.is_empty() {
        return match memmem::find(bytes, b"\r\n\r\n") {
            Some(end) => Ok(Some((judge(&bytes[..end + 2], expected)?, end + 4))),
            None => Ok(None),
        };
    }
    let whole = [begun, bytes].concat();
    match memmem::find(&whole, b"\r\n\r\n") {
        Some(end) => Ok(Some((judge(&whole[..end + 2], expected)?, end + 4 - begun.len()))),
        None if whole.len() > LONGEST_HEAD => Err(io::Error::other("a head without an end")),
        None => Ok(None),
    }
}

/// Returns the length of the body that follows this head.
fn judge(head: &[u8], expected: Expected) -> io::Result<u64> {
    let status = head
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|text| text.parse().ok());
    if !head.starts_with(b"HTTP/1.1 ") || status != Some(expected.status) {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default());
        return Err(io::Error::other(format!(
            "«{line}» instead of the status {}",
            expected.status
        )));
    }
    if matches!(expected.status, 204 | 304) {
        return Ok(0);
    }
    let length = content_length(head).ok_or_else(|| io::Error::other("an answer without Content-Length"))?;
    match expected.length {
        Some(right) if right != length => Err(io::Error::other(format!(
            "a body of {length} bytes instead of {right}"
        ))),
        _ => Ok(length),
    }
}

fn content_length(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef";
    const RIGHT: Expected = Expected {
        status: 200,
        length: Some(3),
    };

    #[test]
    fn two_answers_are_counted_wherever_the_bytes_are_cut() {
        for cut in 0..=TWO.len() {
            let mut answers = Answers::default();
            let first = answers.take(&TWO[..cut], RIGHT).expect("right so far");
            let rest = answers.take(&TWO[cut..], RIGHT).expect("right to the end");
            assert_eq!(first + rest, 2, "cut at {cut}");
        }
    }

    #[test]
    fn another_status_and_another_length_are_errors() {
        let wrong = [
            Expected {
                status: 404,
                length: None,
            },
            Expected {
                status: 200,
                length: Some(4),
            },
        ];
        assert!(
            wrong
                .iter()
                .all(|expected| Answers::default().take(TWO, *expected).is_err())
        );
    }

    #[test]
    fn a_304_has_no_body_whatever_its_length_says() {
        let wire = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1024\r\n\r\n".repeat(2);
        let expected = Expected {
            status: 304,
            length: None,
        };
        assert_eq!(Answers::default().take(&wire, expected).expect("right"), 2);
    }
}
