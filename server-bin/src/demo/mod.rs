//! The built-in demonstration: one route for each way to answer.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use http_core::{FieldLine, Head, Method, Name, ResponseHead};
use multiplex::timers::Timers;
use multiplex::{Events, Poller, Token, Waker};
use percent_encoding::percent_decode;

use crate::handler::{BodySource, Completer, Context, Decision, Handler, Methods, Pulled, Reply, plain};

/// Checked when the program is built, so that writing it is a copy.
const CONTENT_TYPE: Name = Name::from_static("content-type");
const PLAIN: FieldLine = FieldLine::from_static("content-type: text/plain");
const HTML: FieldLine = FieldLine::from_static("content-type: text/html; charset=utf-8");
const JSON: FieldLine = FieldLine::from_static("content-type: application/json");
/// The most that a request may send to be echoed.
const MAX_ECHO: u64 = 1024 * 1024;
/// The longest that `/slow` waits.
const MAX_SLOW: u64 = 60_000;
/// The most lines that `/stream` sends.
const MAX_LINES: u64 = 100_000_000;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>server-bin</title>
<h1>It works</h1>
<p>This is the built-in demonstration. Start the server with a directory to serve that instead.</p>
<ul>
<li><a href=\"/plaintext\">/plaintext</a>: thirteen bytes
<li><a href=\"/json\">/json</a>: the same as JSON
<li><a href=\"/echo/any/path\">/echo/any/path</a>: the path back; <code>POST /echo</code>: the body back
<li><a href=\"/stream\">/stream</a>: a body made while it is sent; <code>?lines=N</code> for more of it
<li><a href=\"/slow?ms=500\">/slow?ms=500</a>: an answer that comes later, from another thread
</ul>
</html>
";

/// Answers the demonstration's routes.
#[derive(Clone, Debug)]
pub struct Demo {
    later: Arc<Later>,
}

impl Demo {
    /// Makes the handler, and starts the thread that answers `/slow`.
    ///
    /// # Errors
    ///
    /// When the system has no thread or no descriptors left for it.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            later: Arc::new(Later::start()?),
        })
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
            Self::Plaintext | Self::Json | Self::EchoPath | Self::Stream | Self::Slow => Methods::GET_HEAD,
        }
    }
}

impl Handler for Demo {
    #[inline]
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

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        let path = head.path();
        let Some(route) = Route::of(path).or_else(|| Route::of_decoded(path)) else {
            return plain::reply(cx, 404).into();
        };
        match (head.method(), route) {
            (Method::Post, Route::Page | Route::Echo) => echo(head),
            _ => self.get(route, head, cx).into(),
        }
    }
}

impl Demo {
    #[inline]
    fn get(&self, route: Route, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
        match route {
            Route::Plaintext => text(cx, PLAIN, "Hello, World!"),
            Route::Json => text(cx, JSON, "{\"message\":\"Hello, World!\"}"),
            Route::Page | Route::Echo => text(cx, HTML, PAGE),
            Route::EchoPath => {
                cx.line(PLAIN);
                head.path().to_vec().into()
            }
            Route::Stream => stream(cx, head.target().query()),
            Route::Slow => self.slow(cx, head.target().query()),
        }
    }
}

fn text(cx: &mut Context<'_>, content_type: FieldLine, body: &'static str) -> Reply {
    cx.line(content_type);
    body.into()
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

/// Numbered lines, a page of them at a time.
struct Lines {
    sent: u64,
    all: u64,
}

impl BodySource for Lines {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        use io::Write as _;
        for _ in 0..64 {
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

/// One thread that completes requests when their time has come: the smallest event loop there is.
#[derive(Debug)]
struct Later {
    inbox: Arc<Inbox>,
    waker: Waker,
}

/// What was put in and not yet taken by the thread; none at all is the end.
type Inbox = Mutex<Option<Vec<(Instant, Completer)>>>;

impl Later {
    fn start() -> io::Result<Self> {
        let poller = Poller::new()?;
        let waker = Waker::new(&poller, Token::new(0))?;
        let inbox = Arc::new(Mutex::new(Some(Vec::new())));
        let outbox = Arc::clone(&inbox);
        thread::Builder::new()
            .name("later".into())
            .spawn(move || serve(&poller, &outbox))?;
        Ok(Self { inbox, waker })
    }

    fn put(&self, at: Instant, completer: Completer) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = inbox.as_mut() {
            inbox.push((at, completer));
            if inbox.len() == 1 {
                // Should it fail, the completers are dropped with the inbox, and answer 500.
                let _ = self.waker.wake();
            }
        }
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.waker.wake();
    }
}

fn serve(poller: &Poller, inbox: &Inbox) {
    let mut events = Events::with_capacity(1);
    let mut timers = Timers::new(Instant::now());
    loop {
        let timeout = timers.next_timeout(Instant::now());
        if poller.wait(&mut events, timeout).is_err() {
            return;
        }
        match inbox.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(inbox) => inbox.drain(..).for_each(|(at, completer)| {
                timers.insert(at, completer);
            }),
            None => return,
        }
        let now = Instant::now();
        while let Some((_, completer)) = timers.expire(now) {
            complete(completer);
        }
    }
}

fn complete(completer: Completer) {
    match ResponseHead::new(200).field(CONTENT_TYPE, "text/plain") {
        Ok(head) => completer.complete(head, "Here it is.\n"),
        // Dropped, it answers 500.
        Err(_) => drop(completer),
    }
}
