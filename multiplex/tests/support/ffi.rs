//! The system calls that only tests need.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use libc::c_int;

/// Sets O_NONBLOCK by fcntl(2).
pub(crate) fn set_nonblocking(fd: &impl AsFd) {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the call takes no pointers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    assert!(flags >= 0);
    // SAFETY: the call takes no pointers.
    let result = unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) };
    assert_eq!(result, 0);
}

/// A number that names no open file: it is above the limit of open files.
pub(crate) fn closed_fd() -> BorrowedFd<'static> {
    // SAFETY: nothing can be open under this number, so it is nobody else's file that is named; it is not -1.
    unsafe { BorrowedFd::borrow_raw(RawFd::MAX) }
}

/// Lets close(2) reset the connection, by SO_LINGER with no time.
pub(crate) fn reset_on_close(socket: &impl AsFd) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the kernel reads one `linger` of this size, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}

/// Sends one byte of urgent data.
pub(crate) fn send_urgent(socket: &impl AsFd) {
    let byte = 7_u8;
    // SAFETY: the kernel reads one byte, which lives until the call returns.
    let sent = unsafe {
        libc::send(
            socket.as_fd().as_raw_fd(),
            (&raw const byte).cast(),
            1,
            libc::MSG_OOB,
        )
    };
    assert_eq!(sent, 1);
}

/// Starts to connect a new non-blocking IPv4 socket to a port of loopback, and gives its fd.
pub(crate) fn start_connecting(port: u16) -> std::net::TcpStream {
    use std::os::fd::FromRawFd;
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    assert!(fd >= 0);
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    let stream = unsafe { std::net::TcpStream::from_raw_fd(fd) };
    stream.set_nonblocking(true).unwrap();
    // SAFETY: zero bytes are valid for a struct of integers.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the kernel reads one `sockaddr_in` of this size, which lives until the call returns.
    let result = unsafe { libc::connect(fd, (&raw const address).cast(), size) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    assert!(
        result == 0 || matches!(errno, Some(libc::EINPROGRESS | libc::ECONNREFUSED)),
        "{errno:?}"
    );
    stream
}

/// How much processor time the calling thread has used.
pub(crate) fn thread_time() -> std::time::Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec, which lives until the call returns.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The name of a thread: a number, but a pointer where the C library is musl.
#[derive(Clone, Copy)]
pub(crate) struct ThreadName(libc::pthread_t);

// SAFETY: the name is only handed to pthread_kill(3), which any thread may call with any thread's name.
unsafe impl Send for ThreadName {}
// SAFETY: as above, and nothing in it changes.
unsafe impl Sync for ThreadName {}

/// The thread that calls this, for [`interrupt`].
pub(crate) fn this_thread() -> ThreadName {
    // SAFETY: the call takes no pointers.
    ThreadName(unsafe { libc::pthread_self() })
}

/// Lets SIGUSR1 interrupt system calls and do nothing else.
pub(crate) fn catch_signals() {
    extern "C" fn ignore(_: c_int) {}
    catch(libc::SIGUSR1, ignore);
}

/// Lets `handler` run at a signal. It may only do what signal-safety(7) allows.
pub(crate) fn catch(signal: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: zero bytes are a valid sigaction: no flags, so SA_RESTART is off, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // SAFETY: `action` lives until the call returns, and its handler is a function of the right type that never goes.
    let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// kill(2).
pub(crate) fn kill(process: u32, signal: c_int) {
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::kill(process as libc::pid_t, signal) }, 0);
}

/// Sends SIGUSR1 to a thread that has not been joined yet.
pub(crate) fn interrupt(thread: ThreadName) {
    // SAFETY: the caller joins the thread only after this, so the name is valid.
    assert_eq!(unsafe { libc::pthread_kill(thread.0, libc::SIGUSR1) }, 0);
}

/// fork(2), for a process whose other threads hold no lock that the child needs. Gives the child's exit status, which
/// is what `child` returns.
pub(crate) fn in_child(child: impl FnOnce() -> bool, while_it_runs: impl FnOnce()) -> bool {
    // SAFETY: the caller runs this in a process without other busy threads, so the child may go on as usual.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(if good { 0 } else { 1 }) };
    }
    while_it_runs();
    let mut status = 0;
    // SAFETY: `status` lives until the call returns.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status == 0
}

/// What poll(2) says of one fd right now.
pub(crate) fn poll(fd: BorrowedFd<'_>, events: i16) -> i16 {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: `entry` is one pollfd and lives until the call returns.
    assert!(unsafe { libc::poll(&mut entry, 1, 0) } >= 0);
    entry.revents
}

/// The fds that are open in this process, of the first so many numbers: a test has no more.
pub(crate) fn open_fds() -> Vec<RawFd> {
    // SAFETY: the call takes no pointers.
    (0..1_000)
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .collect()
}

/// Asks for errors in a queue of their own beside the socket's error, by IP_RECVERR, where there is such a thing.
pub(crate) fn ask_for_an_error_queue(socket: &impl AsFd) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let yes: c_int = 1;
        // SAFETY: the kernel reads one int of this size, which lives until the call returns.
        let result = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_RECVERR,
                (&raw const yes).cast(),
                size_of::<c_int>() as libc::socklen_t,
            )
        };
        assert_eq!(result, 0);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

/// Takes what is in that queue, and says how many messages it were.
pub(crate) fn read_error_queue(socket: &impl AsFd) -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: zero bytes are a valid msghdr: no address, no buffers and no control data.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: `message` lives until each call returns, and says that there is nothing to be written to.
        let mut receive =
            || unsafe { libc::recvmsg(fd, &mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
        (0..).take_while(|_| receive() >= 0).count()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        0
    }
}

/// A new pseudoterminal: its master, non-blocking, and a slave that is open.
pub(crate) fn pseudoterminal() -> (std::fs::File, std::fs::File) {
    use std::os::fd::FromRawFd;
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE_AT_A_TIME.lock();
    // SAFETY: the call takes no pointers.
    let master = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY) };
    assert!(master >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::grantpt(master) }, 0);
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::unlockpt(master) }, 0);
    // SAFETY: the call takes no pointers.
    let name = unsafe { libc::ptsname(master) };
    assert!(!name.is_null());
    // SAFETY: it is a string that ends with a zero byte, and is read before any other thread of this test asks for one.
    let name = unsafe { std::ffi::CStr::from_ptr(name) }.to_owned();
    // SAFETY: `name` is a string that ends with a zero byte.
    let slave = unsafe { libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY) };
    assert!(slave >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    let master = unsafe { std::fs::File::from_raw_fd(master) };
    set_nonblocking(&master);
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    (master, unsafe { std::fs::File::from_raw_fd(slave) })
}

/// mkfifo(3).
pub(crate) fn make_fifo(path: &std::path::Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: `path` is a string that ends with a zero byte and lives until the call returns.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// shutdown(2) of both directions.
pub(crate) fn shut_down(socket: &impl AsFd) {
    // SAFETY: the call takes no pointers.
    let _ = unsafe { libc::shutdown(socket.as_fd().as_raw_fd(), libc::SHUT_RDWR) };
}

/// pidfd_open(2): Linux 5.3.
#[cfg(target_os = "linux")]
pub(crate) fn open_process(process: u32) -> std::os::fd::OwnedFd {
    use std::os::fd::FromRawFd;
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process as libc::pid_t, 0) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    unsafe { std::os::fd::OwnedFd::from_raw_fd(fd as RawFd) }
}

/// ioctl(2) with TUNSETIFF: makes a TUN device of an open /dev/net/tun. Nothing where that is not allowed.
#[cfg(target_os = "linux")]
pub(crate) fn make_tun(device: &impl AsFd, name: &str) -> Option<libc::ifreq> {
    // SAFETY: zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as _;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    let device = device.as_fd().as_raw_fd();
    // SAFETY: the kernel reads and writes one ifreq, which lives until the call returns.
    let result = unsafe { libc::ioctl(device, libc::TUNSETIFF as _, &mut request) };
    (result == 0).then_some(request)
}

/// ioctl(2) with SIOCSIFFLAGS: lets the link of such a device be up.
#[cfg(target_os = "linux")]
pub(crate) fn raise_link(mut request: libc::ifreq) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the kernel reads one ifreq, which lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &mut request) };
    assert_eq!(result, 0);
}
