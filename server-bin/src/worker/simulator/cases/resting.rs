//! Connections that rest, because their sockets were said to be ready again and again and were not.

use super::*;

/// A worker whose only connection rests: it has sent nothing, and was said to be ready twice.
fn resting(seed: u64) -> (Run, Key) {
    let mut run = run_of(seed);
    visit(&mut run, 1, b"");
    let (key, _) = notes(&mut run);
    for _ in 0..2 {
        run.worker.turn(key, Ready::BYTES, true);
    }
    assert_eq!(notes(&mut run).1.registered, None, "it rests");
    assert!(run.network.borrow().wires[0].registration.is_none());
    (run, key)
}

/// So many seconds pass, and the connection's timer fires.
fn ring_after(seconds: u64, run: &mut Run, key: Key) {
    run.worker.kit.lent.now += Duration::from_secs(seconds);
    run.worker.look_at(key, run.worker.kit.lent.now);
}

/// More than any timeout.
const TOO_LATE: u64 = 200_000_000;

#[test]
fn a_connection_whose_time_passes_while_it_rests_is_looked_at_before_it_is_called_late() {
    // The network pretends now and then that less has come.
    let mut runs = (1..100).map(|seed| {
        let (mut run, key) = resting(seed);
        run.network.borrow_mut().wires[0].send(REQUEST);
        ring_after(TOO_LATE, &mut run, key);
        run
    });
    let is_there = |run: &Run| run.worker.residents.len() == 1;
    let mut run = runs.find(is_there).expect("one that was not called late");
    assert!(run.network.borrow().wires[0].inbound.len() < REQUEST.len());
    assert!(
        run.network.borrow().wires[0].registration.is_some(),
        "its rest is over"
    );
    assert_eq!(notes(&mut run).1.registered, Some(Wait::Read));
}

#[test]
fn a_connection_that_has_served_meanwhile_does_not_rest_when_an_event_is_in_vain_again() {
    // The network pretends now and then that less has come.
    let has_served = (1..100).find(|&seed| {
        let mut run = run_of(seed);
        visit(&mut run, 1, b"");
        if run.worker.residents.is_empty() {
            return false;
        }
        let (key, _) = notes(&mut run);
        run.worker.turn(key, Ready::BYTES, true);
        let was_doubted = notes(&mut run).1.is_doubted;
        run.network.borrow_mut().wires[0].send(REQUEST);
        run.worker.turn(key, Ready::BYTES, true);
        let first = run.worker.residents.values().next();
        let phase = first.map(|resident| resident.connection.phase());
        // Where a preface is expected, it is closed.
        if phase.is_none() {
            return false;
        }
        let is_served = run.network.borrow().wires[0].inbound.is_empty() && phase == Some(Phase::Idle);
        run.worker.turn(key, Ready::BYTES, true);
        let (_, notes) = notes(&mut run);
        if was_doubted && is_served {
            assert_eq!(notes.registered, Some(Wait::Read), "seed {seed}: it rests");
        }
        was_doubted && is_served
    });
    assert!(has_served.is_some(), "none was served");
}

#[test]
fn a_connection_whose_socket_deceives_for_ever_is_late_all_the_same() {
    let (mut run, key) = resting(1);
    ring_after(1, &mut run, key);
    assert_eq!(run.worker.residents.len(), 1, "it has time");
    // Once more is enough: it has not moved since.
    run.worker.turn(key, Ready::BYTES, true);
    assert_eq!(notes(&mut run).1.registered, None, "it rests again");
    ring_after(TOO_LATE, &mut run, key);
    assert!(run.worker.residents.is_empty());
}
