//! What the simulated worker serves: each way to answer, and the texts that its answers have.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use http_core::{Head, Method};

use super::luck::Oddity;
use super::seams::Elsewhere;
use super::turns;
use crate::files::Files;
use crate::handler::{
    BodySource, Context, Decision, FileSlice, Handler, Methods, Outcome, Pulled, Reply, Watch,
};

/// The length of `large.bin`: more than one turn may send.
pub(super) const LARGE: usize = 300_000;

/// The length of what `/shared` sends: more than is copied behind a head.
const SHARED: usize = 70_000;

/// The most that `/echo` takes.
pub(super) const ECHO_LIMIT: usize = 3_000;

/// The most that `/collect` takes.
const COLLECT_LIMIT: u64 = 100_000;

/// What `/collect` answers: other bytes, or as many in another order, have another one.
pub(super) fn checksum(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(bytes.len() as u64, |sum, &byte| {
        sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    format!("{sum:x}")
}

/// Bytes that differ from place to place, so that a part in the wrong place shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at % 251) as u8 ^ (at / 251) as u8)
        .collect()
}

/// What `large.bin` holds, made once.
pub(super) fn large() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| pattern(LARGE))
}

/// Writes the files that a [`Site`] serves.
pub(super) fn fill(root: &Path) -> std::io::Result<()> {
    fs::create_dir(root.join("dir"))?;
    fs::write(root.join("large.bin"), large())?;
    fs::write(root.join("small.txt"), "small")?;
    fs::write(root.join("empty.txt"), "")?;
    fs::write(root.join("dir/index.html"), "<p>index")
}

/// Every way to answer.
#[derive(Clone)]
pub(super) struct Site {
    files: Files,
    large: PathBuf,
    shared: Arc<[u8]>,
}

impl Site {
    pub(super) fn open(root: &Path) -> Self {
        Self {
            files: Files::open(root).expect("the root was made"),
            large: root.join("large.bin"),
            shared: shared().into(),
        }
    }

    /// A handler that has no memory of other runs.
    pub(super) fn in_world(&self, elsewhere: &Elsewhere) -> impl Handler + use<> {
        Visited {
            site: self.clone(),
            elsewhere: elsewhere.clone(),
            kept: 0,
        }
    }
}

/// What `/shared` and `/big` send.
pub(super) fn shared() -> &'static [u8] {
    &large()[..SHARED]
}

/// A site, and the world that disturbs it.
#[derive(Clone)]
struct Visited {
    site: Site,
    elsewhere: Elsewhere,
    /// What it says that it keeps in memory.
    kept: usize,
}

impl Handler for Visited {
    fn methods(&self, head: &Head<'_>) -> Methods {
        match head.target().path() {
            "/small.txt" | "/large.bin" | "/empty.txt" | "/dir" | "/dir/" => self.site.files.methods(head),
            "/echo" | "/tiny" | "/big" | "/shared" | "/pull" | "/cut" | "/later" | "/broken" | "/stream"
            | "/events" | "/lost" | "/sink" | "/early" | "/refusing" | "/upgrade" | "/panic"
            | "/broken-source" | "/broken-sink" | "/collect" => Methods::ANY,
            _ => self.site.files.methods(head),
        }
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self.elsewhere.take_time();
        let most = self.elsewhere.theme().kept;
        self.kept = (self.kept + most / 4).min(most);
        if let Some(decision) = self.elsewhere.decide(head, cx) {
            return decision;
        }
        match (head.method(), head.target().path()) {
            (Method::Post, "/echo") => Decision::buffer(ECHO_LIMIT as u64, |body, _| body.to_vec().into()),
            (_, "/collect") => Decision::buffer(COLLECT_LIMIT, |body, _| checksum(body).into()),
            (_, "/large.bin") => {
                self.elsewhere.disturb(cx);
                self.site.files.head(head, cx)
            }
            (_, "/big") => {
                let shared = Arc::clone(&self.site.shared);
                Decision::buffer(1_000, move |_, _| shared.into())
            }
            (_, "/shared") => Arc::clone(&self.site.shared).into(),
            (_, "/pull") => Decision::Respond(Reply::Pull(Box::new(Pieces(0)))),
            // More is promised than the file holds, as when it is cut while it is sent.
            (_, "/cut") => {
                let file = File::open(&self.site.large).expect("the file was made");
                Decision::Respond(Reply::File(FileSlice {
                    file: file.into(),
                    offset: LARGE as u64 - 50_000,
                    len: 60_000,
                    guard: None,
                }))
            }
            _ => self.site.files.head(head, cx),
        }
    }

    fn done(&mut self, _: &Outcome<'_>) -> Watch {
        self.elsewhere.panic_sometimes(100, Oddity::OutcomePanics);
        Watch::GoOn
    }

    fn memory(&self) -> usize {
        self.kept
    }

    fn give_up_memory(&mut self) {
        if !self.elsewhere.clings() {
            self.kept = 0;
        }
    }

    fn round_ended(&mut self) {
        turns::end_round();
        self.elsewhere.panic_sometimes(300, Oddity::RoundPanics);
    }
}

pub(super) const PIECES: usize = 60;

pub(super) fn piece(number: usize) -> Vec<u8> {
    pattern(number)
}

struct Pieces(usize);

impl BodySource for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        self.0 += 1;
        out.extend(piece(self.0));
        if self.0 == PIECES {
            Pulled::End
        } else {
            Pulled::More
        }
    }
}
