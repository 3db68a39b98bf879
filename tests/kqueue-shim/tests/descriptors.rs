//! Descriptors of kqueues themselves, on Linux: what the shim does where a kernel would know better.
#![cfg(target_os = "linux")]

#[path = "scenarios/ffi.rs"]
#[expect(dead_code, reason = "the scenarios use the rest of it")]
mod ffi;

use std::{
    fs::{self, File},
    io::Write,
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ffi::{ADD, Entry, Filter, Lists};

const AT_ONCE: Option<ffi::Time> = Some((0, 0));

/// The tests count descriptors and use closed numbers, so they run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_read(kq: RawFd, source: &impl AsRawFd) -> Result<Vec<Entry>, i32> {
    let ident = usize::try_from(source.as_raw_fd()).expect("an open fd");
    let change = Entry {
        ident,
        filter: Filter::Read,
        flags: ADD,
        fflags: 0,
        data: 0,
        udata: 1,
    };
    ffi::kevent(kq, &[change], 0, Lists::Apart, None)
}

fn poll(kq: RawFd) -> Result<usize, i32> {
    ffi::kevent(kq, &[], 8, Lists::Apart, AT_ONCE).map(|events| events.len())
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("procfs").count()
}

#[test]
fn a_closed_kqueue_is_an_error_also_when_its_number_names_another_file() {
    let _alone = alone();
    let kq = ffi::kqueue();
    let number = kq.as_raw_fd();
    assert_eq!(poll(number), Ok(0));
    drop(kq);
    assert_eq!(poll(number), Err(libc::EBADF));
    let null = File::open("/dev/null").expect("there is one");
    let file = if null.as_raw_fd() == number {
        null.into()
    } else {
        ffi::duplicate_as(&null, number)
    };
    // FreeBSD's answer; NetBSD and OpenBSD say EBADF.
    assert_eq!(poll(file.as_raw_fd()), Err(libc::EINVAL));
}

#[test]
fn a_number_used_again_is_a_kqueue_without_knotes() {
    let _alone = alone();
    let (a, mut b) = UnixStream::pair().expect("socketpair");
    b.write_all(b"x").expect("room");
    let first = ffi::kqueue();
    let number = first.as_raw_fd();
    add_read(number, &a).expect("an open fd");
    drop(first);
    let second = ffi::kqueue();
    assert_eq!(second.as_raw_fd(), number, "the lowest free number");
    assert_eq!(poll(number), Ok(0));
}

#[test]
fn a_dup_of_a_kqueue_is_the_same_kqueue() {
    let _alone = alone();
    let (a, mut b) = UnixStream::pair().expect("socketpair");
    let kq = ffi::kqueue();
    let duplicate = kq.try_clone().expect("dup");
    add_read(duplicate.as_raw_fd(), &a).expect("an open fd");
    b.write_all(b"x").expect("room");
    assert_eq!(poll(kq.as_raw_fd()), Ok(1));
    assert_eq!(poll(duplicate.as_raw_fd()), Ok(1));
}

#[test]
fn closed_kqueues_leave_no_descriptors_behind() {
    let _alone = alone();
    kqueue_shim::sweep();
    let before = open_descriptors();
    for _ in 0..100 {
        drop(ffi::kqueue());
    }
    kqueue_shim::sweep();
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_closed_source_that_a_dup_keeps_alive_does_not_keep_the_kqueue_readable() {
    let _alone = alone();
    let (a, mut b) = UnixStream::pair().expect("socketpair");
    let kq = ffi::kqueue();
    add_read(kq.as_raw_fd(), &a).expect("an open fd");
    let _duplicate = a.try_clone().expect("dup");
    drop(a);
    b.write_all(b"x").expect("room");
    let start = Instant::now();
    let events = ffi::kevent(kq.as_raw_fd(), &[], 8, Lists::Apart, Some((0, 50_000_000)));
    assert_eq!(events.map(|events| events.len()), Ok(0));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(!ffi::is_readable(&kq), "who polls the kqueue would spin");
}

/// As FreeBSD and OpenBSD do, so that a caller who waits for one is found.
#[test]
fn a_regular_file_is_taken_and_then_silent() {
    let _alone = alone();
    let kq = ffi::kqueue();
    let program = std::env::current_exe().expect("it runs");
    for path in [program.as_path(), "/dev/null".as_ref()] {
        let file = File::open(path).expect("it can be read");
        add_read(kq.as_raw_fd(), &file).expect("a kernel takes it");
        assert_eq!(poll(kq.as_raw_fd()), Ok(0));
        let delete = Entry {
            ident: usize::try_from(file.as_raw_fd()).expect("an open fd"),
            filter: Filter::Read,
            flags: ffi::DELETE,
            fflags: 0,
            data: 0,
            udata: 1,
        };
        let deletes =
            [delete, delete].map(|change| ffi::kevent(kq.as_raw_fd(), &[change], 0, Lists::Apart, None));
        assert_eq!(deletes.map(|answer| answer.err()), [None, Some(libc::ENOENT)]);
    }
}

/// As on every BSD, so that a caller who forgets FD_CLOEXEC is found.
#[test]
fn a_kqueue_is_not_closed_on_exec_unless_it_is_asked_for() {
    let _alone = alone();
    let kq = ffi::kqueue();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", kq.as_raw_fd())).expect("procfs");
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .expect("fdinfo says them");
    let flags = i32::from_str_radix(flags.trim(), 8).expect("octal");
    assert_eq!(flags & libc::O_CLOEXEC, 0);
}
