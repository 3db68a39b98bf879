//! A planted bug for each edge of the table of phases: that edge is left out, and some test has to fail.
//!
//! A bug is planted by the environment, because each one needs a run of all the tests:
//! `PLANTED_EDGE=17 cargo test -p server-bin --lib driver::` runs them with the edge of that number missing.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::phases::edges;
use crate::driver::phase::{Happening, Phase};

const VARIABLE: &str = "PLANTED_EDGE";
/// So many times as long as without a bug the tests may take: one that makes them go on for ever is caught as well.
const PATIENCE: u32 = 10;
/// What looks for a bug: the simulator, which is quick, or else another test of the driver.
const CATCHERS: [&str; 2] = ["simulator::", "driver::"];

/// Where a step leads: to `next`, but for the edge that is left out. A connection stays in its phase instead; where the edge
/// leads to the phase that it comes from, the connection ends instead.
pub(crate) fn instead(from: Phase, happening: Happening, next: Phase) -> Phase {
    match missing() {
        Some(edge) if edge == (from, happening) && next == from => Phase::Closed,
        Some(edge) if edge == (from, happening) => from,
        _ => next,
    }
}

fn missing() -> Option<(Phase, Happening)> {
    static MISSING: OnceLock<Option<(Phase, Happening)>> = OnceLock::new();
    *MISSING.get_or_init(|| {
        let number = std::env::var(VARIABLE).ok()?;
        let number: usize = number.parse().expect("the number of an edge");
        let (from, happening, _) = edges()[number];
        Some((from, happening))
    })
}

/// Edges that no test can miss: after an answer the input is looked at again in either phase, and then it is idle.
const EQUAL: [(Phase, Happening); 1] = [(Phase::Backlog, Happening::Answered)];

/// Lets the simulator and the other tests of the driver look for each edge.
#[test]
#[ignore = "takes minutes; `scripts/check edges` runs it, optimised"]
fn each_edge_of_the_phases_is_missed_by_a_test() {
    let edges = edges();
    let began = Instant::now();
    for filter in CATCHERS {
        assert!(
            !fails(filter, None, Duration::from_secs(300)),
            "{filter} fails by itself"
        );
    }
    let patience = began.elapsed() * PATIENCE;
    let mut wrong = Vec::new();
    for (number, &(from, happening, to)) in edges.iter().enumerate() {
        let catcher = CATCHERS
            .into_iter()
            .find(|filter| fails(filter, Some(number), patience));
        let edge = format!("{from:?} -> {to:?} by {happening:?}");
        println!("{number:4} {edge}: {}", catcher.unwrap_or("SURVIVES"));
        if catcher.is_some() == EQUAL.contains(&(from, happening)) {
            wrong.push(edge);
        }
    }
    println!("{} edges, {} not as expected", edges.len(), wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether some of these tests fail, or take too long, without the edge of this number.
fn fails(filter: &str, number: Option<usize>, patience: Duration) -> bool {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([filter, "--test-threads=2"])
        .envs(number.map(|number| (VARIABLE, number.to_string())))
        .env("SEEDS", "3000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    ends_badly(child.unwrap(), patience)
}

fn ends_badly(mut child: Child, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return !status.success();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}
