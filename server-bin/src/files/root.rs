//! The root of a site: a path, and the directory that it led to when it was looked at last.
//!
//! The path is the root, not the directory: a site that is built anew, re-linked or mounted over is found within a
//! second. The path is compared with what is held open before a round's first file, at most once a second, so an idle
//! server does nothing for it. While the path leads to nothing that can be opened, the directory held serves on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::{self, Identity};

/// Between two looks at the path.
const LOOK: Duration = Duration::from_secs(1);

/// A change of a root, as a line for a log.
#[derive(Debug)]
pub struct RootEvent {
    path: PathBuf,
    /// Why it cannot be opened; none if it was.
    error: Option<io::Error>,
}

impl RootEvent {
    /// Why the path cannot be opened; none if another directory was found there, which is served from now on.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }
}

impl fmt::Display for RootEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(
                f,
                "the root {:?} cannot be opened: {error}; the directory that was there before is served on",
                self.path
            ),
            None => write!(
                f,
                "another directory was found at the root {:?} and is served now",
                self.path
            ),
        }
    }
}

/// The function that the root calls with its changes.
pub(super) type RootLog = Box<dyn Fn(&RootEvent) + Send + Sync>;

/// The part of a root that all workers share.
pub(super) struct SharedRoot {
    path: PathBuf,
    /// Grows with each request to open the path again at once.
    asked: AtomicU64,
    /// The news that was told last, so that several workers tell it once.
    told: Mutex<Told>,
}

struct Told {
    log: Option<RootLog>,
    failed: bool,
    identity: Identity,
}

/// Has the path of a root opened again. See [`Files::reopener`](super::Files::reopener).
#[derive(Clone)]
pub struct Reopener(Arc<SharedRoot>);

impl Reopener {
    /// Makes every worker open the path again before its next file, as SIGHUP asks for.
    pub fn reopen(&self) {
        self.0.asked.fetch_add(1, Ordering::Release);
    }
}

impl fmt::Debug for Reopener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reopener").field(&self.0.path).finish()
    }
}

/// One worker's view of the root.
#[derive(Clone)]
pub(super) struct ServedRoot {
    shared: Arc<SharedRoot>,
    held: Arc<sys::Root>,
    identity: Identity,
    asked: u64,
    next_look: Option<Instant>,
}

impl ServedRoot {
    /// Opens the directory at `path`, which is made absolute.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let (held, identity) = open(&path)?;
        let told = Told {
            log: None,
            failed: false,
            identity,
        };
        Ok(Self {
            shared: Arc::new(SharedRoot {
                path,
                asked: AtomicU64::new(0),
                told: Mutex::new(told),
            }),
            held: Arc::new(held),
            identity,
            asked: 0,
            next_look: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(super) fn log_to(&self, log: RootLog) {
        self.shared.told().log = Some(log);
    }

    pub(super) fn reopener(&self) -> Reopener {
        Reopener(Arc::clone(&self.shared))
    }

    /// The directory to serve from.
    pub(super) fn directory(&self) -> &Arc<sys::Root> {
        &self.held
    }

    /// Looks at the path if it is time to. Returns whether another directory is served from now on.
    #[inline]
    pub(super) fn refresh(&mut self, now: Instant) -> bool {
        let asked = self.shared.asked.load(Ordering::Acquire);
        if self.asked == asked && self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.look(asked, now)
    }

    #[cold]
    fn look(&mut self, asked: u64, now: Instant) -> bool {
        self.next_look = now.checked_add(LOOK);
        let at_once = std::mem::replace(&mut self.asked, asked) != asked;
        match Identity::at(&self.shared.path) {
            Ok(identity) if identity == self.identity && !at_once => {
                self.shared.tell(Ok(identity));
                return false;
            }
            Ok(_) => {}
            Err(error) => {
                self.shared.tell(Err(error));
                return false;
            }
        }
        match open(&self.shared.path) {
            Ok((held, identity)) => {
                self.held = Arc::new(held);
                self.identity = identity;
                self.shared.tell(Ok(identity));
                true
            }
            Err(error) => {
                self.shared.tell(Err(error));
                false
            }
        }
    }
}

impl fmt::Debug for ServedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedRoot")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

/// Opens the path. Should it lead elsewhere between the two calls, the next look finds out.
fn open(path: &Path) -> io::Result<(sys::Root, Identity)> {
    let identity = Identity::at(path)?;
    Ok((sys::Root::open(path)?, identity))
}

impl SharedRoot {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what is new, once.
    fn tell(&self, found: io::Result<Identity>) {
        let mut told = self.told();
        let is_new = match &found {
            Ok(identity) => std::mem::replace(&mut told.identity, *identity) != *identity,
            Err(_) => !told.failed,
        };
        told.failed = found.is_err();
        if let (true, Some(log)) = (is_new, &told.log) {
            log(&RootEvent {
                path: self.path.clone(),
                error: found.err(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;

    use tempfile::TempDir;

    use super::*;

    /// A base directory, the path of a root in it, and what the root said.
    struct Case {
        base: TempDir,
        root: ServedRoot,
        lines: mpsc::Receiver<String>,
        start: Instant,
    }

    impl Case {
        fn new(make: impl FnOnce(&Path)) -> Self {
            let base = TempDir::new().expect("a directory");
            make(base.path());
            let root = ServedRoot::open(&base.path().join("root")).expect("the root");
            let (sender, lines) = mpsc::channel();
            root.log_to(Box::new(move |event| {
                let _ = sender.send(event.to_string());
            }));
            Self {
                base,
                root,
                lines,
                start: Instant::now(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.base.path().join(name)
        }

        /// Looks, so many milliseconds after the start.
        fn refresh(&mut self, milliseconds: u64) -> bool {
            self.root
                .refresh(self.start + Duration::from_millis(milliseconds))
        }

        fn has(&self, name: &std::ffi::CStr) -> bool {
            self.root.directory().look(name).is_ok()
        }
    }

    fn site(base: &Path, name: &str, file: &str) {
        fs::create_dir(base.join(name)).expect("a directory");
        fs::write(base.join(name).join(file), file).expect("a file");
    }

    #[test]
    fn a_directory_built_anew_is_found_within_a_second_and_looked_for_at_most_once_in_it() {
        let mut case = Case::new(|base| site(base, "root", "old"));
        assert!(!case.refresh(0));
        fs::remove_dir_all(case.path("root")).expect("gone");
        site(case.base.path(), "root", "new");
        assert!(!case.refresh(999) && !case.has(c"new"));
        assert!(case.refresh(1000) && case.has(c"new"));
        assert!(!case.refresh(2000));
        let line = case.lines.try_recv().expect("a line");
        assert!(
            line.starts_with("another directory was found at the root"),
            "{line}"
        );
        assert!(case.lines.try_recv().is_err());
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_followed_anew() {
        let mut case = Case::new(|base| {
            site(base, "1", "old");
            site(base, "2", "new");
            symlink("1", base.join("root")).expect("a link");
        });
        assert!(!case.refresh(0) && case.has(c"old"));
        symlink("2", case.path("next")).expect("a link");
        fs::rename(case.path("next"), case.path("root")).expect("a rename");
        assert!(case.refresh(1000) && case.has(c"new") && !case.has(c"old"));
    }

    #[test]
    fn what_is_held_serves_while_the_path_leads_nowhere_and_that_is_said_once() {
        let mut case = Case::new(|base| site(base, "root", "old"));
        let mut another = case.root.clone();
        fs::rename(case.path("root"), case.path("away")).expect("a rename");
        for second in 0..4 {
            assert!(!case.refresh(second * 1000) && case.has(c"old"));
            assert!(!another.refresh(case.start + Duration::from_secs(second)));
        }
        fs::write(case.path("root"), "no directory").expect("a file");
        assert!(!case.refresh(4000) && case.has(c"old"));
        let line = case.lines.try_recv().expect("a line");
        assert!(
            line.contains("cannot be opened: ") && line.ends_with("is served on"),
            "{line}"
        );
        assert!(case.lines.try_recv().is_err());
        fs::remove_file(case.path("root")).expect("gone");
        fs::rename(case.path("away"), case.path("root")).expect("a rename");
        assert!(!case.refresh(5000) && case.has(c"old"));
    }

    #[test]
    fn asked_to_it_is_opened_at_once_by_each_worker() {
        let mut case = Case::new(|base| site(base, "root", "old"));
        let mut another = case.root.clone();
        assert!(!case.refresh(0) && !another.refresh(case.start));
        fs::rename(case.path("root"), case.path("away")).expect("a rename");
        site(case.base.path(), "root", "new");
        case.root.reopener().reopen();
        assert!(case.refresh(1) && case.has(c"new"));
        assert!(another.refresh(case.start) && another.directory().look(c"new").is_ok());
        assert!(!case.refresh(2));
    }

    #[test]
    fn the_path_is_absolute_and_its_links_stay() {
        let case = Case::new(|base| {
            site(base, "1", "old");
            symlink("1", base.join("root")).expect("a link");
        });
        assert_eq!(case.root.path(), case.path("root"));
        let root = ServedRoot::open(Path::new(".")).expect("the present directory");
        assert!(root.path().is_absolute());
    }
}
