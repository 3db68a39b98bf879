//! A restart without a gap: the new program is started while the old one serves, and takes over its sockets.
//!
//! The old process starts the program anew, with the same arguments, and with a Unix socket as its standard input. The new
//! one asks by a byte for all sockets that listen and the locks of Unix sockets, and gets them over that. So it binds nothing:
//! no connection that waits in a backlog is lost, and no other program can come between; and what never asks, holds none of
//! them. When the new process serves, it says so by another byte, and only then the old one drains. When it ends or keeps silent
//! instead, nothing has changed but for a line in the log.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sockets::Sockets;
use crate::sys::handover;
use crate::sys::lock::Lock;

/// Tells the new process that its standard input is the old one's socket.
const VARIABLE: &str = "SERVER_HANDOVER";
/// How long the old process waits for the new one to serve.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a process waits for the next message of the other one, which has it ready.
const MESSAGE: Duration = Duration::from_secs(10);

/// How often the old process looks whether it is to give the new one up.
const LOOK: Duration = Duration::from_millis(50);

/// What a message is.
mod tag {
    /// The new process asks for the sockets.
    pub(super) const ASK: u8 = b'?';
    /// A lock; the socket that it belongs to follows.
    pub(super) const LOCK: u8 = b'K';
    /// A socket for clients.
    pub(super) const SERVICE: u8 = b'S';
    /// A socket of the admin listener.
    pub(super) const ADMIN: u8 = b'A';
    /// There is no more.
    pub(super) const END: u8 = b'E';
    /// The new process serves.
    pub(super) const READY: u8 = b'R';
}

/// All that listens.
#[derive(Debug, Default)]
pub struct Handover {
    /// The sockets for clients.
    pub service: Sockets,
    /// Those of the admin listener.
    pub admin: Sockets,
}

impl Handover {
    fn send(&self, to: &UnixStream) -> io::Result<()> {
        for (sockets, tag) in [(&self.service, tag::SERVICE), (&self.admin, tag::ADMIN)] {
            for listener in sockets.listeners() {
                if let Some(lock) = listener.lock() {
                    handover::send(to, tag::LOCK, Some(lock.as_fd()))?;
                }
                handover::send(to, tag, Some(listener.as_fd()))?;
            }
        }
        handover::send(to, tag::END, None)
    }

    fn receive(from: &UnixStream) -> io::Result<Self> {
        let mut all = Self::default();
        let mut lock = None;
        loop {
            match handover::receive(from)? {
                (tag::LOCK, Some(fd)) => lock = Some(Arc::new(Lock::inherited(fd))),
                (tag::SERVICE, Some(fd)) => all.service.take_over(fd, lock.take())?,
                (tag::ADMIN, Some(fd)) => all.admin.take_over(fd, lock.take())?,
                (tag::END, None) => return Ok(all),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }
}

/// Whether this process was started to take the place of another one, from which it gets its sockets.
pub(super) fn has_predecessor() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// The process that has started this one to take its place.
#[derive(Debug)]
pub struct Predecessor(UnixStream);

impl Predecessor {
    /// Returns the predecessor and all that listens; none when this process was started in the usual way.
    ///
    /// # Errors
    ///
    /// When the predecessor does not hand over what it promised.
    pub fn find() -> io::Result<Option<(Self, Handover)>> {
        if !has_predecessor() {
            return Ok(None);
        }
        let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_read_timeout(Some(MESSAGE))?;
        socket.write_all(&[tag::ASK])?;
        let sockets = Handover::receive(&socket)?;
        Ok(Some((Self(socket), sockets)))
    }

    /// Tells the predecessor that this process serves, so that it drains.
    pub fn replace(mut self) {
        // It may have been stopped meanwhile.
        let _ = self.0.write_all(&[tag::READY]);
    }
}

/// How this program was started, to start it in the same way again.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// A program with these arguments.
    pub fn new(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.into_iter().collect(),
        }
    }

    /// Finds the program's file, by the name that it was started by. A link stays a link: what it leads to at the time of
    /// the restart is started.
    #[must_use]
    pub fn of_this_process() -> Self {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let path = locate(&name, env::var_os("PATH").as_deref()).or_else(|| env::current_exe().ok());
        Self {
            path: path.unwrap_or_else(|| name.into()),
            arguments: arguments.collect(),
        }
    }

    /// Starts the program anew.
    ///
    /// # Errors
    ///
    /// A line that says why it did not start.
    pub fn start(&self) -> Result<Successor, String> {
        self.start_by(Way::new().map_err(|error| format!("cannot make a socket: {error}"))?)
    }

    /// The same, with a way to it that another thread can cut.
    pub(super) fn start_by(&self, way: Way) -> Result<Successor, String> {
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .env(VARIABLE, "1")
            .stdin(Stdio::from(OwnedFd::from(way.there)))
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.path.display()))?;
        Ok(Successor {
            child,
            socket: way.here,
            is_cut: way.is_cut,
        })
    }
}

/// The way between this process and the one that is to take its place.
#[derive(Debug)]
pub(super) struct Way {
    here: UnixStream,
    there: UnixStream,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    pub(super) fn new() -> io::Result<Self> {
        let (here, there) = UnixStream::pair()?;
        here.set_read_timeout(Some(LOOK))?;
        here.set_write_timeout(Some(MESSAGE))?;
        Ok(Self {
            here,
            there,
            is_cut: Arc::default(),
        })
    }

    /// Returns what gives the other process up, whenever that is.
    pub(super) fn cutter(&self) -> Cutter {
        Cutter(Arc::clone(&self.is_cut))
    }
}

/// Gives up a process that does not serve yet.
#[derive(Debug)]
pub(super) struct Cutter(Arc<AtomicBool>);

impl Cutter {
    /// Has [`Successor::take_over`] end the process and return soon, unless that has said that it serves. A socket that is shut
    /// down would not do: other kernels than Linux throw away what has come by it, and that may be this word.
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The process that is to take this one's place.
#[derive(Debug)]
pub struct Successor {
    child: Child,
    socket: UnixStream,
    is_cut: Arc<AtomicBool>,
}

impl Successor {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Hands it the sockets when it asks, if they are still there, and waits until it serves.
    ///
    /// # Errors
    ///
    /// A line that says what it did instead. It is ended then.
    pub fn take_over(mut self, sockets: &Weak<Handover>, patience: Duration) -> Result<u32, String> {
        let until = Instant::now() + patience;
        let taken = self.hear(tag::ASK, until).and_then(|()| {
            // Held for no longer than this: a server that drains has let go of them.
            let sockets = sockets
                .upgrade()
                .ok_or_else(|| io::Error::other("the server ends"))?;
            sockets.send(&self.socket)
        });
        match taken.and_then(|()| self.hear(tag::READY, until)) {
            Ok(()) => Ok(self.pid()),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.give_up("it ended before it served"),
                io::ErrorKind::WouldBlock => {
                    self.give_up(&format!("it did not serve within {} s", patience.as_secs()))
                }
                _ => self.give_up(&format!("it did not take the sockets over: {error}")),
            }),
        }
    }

    /// Waits for a byte of it.
    fn hear(&mut self, tag: u8, until: Instant) -> io::Result<()> {
        let mut said = [0];
        let count = loop {
            match self.socket.read(&mut said) {
                // A look is over; or this process was stopped and goes on, when a read with a timeout fails without any handler,
                // signal(7).
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                read => break read?,
            }
            if self.is_cut.load(Ordering::Relaxed) {
                return Err(io::Error::other("the server ends"));
            }
            if Instant::now() >= until {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        };
        match count {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if said[0] == tag => Ok(()),
            _ => Err(io::Error::other("it is no server of this kind")),
        }
    }

    fn give_up(&mut self, why: &str) -> String {
        // What has ended cannot be killed, and need not.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => format!("{why} ({status})"),
            Err(_) => why.to_owned(),
        }
    }
}

/// The file of a program that was started by this name, as execvp(3) finds it.
fn locate(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.components().count() > 1 {
        return std::path::absolute(name).ok().filter(|path| path.is_file());
    }
    let mut candidates = env::split_paths(path?).map(|folder| folder.join(name));
    candidates
        .find(|path| path.is_file())
        .and_then(|path| std::path::absolute(path).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{AcceptMode, Address};
    use crate::sockets::Options;

    #[test]
    fn sockets_and_locks_arrive_as_they_were() {
        let _held = crate::sys::tests::children::no_child_starts();
        let folder = tempfile::tempdir().expect("a directory");
        let unix = folder.path().join("socket");
        let options = Options {
            workers: 3,
            accept: AcceptMode::default(),
            mode: None,
        };
        let bind = |addresses: &[Address]| Sockets::bind(addresses, &options).expect("free places");
        let tcp: Address = "127.0.0.1:0".parse().expect("an address");
        let old = Handover {
            service: bind(&[tcp.clone(), Address::Unix(unix.clone())]),
            admin: bind(&[tcp]),
        };
        let (here, there) = UnixStream::pair().expect("a pair");
        old.send(&here).expect("room");
        let new = Handover::receive(&there).expect("all of it");
        assert!(new.service.facts().eq(old.service.facts()) && new.admin.facts().eq(old.admin.facts()));
        drop(old);
        assert!(Lock::take(&unix).is_err(), "the new one has the lock");
        drop(new);
        Lock::take(&unix).expect("nobody has it any more");
    }

    #[test]
    fn a_successor_that_has_said_that_it_serves_is_not_cut_off_any_more() {
        let _alone = crate::sys::tests::children::child_starts();
        let sockets = Arc::new(Handover::default());
        for (script, serves) in [
            ("printf '?R' >&0; sleep 0.5", true),
            ("printf '?' >&0; exec sleep 60", false),
            ("exec sleep 60", false),
        ] {
            let way = Way::new().expect("a pair");
            let cutter = way.cutter();
            let program = Program::new("/bin/sh", ["-c".into(), script.into()]);
            let successor = program.start_by(way).expect("it starts");
            // What it says has come by then.
            std::thread::sleep(Duration::from_millis(200));
            cutter.cut();
            let started = Instant::now();
            let taken = successor.take_over(&Arc::downgrade(&sockets), PATIENCE);
            assert_eq!(taken.is_ok(), serves, "{script}: {taken:?}");
            assert!(started.elapsed() < Duration::from_secs(10), "{script}");
        }
    }

    #[test]
    fn what_is_no_handover_is_refused() {
        for messages in [
            &[(tag::SERVICE, false)][..],
            &[(tag::END, true)],
            &[(b'?', false)],
            &[],
        ] {
            let (here, there) = UnixStream::pair().expect("a pair");
            for &(tag, with_fd) in messages {
                handover::send(&here, tag, with_fd.then(|| there.as_fd())).expect("room");
            }
            drop(here);
            Handover::receive(&there).expect_err("it is no handover");
        }
    }

    #[test]
    fn a_program_is_found_as_the_shell_found_it() {
        let folder = tempfile::tempdir().expect("a directory");
        let program = folder.path().join("program");
        std::fs::write(&program, "").expect("a file");
        let path = env::join_paths([Path::new("/nowhere"), folder.path()]).expect("a list");
        assert_eq!(locate(OsStr::new("program"), Some(&path)), Some(program.clone()));
        assert_eq!(locate(program.as_os_str(), None), Some(program.clone()));
        assert_eq!(locate(OsStr::new("other"), Some(&path)), None);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&program, &link).expect("a free name");
        assert_eq!(locate(link.as_os_str(), None), Some(link));
    }
}
