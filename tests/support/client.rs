//! A client that sends any bytes, in any pieces, and reads responses without trusting them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// A response as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `HTTP/1.1`, as the status line has it.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// Names as they were sent, values without the blanks around them.
    pub fields: Vec<(String, String)>,
    /// The body, its chunks put together.
    pub body: Vec<u8>,
}

impl Response {
    /// The first field of that name, whatever its case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// How many fields of that name there are.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.fields
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .count()
    }

    /// Whether it announces that the connection closes.
    #[must_use]
    pub fn says_close(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection to a server. No call waits longer than [`PATIENCE`] or the patience that was set.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    patience: Duration,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When the server does not take the connection.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server takes connections");
        Self::over(stream)
    }

    /// Takes a connection that is there already.
    ///
    /// # Panics
    ///
    /// When it refuses to send without delay.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        // Pieces are sent to arrive as pieces.
        stream
            .set_nodelay(true)
            .expect("a TCP connection sends without delay");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("writes get a deadline");
        Self {
            stream,
            buffer: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// The same with another patience for what comes back.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The connection itself.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes at once.
    ///
    /// # Errors
    ///
    /// When the server has closed the connection or does not read in time.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends bytes in pieces of a size, with a pause after each that lets the server see it alone.
    ///
    /// # Errors
    ///
    /// When the server has closed the connection or does not read in time.
    pub fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) -> io::Result<()> {
        for piece in bytes.as_ref().chunks(size) {
            self.stream.write_all(piece)?;
            thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Sends a request and reads its response: `exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")`.
    ///
    /// # Errors
    ///
    /// Whatever keeps a whole and well-formed response from arriving in time.
    pub fn exchange(&mut self, request: impl AsRef<[u8]>) -> io::Result<Response> {
        self.send(request.as_ref())?;
        self.response_to(request.as_ref().starts_with(b"HEAD "))
    }

    /// Reads the next response that may have a body.
    ///
    /// # Errors
    ///
    /// Whatever keeps a whole and well-formed response from arriving in time.
    pub fn response(&mut self) -> io::Result<Response> {
        self.response_to(false)
    }

    /// Reads the next response; one to HEAD has no body, whatever its fields say.
    ///
    /// # Errors
    ///
    /// Whatever keeps a whole and well-formed response from arriving in time.
    pub fn response_to(&mut self, head_request: bool) -> io::Result<Response> {
        let deadline = Instant::now() + self.patience;
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill(deadline)? {
                return Err(broken(
                    "the connection ended inside a response head",
                    &self.buffer,
                ));
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut response = parse_head(&head)?;
        if !head_request && !matches!(response.status, 100..=199 | 204 | 304) {
            response.body = self.body(&response, deadline)?;
        }
        Ok(response)
    }

    /// Reads until the server closes and answers everything that came.
    ///
    /// # Errors
    ///
    /// When the server does not close in time, or resets the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + self.patience;
        while self.fill(deadline)? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The bytes that have come and that no response was made of, also after an error.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether the server keeps silent, with the connection open, for that long.
    ///
    /// # Errors
    ///
    /// When the connection is reset.
    pub fn is_silent_for(&mut self, time: Duration) -> io::Result<bool> {
        if !self.buffer.is_empty() {
            return Ok(false);
        }
        match self.fill(Instant::now() + time) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(true),
            Err(error) => Err(error),
            Ok(_) => Ok(false),
        }
    }

    fn body(&mut self, response: &Response, deadline: Instant) -> io::Result<Vec<u8>> {
        match (
            response.field("transfer-encoding"),
            response.field("content-length"),
        ) {
            (Some(_), Some(_)) => Err(broken("a response with two framings", &self.buffer)),
            (Some("chunked"), None) => self.chunks(deadline),
            (Some(other), None) => Err(broken("an unknown transfer coding", other.as_bytes())),
            (None, Some(length)) => {
                let length = length
                    .parse()
                    .map_err(|_| broken("a bad Content-Length", length.as_bytes()))?;
                self.take(length, deadline)
            }
            (None, None) => self.rest(),
        }
    }

    fn chunks(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(deadline)?;
            let size = std::str::from_utf8(&line)
                .ok()
                .and_then(|line| usize::from_str_radix(line, 16).ok());
            let size = size.ok_or_else(|| broken("a bad chunk size", &line))?;
            if size == 0 {
                while !self.line(deadline)?.is_empty() {}
                return Ok(body);
            }
            body.append(&mut self.take(size, deadline)?);
            if !self.line(deadline)?.is_empty() {
                return Err(broken("no CRLF after a chunk", &body));
            }
        }
    }

    fn line(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                line.truncate(at);
                return Ok(line);
            }
            if !self.fill(deadline)? {
                return Err(broken("the connection ended inside a chunked body", &self.buffer));
            }
        }
    }

    fn take(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill(deadline)? {
                return Err(broken("the connection ended inside a body", &self.buffer));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads once; answers false at the end of the stream.
    fn fill(&mut self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        // A read timeout of zero would mean none.
        self.stream
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(true)
            }
            // Unix says WouldBlock where it means that the time is over.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(io::Error::new(
                ErrorKind::TimedOut,
                format!("waited in vain; have {}", show(&self.buffer)),
            )),
            Err(error) => Err(error),
        }
    }
}

fn parse_head(head: &[u8]) -> io::Result<Response> {
    let text = std::str::from_utf8(head).map_err(|_| broken("a head that is not text", head))?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let mut words = status_line.splitn(3, ' ');
    let version = words.next().filter(|version| version.starts_with("HTTP/1."));
    let status = words
        .next()
        .filter(|digits| digits.len() == 3)
        .and_then(|digits| digits.parse().ok());
    let (Some(version), Some(status)) = (version, status) else {
        return Err(broken("a bad status line", head));
    };
    let fields = lines.map(|line| {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| broken("a field line without colon", head))?;
        Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
    });
    Ok(Response {
        version: version.to_owned(),
        status,
        fields: fields.collect::<io::Result<_>>()?,
        body: Vec::new(),
    })
}

/// Where a sequence of bytes begins.
#[must_use]
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn broken(what: &str, bytes: &[u8]) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{what}: {}", show(bytes)))
}

/// The beginning of some bytes in a form that a terminal takes.
fn show(bytes: &[u8]) -> String {
    format!(
        "{} bytes \"{}\"",
        bytes.len(),
        bytes[..bytes.len().min(300)].escape_ascii()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A client of a server that says just this, whatever it is asked, and closes.
    fn told(bytes: &'static [u8]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.write_all(bytes).expect("the client reads");
            // The client's own end comes first, so that nothing is reset.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 16]);
        });
        Client::connect(address).patience(Duration::from_secs(5))
    }

    #[test]
    fn responses_end_by_length_by_chunks_or_with_the_connection() {
        let mut client = told(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \t a \r\n\r\nab\
              HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n",
        );
        assert_eq!(client.response().expect("an interim response").status, 100);
        let first = client.response().expect("a response");
        assert_eq!((first.text().as_str(), first.field("x")), ("ab", Some("a")));
        assert!(
            client.response().is_err(),
            "a server has no reason to send extensions, so none are read"
        );
        let mut client =
            told(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\nHTTP/1.0 404 N\r\n\r\nrest");
        assert_eq!(client.response().expect("a response").text(), "abc");
        let last = client.response().expect("a response");
        assert_eq!((last.status, last.text().as_str()), (404, "rest"));
        assert_eq!(client.rest().expect("the end"), b"");
    }

    #[test]
    fn what_came_before_a_reset_can_be_looked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut client = Client::connect(listener.local_addr().expect("an address"));
        client.send("never read").expect("it is taken");
        let (mut stream, _) = listener.accept().expect("a client");
        assert_eq!(stream.peek(&mut [0]).expect("it has come"), 1);
        stream.write_all(b"an answer").expect("the client reads");
        // To close with something unread is a reset.
        drop(stream);
        assert!(client.rest().is_err());
        assert_eq!(client.unread(), b"an answer");
    }

    #[test]
    fn malformed_responses_are_errors() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert!(told(bytes).response().is_err(), "{}", bytes.escape_ascii());
        }
    }
}
