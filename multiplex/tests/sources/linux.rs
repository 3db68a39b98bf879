//! Sources that Linux alone has.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;

use multiplex::{Event, Token, Trigger};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::support::*;

#[rustfmt::skip]
pub(super) const ROWS: &[(&str, fn())] = &[
    ("eventfd", an_eventfd_is_readable_while_its_counter_is_not_0),
    ("timerfd", a_timerfd_is_readable_when_its_time_has_come),
    ("signalfd", a_signalfd_reports_the_signals_of_the_process_and_of_the_thread_that_waits),
    ("pidfd", a_pidfd_is_readable_once_the_process_has_ended),
    ("inotify", an_inotify_is_readable_while_changes_wait),
    ("netlink socket", a_netlink_socket_is_readable_while_messages_wait),
    ("/proc/self/mounts", the_mounts_report_a_change_as_an_error_by_edge),
    ("TUN device", a_tun_device_that_was_added_before_it_had_a_name_is_silent_until_it_is_modified),
];

fn level(watch: &Watch, source: &impl AsFd) {
    watch
        .poller
        .add(source, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
}

#[test]
fn an_eventfd_is_readable_while_its_counter_is_not_0() {
    let counter = EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK).unwrap();
    let mut watch = Watch::new();
    watch
        .poller
        .add(&counter, Token::new(1), BOTH, Trigger::Level)
        .unwrap();
    watch.expect_not(1, Event::is_readable);
    counter.write(3).unwrap();
    watch.expect(1, Event::is_readable);
    assert_eq!(counter.read().unwrap(), 3);
    watch.expect_not(1, Event::is_readable);
    watch.expect(1, Event::is_writable);
    counter.write(u64::MAX - 1).unwrap();
    watch.expect_not(1, Event::is_writable);
}

#[test]
fn a_timerfd_is_readable_when_its_time_has_come() {
    let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK).unwrap();
    let mut watch = Watch::new();
    level(&watch, &timer);
    watch.expect_silence();
    let soon = Expiration::OneShot(TimeSpec::from_duration(MOMENT));
    timer.set(soon, TimerSetTimeFlags::empty()).unwrap();
    watch.expect(1, Event::is_readable);
    timer.wait().unwrap();
    watch.expect_silence();
}

/// A thread hands on what it blocks to the threads that it starts, so the test runs in one of its own.
#[test]
fn a_signalfd_reports_the_signals_of_the_process_and_of_the_thread_that_waits() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGWINCH); // whose default is to do nothing: other tests' threads may take one
    thread::spawn(move || {
        signals.thread_block().unwrap();
        let fd = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK).unwrap();
        let mut watch = Watch::new();
        level(&watch, &fd);
        watch.expect_silence();
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        watch.expect(1, Event::is_readable);
        assert!(fd.read_signal().unwrap().is_some());
        watch.expect_silence();
        // One that is sent to another thread is nobody else's.
        let (done, over) = std::sync::mpsc::channel::<()>();
        let (told, other) = std::sync::mpsc::channel();
        let sleeper = thread::spawn(move || {
            told.send(()).unwrap();
            nix::sys::signal::raise(Signal::SIGWINCH).unwrap(); // it inherits what is blocked
            told.send(()).unwrap();
            let _ = over.recv();
        });
        other.recv().unwrap();
        other.recv().unwrap();
        watch.expect_not(1, Event::is_readable);
        assert!(fd.read_signal().unwrap().is_none());
        drop(done);
        sleeper.join().unwrap();
    })
    .join()
    .unwrap();
}

/// Set for the process in which no other test runs, because a fork takes the locks of other threads along.
const ALONE: &str = "MULTIPLEX_SOURCES_TEST_ALONE";

/// The second sentence of the row: who is told after a fork.
#[test]
fn a_child_of_fork_is_told_of_its_own_signals_after_it_has_registered_the_signalfd_anew() {
    if std::env::var_os(ALONE).is_none() {
        let name =
            "linux::a_child_of_fork_is_told_of_its_own_signals_after_it_has_registered_the_signalfd_anew";
        let test = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&test.stdout);
        assert!(test.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGWINCH);
    signals.thread_block().unwrap();
    let fd = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK).unwrap();
    let mut watch = Watch::new();
    level(&watch, &fd);
    let in_child = || {
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        watch.expect_silence();
        watch.poller.remove(&fd).unwrap();
        level(&watch, &fd);
        watch.expect(1, Event::is_readable);
        fd.read_signal().unwrap().is_some()
    };
    assert!(ffi::in_child(in_child, || ()));
}

#[test]
fn a_pidfd_is_readable_once_the_process_has_ended() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let fd = ffi::open_process(child.id());
    let mut watch = Watch::new();
    level(&watch, &fd);
    watch.expect_silence();
    drop(child.stdin.take());
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
    assert!(child.wait().unwrap().success());
    // It stays so, also when the process has been waited for.
    watch.expect(1, Event::is_readable);
}

#[test]
fn an_inotify_is_readable_while_changes_wait() {
    let folder = folder("inotify");
    let changes = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    changes.add_watch(&folder, AddWatchFlags::IN_CREATE).unwrap();
    let mut watch = Watch::new();
    level(&watch, &changes);
    watch.expect_silence();
    for name in ["a", "b"] {
        File::create(folder.join(name)).unwrap();
    }
    watch.expect(1, Event::is_readable);
    assert_eq!(changes.read_events().unwrap().len(), 2, "one read brings several");
    watch.expect_silence();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_netlink_socket_is_readable_while_messages_wait() {
    let socket = socket2::Socket::new(
        socket2::Domain::from(libc::AF_NETLINK),
        socket2::Type::RAW,
        Some(socket2::Protocol::from(libc::NETLINK_ROUTE)),
    )
    .unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut watch = Watch::new();
    level(&watch, &socket);
    watch.expect_silence();
    // nlmsghdr of 16 bytes and ifinfomsg of 16: RTM_GETLINK for all, NLM_F_REQUEST | NLM_F_DUMP.
    let mut request = [0_u8; 32];
    request[..4].copy_from_slice(&32_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&18_u16.to_ne_bytes());
    request[6..8].copy_from_slice(&0x301_u16.to_ne_bytes());
    socket.send(&request).unwrap();
    let mut done = false;
    while !done {
        watch.expect(1, Event::is_readable);
        let mut answer = [0; 64 * 1024];
        let n = (&socket).read(&mut answer).unwrap();
        let kind = u16::from_ne_bytes(answer[4..6].try_into().unwrap());
        assert!(
            n >= 16 && [16, 3].contains(&kind),
            "RTM_NEWLINK or NLMSG_DONE, not {kind}"
        );
        done = kind == 3;
    }
    watch.expect_silence();
}

/// A mount in a mount namespace of its own, as root alone may make it.
#[test]
fn the_mounts_report_a_change_as_an_error_by_edge() {
    let child = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            "echo; read _; mount -t tmpfs none /proc/self/task && echo; read _",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return skipped("/proc/self/mounts", "unshare(1)");
    };
    let (mut orders, mut answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    if answers.read_exact(&mut [0]).is_err() {
        return skipped("/proc/self/mounts", "the right to make a mount namespace");
    }
    let mounts = File::open(format!("/proc/{}/mounts", child.id())).unwrap();
    let mut watch = Watch::new();
    level(&watch, &mounts);
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
    watch
        .poller
        .modify(&mounts, Token::new(1), READABLE, Trigger::Edge)
        .unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect_silence();
    orders.write_all(b"\n").unwrap();
    let mounted = answers.read_exact(&mut [0]).is_ok();
    if mounted {
        watch.expect(1, Event::is_error);
    } else {
        skipped("/proc/self/mounts", "the right to mount");
    }
    drop(orders);
    child.wait().unwrap();
}

#[test]
fn a_tun_device_that_was_added_before_it_had_a_name_is_silent_until_it_is_modified() {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let device = match device {
        Ok(device) => device,
        Err(error) => return skipped("TUN device", &format!("/dev/net/tun ({error})")),
    };
    ffi::set_nonblocking(&device);
    let mut watch = Watch::new();
    let both = |watch: &Watch| watch.poller.modify(&device, Token::new(1), BOTH, Trigger::Level);
    both(&watch).unwrap();
    let event = watch.expect(1, Event::is_error);
    assert!(event.is_readable() && event.is_writable(), "{event:?}");
    let error = (&device).read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADFD));
    let Some(request) = ffi::make_tun(&device, "mxtest%d") else {
        return skipped("TUN device", "the right to make one");
    };
    watch.expect_silence();
    ffi::raise_link(request);
    // There is room to write by now, and nobody is told.
    watch.expect_silence();
    both(&watch).unwrap();
    watch.expect(1, Event::is_writable);
}
