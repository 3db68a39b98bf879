//! Files, pipes and FIFOs that take everything, a part or nothing.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc::O_NONBLOCK;

use super::*;

fn over(file: impl Into<OwnedFd>) -> Sink {
    Sink {
        target: Target::Stdout,
        file: File::from(file.into()),
        may_block: true,
        pending: Vec::new(),
        written: 0,
        within_line: false,
        cut: false,
        is_stuck: false,
    }
}

#[test]
fn a_pipe_that_nobody_reads_holds_nobody_up_and_gets_the_rest_later() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut sink = over(writer);
    let text: Vec<u8> = (0..40_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    sink.buffer().extend_from_slice(&text);
    sink.flush().expect("it takes a part");
    assert!(!sink.is_empty());
    let mut read = Vec::new();
    while read.len() < text.len() {
        let mut piece = [0; 10_000];
        let count = reader.read(&mut piece).expect("there is more");
        read.extend_from_slice(&piece[..count]);
        sink.flush().expect("it takes more");
    }
    assert!(read == text && sink.is_empty());
}

/// What the writers of one pipe have written when each has written all of its lines.
fn written_by(mut sinks: Vec<Sink>, mut reader: io::PipeReader) -> String {
    let reads = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        text
    });
    // They take turns as two processes may: each time that the pipe is full, the other one goes on.
    while sinks.iter().any(|sink| !sink.is_empty()) {
        for sink in &mut sinks {
            sink.flush().expect("a reader");
        }
    }
    drop(sinks);
    reads.join().expect("it reads")
}

#[test]
fn the_lines_of_two_that_write_to_one_pipe_stay_whole() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let line = |of: &str, number: usize| format!("{of}{number:0>99}\n");
    let sinks = ["old", "new"].map(|of| {
        let mut sink = over(writer.try_clone().expect("a descriptor"));
        let lines = (0..10_000).flat_map(|number| line(of, number).into_bytes());
        sink.buffer().extend(lines);
        sink
    });
    drop(writer);
    let text = written_by(sinks.into(), reader);
    for of in ["old", "new"] {
        let lines = text.split_inclusive('\n').filter(|line| line.starts_with(of));
        assert!(lines.eq((0..10_000).map(|number| line(of, number))), "{of}");
    }
    assert_eq!(text.lines().count(), 20_000);
}

#[test]
fn a_line_that_is_longer_than_what_goes_at_once_arrives_whole_where_nobody_else_writes() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let mut sink = over(writer);
    let text = format!("{}\nshort\n", "x".repeat(3 * PIECE)).repeat(20);
    sink.buffer().extend_from_slice(text.as_bytes());
    assert!(written_by(vec![sink], reader) == text);
}

#[test]
fn a_full_disk_costs_the_lines_that_found_no_room_and_no_other() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let mut sink = Sink::open(Target::File("/dev/full".into())).expect("it can be opened");
    sink.buffer().extend_from_slice(b"one\ntwo\n");
    let (error, lost) = sink.flush().expect_err("there is no room");
    assert_eq!((error.kind(), lost), (io::ErrorKind::StorageFull, 2));
    assert!(sink.is_empty());
}

#[test]
fn what_a_slow_reader_has_taken_does_not_stay_in_memory() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut sink = over(writer);
    let (line, mut read) = (b"0123456789abcde\n", Vec::new());
    for _ in 0..400 {
        while !sink.is_full() {
            sink.buffer().extend_from_slice(&line.repeat(256));
        }
        sink.flush().expect("it takes a part");
        let mut piece = [0; 8192];
        let count = reader.read(&mut piece).expect("there is more");
        read.extend_from_slice(&piece[..count]);
        assert!(sink.pending.len() < 3 * MOST_PENDING, "{}", sink.pending.len());
    }
    assert!(
        read.len() > 4 * MOST_PENDING,
        "what is taken is more than what is kept"
    );
    assert!(read.chunks_exact(line.len()).all(|each| each == line));
}

/// A file that was moved away, with the first half of a line in it.
fn moved_away(folder: &tempfile::TempDir) -> (Sink, PathBuf, PathBuf) {
    let [path, old] = ["log", "log.1"].map(|name| folder.path().join(name));
    let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
    sink.buffer().extend_from_slice(b"half");
    sink.flush().expect("room");
    std::fs::rename(&path, &old).expect("it is there");
    sink.buffer().extend_from_slice(b" and half\nnext\n");
    (sink, path, old)
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).expect("it is there")
}

#[test]
fn a_line_that_was_begun_is_finished_in_the_file_that_was_moved_away() {
    let folder = tempfile::tempdir().expect("a directory");
    let (mut sink, path, old) = moved_away(&folder);
    assert_eq!(sink.reopen().expect("a new file"), 0);
    sink.flush().expect("room");
    assert_eq!(
        (read(&old), read(&path)),
        ("half and half\n".into(), "next\n".into())
    );
}

#[test]
fn a_line_that_cannot_be_finished_is_lost_and_not_in_the_new_file() {
    let folder = tempfile::tempdir().expect("a directory");
    let (mut sink, path, old) = moved_away(&folder);
    sink.file = File::open(&old).expect("it is there");
    assert_eq!(sink.reopen().expect("a new file"), 1);
    sink.flush().expect("room");
    assert_eq!((read(&old), read(&path)), ("half".into(), "next\n".into()));
}

/// Has each text fail, since the file is open for reading only for so long. Returns how many lines each failure has lost.
fn fail<const N: usize>(sink: &mut Sink, path: &Path, texts: [&str; N]) -> [u64; N] {
    let file = std::mem::replace(&mut sink.file, File::open(path).expect("it is there"));
    let lost = texts.map(|text| {
        sink.buffer().extend_from_slice(text.as_bytes());
        sink.flush().expect_err("it is open for reading only").1
    });
    sink.file = file;
    lost
}

#[test]
fn after_failures_within_a_line_the_next_one_of_a_pipe_begins_on_its_own() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
    // As a pipe is taken.
    sink.may_block = true;
    sink.buffer().extend_from_slice(b"half");
    sink.flush().expect("room");
    assert_eq!(fail(&mut sink, &path, ["one\n", "two\n"]), [1, 1]);
    for whole in ["whole\n", "next\n"] {
        sink.buffer().extend_from_slice(whole.as_bytes());
        sink.flush().expect("room");
    }
    assert_eq!(read(&path), "half\nwhole\nnext\n");
}

#[test]
fn a_line_that_a_file_has_half_of_is_whole_when_there_is_room_again() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
    sink.buffer().extend_from_slice(b"half");
    sink.flush().expect("room");
    let lost = fail(&mut sink, &path, [" and half\none\n", "two\nthree\n", ""]);
    assert_eq!(lost, [1, 2, 0], "the begun line is not lost");
    assert!(sink.is_empty(), "nothing that is worth a look waits");
    sink.buffer().extend_from_slice(b"next\n");
    sink.flush().expect("room");
    assert_eq!(read(&path), "half and half\nnext\n");
    assert_eq!(sink.give_up(), 0);
}

#[test]
fn a_fifo_that_nobody_reads_is_no_log_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
    nix::unistd::mkfifo(&path, mode).expect("a FIFO");
    let open = || Sink::open(Target::File(path.clone()));
    let line = open().expect_err("nobody reads it").to_string();
    assert!(
        line.contains("start its reader first") && line.contains(&path.display().to_string()),
        "{line}"
    );
    let mut options = OpenOptions::new();
    let reader = options.read(true).custom_flags(O_NONBLOCK).open(&path);
    let mut sink = open().expect("it has a reader");
    let text = b"0123456789abcde\n".repeat(2 * MOST_PENDING / 16);
    sink.buffer().extend_from_slice(&text);
    sink.flush().expect("it takes a part");
    assert!(!sink.is_empty());
    drop(reader);
    let (error, lost) = sink.flush().expect_err("the reader has gone");
    assert!(
        lost > 0 && sink.advice(&error).contains("start its reader again"),
        "{error}"
    );
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let folder = tempfile::tempdir().expect("a directory");
    let [path, old] = ["log", "log.1"].map(|name| folder.path().join(name));
    let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
    std::fs::rename(&path, &old).expect("it can be moved");
    for (text, reopens) in [("old\n", true), ("new\n", false)] {
        sink.buffer().extend_from_slice(text.as_bytes());
        sink.flush().expect("room");
        if reopens {
            sink.reopen().expect("the directory is there");
        }
    }
    assert_eq!(std::fs::read_to_string(&old).expect("it is there"), "old\n");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "new\n");
    std::fs::remove_file(&path).expect("it is there");
    std::fs::create_dir(&path).expect("a free name");
    let error = sink.reopen().expect_err("a directory is no log");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}
