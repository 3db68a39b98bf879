//! The writer thread: takes lines from the workers and notices out of their queue, and writes both.
//!
//! While there is something to write it looks every 50 ms. After a second without, it sleeps until a worker hands
//! something over, so that it never wakes for nothing.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{Ordering, fence};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::batch::Lines;
use super::civil::Civil;
use super::format::{Format, Stamp};
use super::notice::{Notices, QUIET, Said, Silent};
use super::shared::{Shared, WriterEnd};
use super::sink::Sink;
use super::target::Target;
use crate::driver::handler::outcomes::records::Batch;
use crate::operate::{plural, systemd};

/// How long the writer leaves lines to gather.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it goes on looking when there is nothing.
const AWAKE: Duration = Duration::from_secs(1);
/// Notices that wait at once.
const NOTICES: usize = 256;

/// What is written, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The access log; none when it is off.
    pub access: Option<(Target, Format)>,
    /// Where notices go.
    pub notices: Target,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: None,
            notices: Target::Stderr,
        }
    }
}

/// The log of a server. Dropping it lets the writer go on; [`Log::finish`] waits for it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    notices: Notices,
    /// Whether lines say how long a request took.
    timed: bool,
    end: Receiver<()>,
}

impl Log {
    /// Opens the targets and starts the writer thread.
    ///
    /// # Errors
    ///
    /// When a target cannot be opened, with its path, or there can be no thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (queue, said) = mpsc::sync_channel(NOTICES);
        let (tell, end) = mpsc::channel();
        let timed = matches!(settings.access, Some((_, Format::Json)));
        let access = match settings.access {
            Some((target, format)) => Some((Sink::open(target)?, format)),
            None => None,
        };
        let writer = Writer {
            shared: Arc::clone(&shared),
            said,
            access,
            is_stamped: settings.notices != Target::Stderr || wants_time(),
            notices: Sink::open(settings.notices)?,
            workers: Vec::new(),
            silent: Vec::new(),
            lost: Tally::default(),
            trouble: None,
            last_work: Instant::now(),
        };
        let thread = thread::Builder::new().name("log".into()).spawn(move || {
            writer.run();
            let _ = tell.send(());
        });
        let no_thread = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot start a thread for the log: {error}"),
            )
        };
        let thread = thread.map_err(no_thread)?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread.thread().clone());
        Ok(Self {
            notices: Notices {
                queue,
                shared: Arc::clone(&shared),
            },
            shared,
            timed,
            end,
        })
    }

    /// An end for one worker; clone it for each further one.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines::new(Arc::clone(&self.shared), self.timed)
    }

    /// Where notices go in.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Opens the files anew, after they were moved away.
    pub fn reopen(&self) {
        self.reopener()();
    }

    /// The same, for another thread.
    pub fn reopener(&self) -> impl Fn() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            shared.reopen.store(true, Ordering::Release);
            shared.wake();
        }
    }

    /// Lines that were dropped since the start, for want of room or because they could not be written.
    pub fn dropped(&self) -> impl Fn() -> u64 + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what was handed over, and ends the writer; gives up when that takes longer than `patience`.
    pub fn finish(self, patience: Duration) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        let _ = self.end.recv_timeout(patience);
    }
}

/// Whether notices need the time before them: a terminal's reader knows it, and systemd's journal has its own.
fn wants_time() -> bool {
    !io::stderr().is_terminal() && !systemd::is_the_journal(io::stderr())
}

/// Lines that were lost, said at once and then once a minute.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    silent_until: Option<Instant>,
}

impl Tally {
    /// The count, if it is time to say it.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.count == 0 || self.silent_until.is_some_and(|until| now < until) {
            return None;
        }
        self.silent_until = Some(now + QUIET);
        Some(std::mem::take(&mut self.count))
    }
}

struct Writer {
    shared: Arc<Shared>,
    said: Receiver<Said>,
    access: Option<(Sink, Format)>,
    notices: Sink,
    is_stamped: bool,
    workers: Vec<WriterEnd>,
    silent: Vec<Silent>,
    lost: Tally,
    /// Why lines are lost, when it is for an error of the log, and what to do.
    trouble: Option<String>,
    last_work: Instant,
}

impl Writer {
    fn run(mut self) {
        loop {
            // Read first, so that what was handed over before it is seen.
            let stops = self.shared.stop.load(Ordering::Acquire);
            let now = Instant::now();
            if self.work(now) {
                self.last_work = now;
            }
            if stops {
                return self.end();
            }
            self.rest(now);
        }
    }

    /// Does what there is to do; false when that was nothing.
    fn work(&mut self, now: Instant) -> bool {
        self.shared.hurried.store(false, Ordering::Relaxed);
        if self.shared.reopen.swap(false, Ordering::Acquire) {
            self.reopen();
        }
        self.workers.append(&mut self.shared.take_arrivals());
        let worked = self.take_lines() | self.take_notices(now);
        self.say_lost(now);
        self.write();
        worked || !self.notices.is_empty() || self.access.as_ref().is_some_and(|(sink, _)| !sink.is_empty())
    }

    /// Makes text of the lines that were handed over, as long as there is room for it, and asks for more.
    fn take_lines(&mut self) -> bool {
        let mut worked = false;
        let Some((sink, format)) = &mut self.access else {
            return false;
        };
        let stamp = Stamp::new(*format, SystemTime::now());
        let (shared, lost) = (&self.shared, &mut self.lost);
        self.workers.retain(|worker| {
            let (goes_on, dropped) = take_from(worker, sink, |batch, text| {
                worked = true;
                batch.outcomes().for_each(|outcome| stamp.write(&outcome, text));
            });
            shared.dropped.fetch_add(dropped, Ordering::Relaxed);
            lost.count += dropped;
            goes_on
        });
        worked
    }

    fn take_notices(&mut self, now: Instant) -> bool {
        let mut worked = false;
        while !self.notices.is_full()
            && let Ok(Said { text, topic }) = self.said.try_recv()
        {
            worked = true;
            self.note(&text);
            if let Some(topic) = topic {
                self.silent.push(Silent::new(topic, text, now));
            }
        }
        let mut said = Vec::new();
        self.silent.retain_mut(|silent| {
            let ends = silent.until <= now;
            let more = if ends { silent.renew(now) } else { None };
            let stays = !ends || more.is_some();
            said.extend(more);
            stays
        });
        said.iter().for_each(|text| self.note(text));
        let lost = self.shared.lost_notices.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.note(&format!("{lost} notices were lost: too many came at once"));
        }
        worked
    }

    /// Puts a notice where it waits to be written; a control in it steers no terminal.
    fn note(&mut self, text: &str) {
        let stamp = self.is_stamped.then(|| Civil::of(SystemTime::now()).rfc3339());
        let out = self.notices.buffer();
        match stamp {
            Some(stamp) => out.extend_from_slice(format!("{stamp} ").as_bytes()),
            None => out.extend_from_slice(b"server-bin: "),
        }
        for each in text.chars() {
            match each.is_control() {
                true => out.extend(each.escape_default().map(|each| each as u8)),
                false => out.extend_from_slice(each.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.push(b'\n');
    }

    fn say_lost(&mut self, now: Instant) {
        let Some(count) = self.lost.due(now) else {
            return;
        };
        let lines = plural(count, "line");
        let text = match self.trouble.take() {
            Some(trouble) => format!("cannot write the access log: {trouble}; {lines} lost so far"),
            None => format!("{lines} of the access log dropped: they came faster than they could be written"),
        };
        self.note(&text);
    }

    fn lose(&mut self, lines: u64) {
        self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        self.lost.count += lines;
    }

    fn write(&mut self) {
        if let Some((sink, _)) = &mut self.access
            && let Err((error, lost)) = sink.flush()
            && lost > 0
        {
            self.trouble = Some(format!("{error}{}", sink.advice(&error)));
            self.lose(lost);
            self.say_lost(Instant::now());
        }
        // There is nowhere left to say that this failed.
        let _ = self.notices.flush();
    }

    fn reopen(&mut self) {
        let access = self.access.as_mut().map(|(sink, _)| sink.reopen());
        if let Some(Ok(lost)) = access {
            self.lose(lost);
        }
        let notices = self.notices.reopen();
        if let Ok(1..) = notices {
            self.note("a notice was lost: the log that was moved away took no more than its beginning");
        }
        for reopened in access.into_iter().chain([notices]) {
            if let Err(error) = reopened {
                self.note(&format!("{error}; the one that is open is written on"));
            }
        }
    }

    /// Writes what is left, and gives those who read a moment to take it. More comes only from threads that do not know
    /// yet that it is over.
    fn end(&mut self) {
        let start = Instant::now();
        self.lost.silent_until = None;
        while self.work(Instant::now()) && start.elapsed() < AWAKE {
            if !self.notices.is_empty() || self.access.as_ref().is_some_and(|(sink, _)| !sink.is_empty()) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.lost.silent_until = None;
        let left = self.access.as_mut().map_or(0, |(sink, _)| sink.give_up());
        self.lose(left);
        self.say_lost(Instant::now());
        self.write();
    }

    fn rest(&mut self, now: Instant) {
        if now.duration_since(self.last_work) < AWAKE {
            return thread::park_timeout(PAUSE);
        }
        self.shared.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.take_lines() {
            self.write();
            self.last_work = now;
            self.shared.asleep.store(false, Ordering::Relaxed);
            return;
        }
        let silent = self.silent.iter().map(|silent| silent.until);
        let tally = self.lost.silent_until.filter(|_| self.lost.count > 0);
        match silent.chain(tally).min() {
            // A token that is left over from an earlier wake ends it early, once.
            Some(until) => thread::park_timeout(until.saturating_duration_since(now)),
            None => thread::park(),
        }
        self.shared.asleep.store(false, Ordering::Relaxed);
    }
}

/// Writes what a worker has handed over, as long as there is room for it, and asks for more. Returns whether more may come, and
/// how many lines the worker has dropped.
fn take_from(
    worker: &WriterEnd,
    sink: &mut Sink,
    mut write: impl FnMut(&mut Batch, &mut Vec<u8>),
) -> (bool, u64) {
    let goes_on = loop {
        if sink.is_full() {
            break true;
        }
        match worker.take() {
            Ok(mut batch) => {
                write(&mut batch, sink.buffer());
                worker.give_back(batch);
            }
            Err(TryRecvError::Empty) => {
                worker.ask();
                break true;
            }
            Err(TryRecvError::Disconnected) => break false,
        }
    };
    // Asked for last: a worker that ends counts what finds no room before it can be seen to have gone.
    (goes_on, worker.take_dropped())
}

#[cfg(test)]
mod tests;
