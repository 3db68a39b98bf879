//! The built-in demonstration: one route for each way to answer.

mod later;
mod live;
mod sample;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_core::{FieldLine, Head, Method, Name, ResponseHead};
use percent_encoding::percent_decode;

use crate::Counters;
use crate::handler::{BodySource, Context, Decision, Handler, Methods, Prepared, Pulled, Reply, plain};
use later::Later;
use live::{Count, Live};

/// Checked when the program is built, so that writing it is a copy.
const CONTENT_TYPE: Name = Name::from_static("content-type");
const PLAIN: FieldLine = FieldLine::from_static("content-type: text/plain");
const EVENTS: FieldLine = FieldLine::from_static("content-type: text/event-stream");
const NO_STORE: FieldLine = FieldLine::from_static("cache-control: no-store");
const JSON: FieldLine = FieldLine::from_static("content-type: application/json");
/// The most that a request may send to be echoed.
const MAX_ECHO: u64 = 1024 * 1024;
/// The longest that `/slow` waits.
const MAX_SLOW: u64 = 60_000;
/// The most lines that `/stream` sends.
const MAX_LINES: u64 = 100_000_000;

/// About how many bytes of lines are made at a time.
const PAGE: usize = 16 * 1024;

/// Answers the demonstration's routes.
#[derive(Debug)]
pub struct Demo {
    later: Arc<Later>,
    live: Arc<Live>,
    /// The answers that are always the same.
    plaintext: Arc<Prepared>,
    json: Arc<Prepared>,
    /// What this clone, and with it its worker, has counted.
    count: Count,
}

impl Demo {
    /// Makes the handler, and starts the threads that answer `/slow`, `/` and `/live`.
    ///
    /// # Errors
    ///
    /// When the system has no thread or no descriptors left for them.
    pub fn new() -> io::Result<Self> {
        let live = Live::start()?;
        Ok(Self {
            later: Arc::new(Later::start()?),
            plaintext: prepared(PLAIN, b"Hello, World!")?,
            json: prepared(JSON, b"{\"message\":\"Hello, World!\"}")?,
            count: live.count(),
            live,
        })
    }

    /// Shows what these counters read on `/`: those of the server that it answers for.
    pub fn show(&self, counters: Counters) {
        self.live.show(counters);
    }
}

impl Clone for Demo {
    fn clone(&self) -> Self {
        Self {
            later: Arc::clone(&self.later),
            live: Arc::clone(&self.live),
            plaintext: Arc::clone(&self.plaintext),
            json: Arc::clone(&self.json),
            count: self.live.count(),
        }
    }
}

/// What there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Page,
    Plaintext,
    Json,
    Echo,
    EchoPath,
    Stream,
    Slow,
    Live,
}

impl Route {
    #[inline(always)]
    fn of(path: &[u8]) -> Option<Self> {
        // Comparing whole slices takes words at a time; a match on byte strings goes byte by byte.
        let is = |name: &[u8]| path == name;
        Some(match path {
            _ if is(b"/plaintext") => Self::Plaintext,
            _ if is(b"/json") => Self::Json,
            _ if is(b"/") => Self::Page,
            _ if is(b"/echo") => Self::Echo,
            _ if is(b"/stream") => Self::Stream,
            _ if is(b"/slow") => Self::Slow,
            _ if is(b"/live") => Self::Live,
            _ if path.starts_with(b"/echo/") => Self::EchoPath,
            _ => return None,
        })
    }

    /// The path may be another spelling of one that there is (RFC 3986 section 6.2.2.2).
    #[cold]
    fn of_decoded(path: &[u8]) -> Option<Self> {
        Self::of(&percent_decode(path).collect::<Vec<u8>>())
    }

    fn methods(self) -> Methods {
        match self {
            Self::Page => Methods::of("GET, HEAD, POST"),
            Self::Echo => Methods::of("POST"),
            Self::Plaintext | Self::Json | Self::EchoPath | Self::Stream | Self::Slow | Self::Live => {
                Methods::GET_HEAD
            }
        }
    }
}

// Always inlined, since the compiler does so for a handler that one server has, and the program makes two of it: with a log
// around it and without.
impl Handler for Demo {
    #[inline(always)]
    fn methods(&self, head: &Head<'_>) -> Methods {
        let path = head.path();
        // The usual question, without a look at the routes.
        if matches!(head.method(), Method::Get | Method::Head) && path != b"/echo" {
            return Methods::GET_HEAD;
        }
        match Route::of(path).or_else(|| Route::of_decoded(path)) {
            Some(route) => route.methods(),
            None if head.target_str() == "*" => Methods::of("GET, HEAD, POST"),
            // What is nowhere is 404 for every method.
            None => Methods::ANY,
        }
    }

    #[inline(always)]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self.count.request(cx.now());
        let path = head.path();
        let Some(route) = Route::of(path).or_else(|| Route::of_decoded(path)) else {
            return plain::reply(cx, 404).into();
        };
        match (head.method(), route) {
            (Method::Post, Route::Page | Route::Echo) => echo(head),
            _ => self.get(route, head, cx).into(),
        }
    }

    fn round_ended(&mut self) {
        self.count.round_ended();
    }
}

impl Demo {
    #[inline(always)]
    fn get(&self, route: Route, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
        match route {
            Route::Plaintext => Reply::Prepared(Arc::clone(&self.plaintext)),
            Route::Json => Reply::Prepared(Arc::clone(&self.json)),
            Route::Page | Route::Echo => {
                let (ticket, completer) = cx.later();
                self.live.page(completer);
                Reply::Later(ticket)
            }
            Route::Live => self.watch(cx),
            Route::EchoPath => {
                cx.line(PLAIN);
                head.path().to_vec().into()
            }
            Route::Stream => stream(cx, head.target().query()),
            Route::Slow => self.slow(cx, head.target().query()),
        }
    }
}

fn prepared(content_type: FieldLine, body: &[u8]) -> io::Result<Arc<Prepared>> {
    let mut head = ResponseHead::new(200);
    head.push_line(content_type);
    Prepared::new(&head, body).map(Arc::new).map_err(io::Error::other)
}

/// The body back, with the type that it came with.
fn echo(head: &Head<'_>) -> Decision {
    let content_type = head
        .field("content-type")
        .unwrap_or(b"application/octet-stream")
        .to_vec();
    Decision::buffer(MAX_ECHO, move |body, cx| {
        cx.field(CONTENT_TYPE, content_type);
        body.to_vec().into()
    })
}

fn stream(cx: &mut Context<'_>, query: Option<&str>) -> Reply {
    match number(query, "lines", 100) {
        Some(lines) if lines <= MAX_LINES => {
            cx.line(PLAIN);
            Reply::Pull(Box::new(Lines { sent: 0, all: lines }))
        }
        _ => plain::reply(cx, 400),
    }
}

/// Numbered lines, a page of them at a time: a source is called when the bytes before have left.
struct Lines {
    sent: u64,
    all: u64,
}

impl BodySource for Lines {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        use io::Write as _;
        while out.len() < PAGE {
            if self.sent == self.all {
                return Pulled::End;
            }
            self.sent += 1;
            if writeln!(out, "line {} of {}", self.sent, self.all).is_err() {
                return Pulled::Failed;
            }
        }
        Pulled::More
    }
}

impl Demo {
    /// The stream behind the page.
    fn watch(&self, cx: &mut Context<'_>) -> Reply {
        match self.live.watch(cx.notifier()) {
            Some(samples) => {
                cx.line(EVENTS).line(NO_STORE);
                Reply::Pull(Box::new(samples))
            }
            None => plain::reply(cx, 503),
        }
    }

    fn slow(&self, cx: &mut Context<'_>, query: Option<&str>) -> Reply {
        match number(query, "ms", 1000) {
            Some(ms) if ms <= MAX_SLOW => {
                let (ticket, completer) = cx.later();
                self.later.put(cx.now() + Duration::from_millis(ms), completer);
                Reply::Later(ticket)
            }
            _ => plain::reply(cx, 400),
        }
    }
}

/// The number behind `name=` in the query, `default` when there is no query.
fn number(query: Option<&str>, name: &str, default: u64) -> Option<u64> {
    let Some(query) = query else { return Some(default) };
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits)
}
