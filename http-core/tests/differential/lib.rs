//! Other parsers behind one face: what each makes of the first head of a wire, of a chunked body, and of a connection.

mod ffi;
mod sansio;

pub use ffi::{PicoSlots, pico_chunked, pico_head, pico_length};
pub use sansio::{hoot, ureq_proto};

/// What a parser says about a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It takes it, and this is how it reads it.
    Takes(T),
    /// It refuses it.
    Refuses,
    /// It waits for more.
    Waits,
}

/// A head as a parser reads it, leading empty lines not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The method as it stands on the wire.
    pub method: String,
    /// The target as it stands on the wire.
    pub target: String,
    /// The minor version, 1 for all over 1.
    pub minor: u8,
    /// Names and values, blanks around the values stripped.
    pub fields: Vec<(String, Vec<u8>)>,
    /// What is left of the wire behind the head.
    pub rest: usize,
}

/// One request of a connection. http-muncher tells the method only after the whole input, so it is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The target as it stands on the wire.
    pub target: String,
    /// The data of the body.
    pub body: Vec<u8>,
    /// Whether its end was seen.
    pub ended: bool,
}

/// Field slots given to each parser.
pub const SLOTS: usize = 256;

/// Strips SP and HTAB from both sides.
#[must_use]
pub fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let from = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let to = value.iter().rposition(|b| !blank(b)).map_or(from, |at| at + 1);
    &value[from..to]
}

/// httparse as hyper uses it: a head from the beginning of the wire, with the defaults.
#[must_use]
pub fn httparse_head(wire: &[u8]) -> Verdict<Head> {
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut request = httparse::Request::new(&mut slots);
    match request.parse(wire) {
        Err(_) => Verdict::Refuses,
        Ok(httparse::Status::Partial) => Verdict::Waits,
        Ok(httparse::Status::Complete(len)) => Verdict::Takes(Head {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor: request.version.unwrap_or_default(),
            fields: request
                .headers
                .iter()
                .map(|h| (h.name.to_owned(), trim(h.value).to_vec()))
                .collect(),
            rest: wire.len() - len,
        }),
    }
}

/// httparse's chunk size: the size, and the length of its line.
#[must_use]
pub fn httparse_chunk_size(line: &[u8]) -> Verdict<(u64, usize)> {
    match httparse::parse_chunk_size(line) {
        Err(_) => Verdict::Refuses,
        Ok(httparse::Status::Partial) => Verdict::Waits,
        Ok(httparse::Status::Complete((len, size))) => Verdict::Takes((size, len)),
    }
}

/// Node's former http-parser over a whole connection: the requests it saw, and whether it refused what followed.
#[must_use]
pub fn http_parser(wire: &[u8]) -> (Vec<Request>, bool) {
    let mut parser = http_muncher::Parser::request();
    let mut notes = Notes::default();
    parser.parse(&mut notes, wire);
    (notes.0, parser.has_error())
}

/// How many bytes of a wire http-parser takes, told of nothing in it.
#[must_use]
pub fn http_parser_length(wire: &[u8]) -> usize {
    struct Deaf;
    impl http_muncher::ParserHandler for Deaf {}
    http_muncher::Parser::request().parse(&mut Deaf, wire)
}

/// The requests that http-parser reports.
#[derive(Default)]
struct Notes(Vec<Request>);

impl Notes {
    fn last(&mut self) -> &mut Request {
        if self.0.is_empty() {
            self.0.push(Request::default());
        }
        self.0.last_mut().expect("one was pushed")
    }
}

impl http_muncher::ParserHandler for Notes {
    fn on_message_begin(&mut self, _: &mut http_muncher::Parser) -> bool {
        self.0.push(Request::default());
        true
    }

    fn on_url(&mut self, _: &mut http_muncher::Parser, url: &[u8]) -> bool {
        self.last().target.push_str(&String::from_utf8_lossy(url));
        true
    }

    fn on_body(&mut self, _: &mut http_muncher::Parser, body: &[u8]) -> bool {
        self.last().body.extend_from_slice(body);
        true
    }

    fn on_message_complete(&mut self, _: &mut http_muncher::Parser) -> bool {
        self.last().ended = true;
        true
    }
}
