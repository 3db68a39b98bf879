//! Which connections make room for others at a limit.

use http_core::Head;

use super::rig::{GET, Incoming, Rig, SHUT, hello, seconds};
use crate::driver::handler::End;
use crate::driver::phase::Phase;
use crate::handler::{Context, Decision, Reply};

fn is_idle(rig: &Rig) -> bool {
    rig.connection.idle().is_some()
}

#[test]
fn a_connection_is_idle_between_requests_and_not_within_one() {
    let mut rig = Rig::new(hello);
    assert!(is_idle(&rig), "it has asked nothing");
    rig.arrive(GET);
    assert!(is_idle(&rig));
    rig.arrive("GET / HTTP/1.1\r\n");
    let begun = rig.connection.idle().expect("a head that was begun");
    assert!(begun.has_begun);
    rig.pass(seconds(1));
    rig.arrive("Host: ");
    assert_eq!(rig.connection.idle(), Some(begun), "however slowly it goes on");
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    rig.pass(seconds(30));
    assert!(!is_idle(&rig), "its answer has not left");
}

#[test]
fn what_has_come_since_it_was_found_idle_is_looked_at() {
    let mut rig = Rig::new(hello);
    rig.arrive(GET);
    let idle = rig.connection.idle().expect("it is idle");
    assert!(!idle.has_begun && rig.connection.is_still_idle(idle));
    rig.wire().incoming.push_back(Incoming::Bytes(GET.into()));
    assert!(!rig.connection.is_still_idle(idle), "a request is there");
    rig.pass(seconds(1));
    rig.arrive("");
    assert!(!rig.connection.is_still_idle(idle), "it was answered meanwhile");
}

#[test]
fn a_peer_that_has_shut_its_side_does_not_count_as_waiting_for_its_answer() {
    let mut kept = Vec::new();
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        let (ticket, completer) = cx.later();
        // It is never completed.
        kept.push(std::sync::Arc::new(std::sync::Mutex::new(completer)));
        Reply::Later(ticket).into()
    });
    rig.arrive(GET);
    rig.pass(seconds(1));
    assert!(rig.connection.phase() == Phase::Later && !is_idle(&rig));
    rig.turn(SHUT);
    assert!(is_idle(&rig));
    assert_eq!(rig.connection.end_for_others(), End::PeerGone);
}
