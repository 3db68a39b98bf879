//! A directory to serve, and a client that asks for a file in it without a socket.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use http_core::{Connection, Event, Fields, Limits};
use tempfile::TempDir;

use crate::files::Files;
use crate::handler::{Context, Decision, Detached, Handler as _, Reply};

/// A directory with files of the past, so that their validators are strong.
pub(super) struct Site {
    directory: TempDir,
}

impl Site {
    /// A site of these files, names and contents, all of them an hour old.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let site = Self {
            directory: TempDir::new().expect("a temporary directory"),
        };
        for (name, content) in files {
            site.write(name, content);
        }
        // A change time cannot be set, so the strength of the tags takes a moment.
        std::thread::sleep(Duration::from_millis(25));
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        let parent = path.parent().expect("a parent");
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, content));
        written
            .and_then(|()| self.set_age(name, Duration::from_secs(3600)))
            .expect("a file");
    }

    pub(super) fn set_age(&self, name: &str, age: Duration) -> io::Result<()> {
        File::options()
            .write(true)
            .open(self.path(name))?
            .set_modified(SystemTime::now() - age)
    }

    pub(super) fn files(&self) -> Files {
        Files::open(self.directory.path()).expect("the directory")
    }

    /// GETs a path with these field lines.
    pub(super) fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        ask(&self.files(), "GET", path, fields)
    }
}

/// An answer as it came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    /// How many fields of this name there are.
    pub(super) fn count(&self, name: &str) -> usize {
        let fields = self.fields.iter();
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .count()
    }

    /// The value of a field that is there at most once.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }
}

/// Asks a worker that remembers nothing yet.
pub(super) fn ask(files: &Files, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
    Worker::new(files.clone()).ask(method, target, fields)
}

/// A worker that answers one request after the other, each in a round of its own unless a test says otherwise.
pub(super) struct Worker {
    files: RefCell<Files>,
    round: Cell<Option<Instant>>,
    before: fn(&mut Context<'_>),
}

impl Worker {
    pub(super) fn new(files: Files) -> Self {
        Self::behind(files, |_| {})
    }

    /// One whose requests pass a wrapper first.
    pub(super) fn behind(files: Files, before: fn(&mut Context<'_>)) -> Self {
        Self {
            files: RefCell::new(files),
            round: Cell::new(None),
            before,
        }
    }

    /// GETs a path.
    pub(super) fn get(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, fields)
    }

    pub(super) fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask_at(method, target, fields, Instant::now())
    }

    /// Asks in the round that began at `now`.
    pub(super) fn ask_at(&self, method: &str, target: &str, fields: &[(&str, &str)], now: Instant) -> Answer {
        let mut files = self.files.borrow_mut();
        if self.round.replace(Some(now)) != Some(now) {
            files.round_ended();
        }
        answer(&mut files, self.before, method, target, fields, now)
    }
}

/// Asks the handler, and writes its answer out as the driver would.
fn answer(
    files: &mut Files,
    before: fn(&mut Context<'_>),
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    now: Instant,
) -> Answer {
    let lines: String = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let mut connection = Connection::server(Limits::default());
    let mut slots = Fields::<64>::new();
    let received = connection
        .receive(request.as_bytes(), &mut slots)
        .expect("a valid request");
    let Event::Request(head) = received.event else {
        panic!("no request: {request}")
    };
    let mut detached = Detached::new(now);
    let mut cx = detached.context();
    before(&mut cx);
    let decision = files.head(&head, &mut cx);
    assert_eq!(cx.misuse(), None);
    let mut made = None;
    let body = match decision {
        Decision::Respond(Reply::Bytes(content)) => content.as_ref().to_vec(),
        Decision::Respond(Reply::File(slice)) => {
            let mut bytes = vec![0; usize::try_from(slice.len).expect("a small file")];
            File::from(slice.file)
                .read_exact_at(&mut bytes, slice.offset)
                .expect("all of the slice");
            bytes
        }
        Decision::Respond(Reply::Prepared(prepared)) => {
            made = Some(prepared.clone());
            prepared.body().to_vec()
        }
        _ => panic!("an answer that files never give"),
    };
    let mut head = detached.head().clone();
    if let Some(prepared) = made {
        head.set_status(prepared.status());
        head.push_all(prepared.fields());
    }
    let mut out = Vec::new();
    connection
        .reply(&mut out, &head, &body)
        .expect("a legal response");
    parse(&String::from_utf8(out).expect("text"))
}

fn parse(response: &str) -> Answer {
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.get(9..12))
        .and_then(|code| code.parse().ok());
    let fields = lines.map(|line| line.split_once(": ").unwrap_or((line, "")));
    Answer {
        status: status.expect("a status"),
        fields: fields
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

/// Runs a test that must not block: what it opens might be a FIFO.
pub(super) fn within_seconds(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(Duration::from_secs(30)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test still runs after half a minute"),
        // A panic in the thread is that of the test.
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        }
    }
}
