//! How a connection ends.

use super::rig::{GET, Incoming, READABLE, Rig, hello, seconds};
use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::Settings;

#[test]
fn a_broken_rule_gets_one_answer_and_what_follows_is_read_and_dropped() {
    let mut rig = Rig::new(hello);
    assert_eq!(
        rig.arrive(GET.to_owned() + "GET  / HTTP/1.1\r\n" + GET),
        Wait::Read
    );
    let answers = rig.sent();
    assert!(
        answers.matches("HTTP/1.1 ").count() == 2 && answers.contains("HTTP/1.1 400 "),
        "{answers}"
    );
    assert!(rig.wire().shut && rig.connection.phase() == Phase::Lingering);
    for _ in 0..20 {
        assert_eq!(rig.arrive([b'x'; 10_000]), Wait::Read);
    }
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.sent()), (Wait::Nothing, String::new()));
}

#[test]
fn lingering_has_an_end_in_time_between_reads_and_in_all_and_none_in_bytes() {
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    assert_eq!(rig.pass(seconds(1)), None);
    assert_eq!(rig.arrive("more"), Wait::Read);
    assert_eq!(rig.pass(seconds(1)), None, "it was read a moment ago");
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing));
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    let piece = vec![b'x'; 60_000];
    for _ in 0..29 {
        assert_eq!(rig.pass(seconds(1)), None);
        for _ in 0..20 {
            assert_eq!(rig.arrive(&piece), Wait::Read);
        }
    }
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing), "30 s are over");
}

#[test]
fn an_asked_for_close_is_at_once_and_one_of_ours_lingers() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut rig = Rig::new(hello);
    assert_eq!((rig.arrive(close), rig.statuses()), (Wait::Nothing, vec![200]));
    let mut rig = Rig::new(hello);
    assert_eq!(
        (rig.arrive(close.to_owned() + GET), rig.statuses()),
        (Wait::Read, vec![200])
    );
    assert_eq!(rig.connection.phase(), Phase::Lingering);
    let mut rig = Rig::with(
        hello,
        Settings {
            max_requests: 2,
            ..Settings::default()
        },
    );
    rig.arrive(GET.repeat(3));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200, 200], Phase::Lingering)
    );
}

#[test]
fn draining_lets_each_connection_have_one_more_request() {
    let mut rig = Rig::new(hello);
    rig.arrive(GET);
    rig.sent();
    rig.kit.lent.draining = true;
    rig.arrive(GET);
    assert!(rig.sent().to_lowercase().contains("connection: close"));
    assert_eq!(rig.connection.phase(), Phase::Lingering);
}
