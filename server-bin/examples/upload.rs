//! Uploads of any size in bounded memory: `PUT /name` writes the request body to a file of that name.
//!
//!     cargo run -p server-bin --example upload -- 127.0.0.1:8080 DIRECTORY
//!     curl -T FILE http://127.0.0.1:8080/
//!
//! A write to a disk can block, so a thread of its own does it. While more than [`HIGH`] bytes of an upload wait for that
//! thread, the sink pauses: the server reads no more from this client, and TCP makes the client wait. When the thread has
//! written most of them, it fires the notifier, and the body goes on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{env, io, thread};

use server_bin::Server;
use server_bin::handler::{
    BodySink, Completer, Context, Decision, Methods, Notifier, Reply, Took, function, plain,
};
use server_bin::http_core::{Head, ResponseHead};

/// Bytes that wait for the disk above which a client has to wait, too.
const HIGH: usize = 1024 * 1024;
/// Bytes that wait for the disk below which it may go on.
const LOW: usize = HIGH / 4;
/// The most bytes of one file.
const MOST: u64 = 64 * 1024 * 1024 * 1024;

/// One file that is being written.
struct Upload {
    file: File,
    part: PathBuf,
    path: PathBuf,
    /// Bytes that were handed to the writer and are not written yet.
    waiting: AtomicUsize,
    failed: AtomicBool,
    notifier: Notifier,
}

impl Upload {
    fn begin(path: PathBuf, notifier: Notifier) -> io::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // No target names a file with a dot in front, so nobody uploads to this one.
        let name = format!(".part-{}-{number}", std::process::id());
        let part = path.with_file_name(name);
        Ok(Self {
            file: File::create_new(&part)?,
            part,
            path,
            waiting: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            notifier,
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After its end the file has its own name, and there is nothing to remove.
        let _ = fs::remove_file(&self.part);
    }
}

/// What the worker asks of the writer.
enum Job {
    Write(Arc<Upload>, Vec<u8>),
    End(Arc<Upload>, Completer),
}

/// Runs on a thread of its own, for all uploads.
fn write_files(jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Write(upload, bytes) => {
                if (&upload.file).write_all(&bytes).is_err() {
                    upload.failed.store(true, Ordering::Relaxed);
                }
                let before = upload.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
                if before > LOW && before - bytes.len() <= LOW {
                    upload.notifier.notify();
                }
            }
            Job::End(upload, completer) => {
                let failed = upload.failed.load(Ordering::Relaxed);
                if !failed && fs::rename(&upload.part, &upload.path).is_ok() {
                    completer.complete(ResponseHead::new(201), "stored\n");
                } // Else the completer is dropped, and that answers 500.
            }
        }
    }
}

/// Hands the pieces of one body to the writer.
struct ToDisk {
    upload: Arc<Upload>,
    writer: Sender<Job>,
}

impl BodySink for ToDisk {
    fn limit(&self) -> Option<u64> {
        Some(MOST)
    }

    fn data(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Took {
        if self.upload.failed.load(Ordering::Relaxed) {
            return Took::Answer(plain::reply(cx, 500));
        }
        let waiting = self.upload.waiting.fetch_add(bytes.len(), Ordering::AcqRel) + bytes.len();
        if self
            .writer
            .send(Job::Write(Arc::clone(&self.upload), bytes.to_vec()))
            .is_err()
        {
            return Took::Answer(plain::reply(cx, 500));
        }
        // The writer may be below the mark again already: then its news is on the way, and ends the pause at once.
        if waiting > HIGH { Took::Pause } else { Took::More }
    }

    fn end(self: Box<Self>, cx: &mut Context<'_>) -> Reply {
        let (ticket, completer) = cx.later();
        match self.writer.send(Job::End(self.upload, completer)) {
            Ok(()) => Reply::Later(ticket),
            Err(_) => plain::reply(cx, 500),
        }
    }
}

/// The file for a target, if its name is harmless.
fn file_of(folder: &Path, head: &Head<'_>) -> Option<PathBuf> {
    let name = head.target().path().strip_prefix('/')?;
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_harmless);
    is_name.then(|| folder.join(name))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let folder = PathBuf::from(env::args().nth(2).ok_or("usage: upload ADDRESS DIRECTORY")?);
    let (writer, jobs) = channel();
    thread::spawn(move || write_files(&jobs));
    let put = move |head: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        let Some(path) = file_of(&folder, head) else {
            return plain::reply(cx, 403).into();
        };
        match Upload::begin(path, cx.notifier()) {
            Ok(upload) => Decision::Stream(Box::new(ToDisk {
                upload: Arc::new(upload),
                writer: writer.clone(),
            })),
            Err(_) => plain::reply(cx, 500).into(),
        }
    };
    let running = Server::with(function(put).methods(Methods::of("PUT")))
        .listen(address.parse()?)
        .spawn()?;
    println!("listening on {}", running.addresses()[0]);
    running.join()?;
    Ok(())
}
