//! What a scenario works with: a kqueue, sources with names, and the transcript.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    thread,
    time::Duration,
};

use super::ffi::{self, ADD, Entry, Filter, Lists};

/// A poll that does not wait.
pub(crate) const AT_ONCE: Option<ffi::Time> = Some((0, 0));

/// The state of a running scenario. Its lines hold no fd numbers and no times, so that they are the same each time.
pub(crate) struct World {
    pub(crate) kq: OwnedFd,
    label: &'static str,
    names: HashMap<usize, &'static str>,
    transcript: Vec<String>,
}

impl World {
    pub(crate) fn new(label: &'static str) -> Self {
        Self {
            kq: ffi::kqueue(),
            label,
            names: HashMap::new(),
            transcript: Vec::new(),
        }
    }

    /// Goes on under another label with a new kqueue.
    pub(crate) fn begin(&mut self, label: &'static str) {
        self.label = label;
        self.renew();
    }

    /// Goes on with a new kqueue. Returns the old one.
    pub(crate) fn renew(&mut self) -> OwnedFd {
        std::mem::replace(&mut self.kq, ffi::kqueue())
    }

    pub(crate) fn finish(self) -> Vec<String> {
        self.transcript
    }

    /// Lets the transcript call the descriptor by a name.
    pub(crate) fn name(&mut self, source: &impl AsRawFd, name: &'static str) {
        self.names.insert(ident(source), name);
    }

    pub(crate) fn name_of(&self, entry: &Entry) -> String {
        match self.names.get(&entry.ident) {
            Some(name) => (*name).to_owned(),
            None => format!("#{}", entry.ident as isize),
        }
    }

    /// Adds a line.
    pub(crate) fn say(&mut self, text: &str) {
        self.transcript.push(format!("{} {text}", self.label));
    }

    /// Applies one change without room for an answer, and says what came of it. False if it was refused.
    pub(crate) fn change(&mut self, what: &str, change: Entry) -> bool {
        let outcome = ffi::kevent(self.kq.as_raw_fd(), &[change], 0, Lists::Apart, None);
        let applied = outcome.is_ok();
        self.report(what, outcome);
        applied
    }

    /// The same, but success is not worth a line.
    pub(crate) fn set(&mut self, change: Entry) {
        let outcome = ffi::kevent(self.kq.as_raw_fd(), &[change], 0, Lists::Apart, None);
        if outcome.is_err() {
            self.report("(setup change)", outcome);
        }
    }

    /// Applies changes and takes what is ready, with `room` slots.
    pub(crate) fn apply(&mut self, what: &str, changes: &[Entry], room: usize) {
        let outcome = ffi::kevent(self.kq.as_raw_fd(), changes, room, Lists::Apart, AT_ONCE);
        self.report(what, outcome);
    }

    /// Takes what is ready.
    pub(crate) fn poll(&mut self, what: &str) {
        self.apply(what, &[], 16);
    }

    pub(crate) fn report(&mut self, what: &str, outcome: Result<Vec<Entry>, i32>) {
        let text = match outcome {
            Err(errno) => format!("{what}: -1 {}", error_name(i64::from(errno))),
            Ok(entries) => {
                let shown: String = entries
                    .iter()
                    .map(|entry| format!(" {}", self.show(entry)))
                    .collect();
                format!("{what}: {}{shown}", entries.len())
            }
        };
        self.say(&text);
    }

    fn show(&self, entry: &Entry) -> String {
        let (filter, name) = match entry.filter {
            Filter::Read => ("READ", self.name_of(entry)),
            Filter::Write => ("WRITE", self.name_of(entry)),
            Filter::User => ("USER", format!("id{}", entry.ident)),
            Filter::Unknown => ("?", self.name_of(entry)),
        };
        let data = if entry.flags & ffi::ERROR != 0 {
            format!("err={}", error_name(entry.data))
        } else if entry.filter == Filter::Write {
            // How much exactly depends on the buffers.
            format!(
                "data{}",
                [">0", "=0", "<0"][usize::from(entry.data <= 0) + usize::from(entry.data < 0)]
            )
        } else {
            format!("data={}", entry.data)
        };
        let fflags = match entry.fflags {
            0 => String::new(),
            errno if entry.flags & ffi::EOF != 0 => format!(" fflags={}", error_name(i64::from(errno))),
            bits => format!(" fflags={bits:#x}"),
        };
        format!(
            "{{{filter} {name} {} {data}{fflags} ud={}}}",
            show_flags(entry.flags),
            entry.udata
        )
    }

    /// A connected pair of Unix sockets.
    pub(crate) fn pair(&mut self, one: &'static str, other: &'static str) -> (UnixStream, UnixStream) {
        let (a, b) = UnixStream::pair().expect("socketpair");
        self.adopt(&a, one);
        self.adopt(&b, other);
        (a, b)
    }

    /// A pipe: the end to read from is called `pr`, the other one `pw`.
    pub(crate) fn pipe(&mut self) -> (File, File) {
        let (reader, writer) = io::pipe().expect("pipe");
        let (reader, writer) = (
            File::from(OwnedFd::from(reader)),
            File::from(OwnedFd::from(writer)),
        );
        self.adopt(&reader, "pr");
        self.adopt(&writer, "pw");
        (reader, writer)
    }

    /// A TCP connection: the accepted side is called `srv`, the other one `cli`.
    pub(crate) fn tcp(&mut self) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        self.adopt(&server, "srv");
        self.adopt(&client, "cli");
        (server, client)
    }

    /// Names a source and makes it non-blocking.
    pub(crate) fn adopt(&mut self, source: &impl AsRawFd, name: &'static str) {
        ffi::set_nonblocking(source);
        self.name(source, name);
    }

    /// A number that names no file, called `closed`.
    pub(crate) fn closed_number(&mut self) -> RawFd {
        let number = self.kq.try_clone().expect("dup").as_raw_fd();
        self.name(&number, "closed");
        number
    }
}

/// A change of a descriptor.
pub(crate) fn entry(source: &impl AsRawFd, filter: Filter, flags: u32, udata: usize) -> Entry {
    Entry {
        ident: ident(source),
        filter,
        flags,
        fflags: 0,
        data: 0,
        udata,
    }
}

/// Adds interest in reading.
pub(crate) fn read(source: &impl AsRawFd, mode: u32, udata: usize) -> Entry {
    entry(source, Filter::Read, ADD | mode, udata)
}

/// Adds interest in writing.
pub(crate) fn write(source: &impl AsRawFd, mode: u32, udata: usize) -> Entry {
    entry(source, Filter::Write, ADD | mode, udata)
}

fn ident(source: &impl AsRawFd) -> usize {
    source.as_raw_fd() as isize as usize
}

/// Writes `count` bytes.
pub(crate) fn put(mut sink: impl Write, count: usize) {
    sink.write_all(&vec![b'x'; count]).expect("room for a few bytes");
}

/// Reads once, at most `count` bytes. Returns how many came, -1 for none yet.
pub(crate) fn take(mut source: impl Read, count: usize) -> i64 {
    source.read(&mut vec![0; count]).map_or(-1, |count| count as i64)
}

/// Writes until nothing more fits.
pub(crate) fn fill(mut sink: impl Write) {
    for size in [4096, 1] {
        while sink.write(&vec![b'y'; size]).is_ok_and(|count| count > 0) {}
    }
}

/// Reads until nothing more comes.
pub(crate) fn drain(mut source: impl Read) {
    while source.read(&mut [0; 65536]).is_ok_and(|count| count > 0) {}
}

/// Lets the kernel carry something from one side to the other.
pub(crate) fn settle() {
    thread::sleep(Duration::from_millis(60));
}

fn show_flags(flags: u32) -> String {
    const NAMES: [(u32, &str); 10] = [
        (ffi::ADD, "ADD"),
        (ffi::DELETE, "DELETE"),
        (ffi::ENABLE, "ENABLE"),
        (ffi::DISABLE, "DISABLE"),
        (ffi::ONESHOT, "ONESHOT"),
        (ffi::CLEAR, "CLEAR"),
        (ffi::RECEIPT, "RECEIPT"),
        (ffi::DISPATCH, "DISPATCH"),
        (ffi::EOF, "EOF"),
        (ffi::ERROR, "ERROR"),
    ];
    let known: Vec<_> = NAMES
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    let rest = NAMES.iter().fold(flags, |rest, (bit, _)| rest & !bit);
    match (known.is_empty(), rest) {
        (true, 0) => "-".to_owned(),
        (_, 0) => known.join("|"),
        _ => format!("{}|{rest:#x}", known.join("|")),
    }
}

/// Errors differ in number from system to system, not in name.
pub(crate) fn error_name(errno: i64) -> String {
    const NAMES: [(i32, &str); 14] = [
        (0, "0"),
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::EINTR, "EINTR"),
        (libc::ENXIO, "ENXIO"),
        (libc::EBADF, "EBADF"),
        (libc::EFAULT, "EFAULT"),
        (libc::EINVAL, "EINVAL"),
        (libc::EPIPE, "EPIPE"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::EINPROGRESS, "EINPROGRESS"),
        (libc::ECONNRESET, "ECONNRESET"),
        (libc::ENOTCONN, "ENOTCONN"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
    ];
    match NAMES.iter().find(|(number, _)| i64::from(*number) == errno) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("errno{errno}"),
    }
}
