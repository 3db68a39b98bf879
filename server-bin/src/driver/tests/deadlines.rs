//! What each timeout ends, and what renews it.

use std::time::Duration;

use http_core::Head;

use super::rig::{GET, Incoming, READABLE, Rig, echo, hello, post, seconds};
use super::sending::file;
use crate::driver::phase::Wait;
use crate::driver::settings::{Settings, TURN_BYTES};
use crate::handler::{Context, Decision};

#[test]
fn an_idle_connection_ends_silently_at_its_deadline() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.pass(seconds(9)), None);
    rig.arrive(GET);
    rig.sent();
    assert_eq!(rig.pass(seconds(74)), None);
    assert_eq!(
        (rig.pass(seconds(1)), rig.sent()),
        (Some(Wait::Nothing), String::new())
    );
}

#[test]
fn a_drain_leaves_idle_and_silent_connections_the_time_of_a_drain_and_no_more() {
    let moment = Settings::default().drain_idle_timeout;
    for has_asked in [true, false] {
        let mut rig = Rig::new(hello);
        if has_asked {
            rig.arrive(GET);
            rig.sent();
        }
        assert_eq!(rig.pass(seconds(5)), None);
        assert_eq!(rig.drain(), Wait::Read);
        assert_eq!(rig.pass(moment - Duration::from_millis(1)), None, "{has_asked}");
        let end = rig.pass(Duration::from_millis(1));
        assert_eq!(
            (end, rig.sent()),
            (Some(Wait::Nothing), String::new()),
            "{has_asked}"
        );
    }
}

#[test]
fn a_connection_that_says_nothing_ends_silently_after_the_time_of_a_head() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.pass(seconds(9)), None);
    assert_eq!(
        (rig.pass(seconds(1)), rig.sent()),
        (Some(Wait::Nothing), String::new())
    );
    // The time of a head begins with its first byte all the same.
    let mut rig = Rig::new(hello);
    assert_eq!(rig.pass(seconds(9)), None);
    rig.arrive("GET");
    assert_eq!(rig.pass(seconds(9)), None);
    assert_eq!(
        (rig.pass(seconds(1)), rig.statuses()),
        (Some(Wait::Read), vec![408])
    );
}

#[test]
fn a_slow_head_gets_408_and_no_byte_renews_its_deadline() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    for _ in 0..9 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("X");
    }
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn a_head_that_goes_on_after_its_408_is_read_and_dropped_so_that_no_reset_destroys_the_answer() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(10)), Some(Wait::Read));
    assert_eq!((rig.statuses(), rig.wire().shut), (vec![408], true));
    for _ in 0..3 {
        assert_eq!(rig.arrive("X"), Wait::Read);
        assert_eq!(rig.pass(seconds(1)), None);
    }
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.sent()), (Wait::Nothing, String::new()));
}

#[test]
fn each_head_has_a_deadline_of_its_own() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(9)), None);
    rig.arrive("Host: a\r\n\r\nGET /");
    assert_eq!(rig.pass(seconds(9)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
    assert_eq!(rig.statuses(), [200, 408]);
}

/// Neither bodies nor responses have a least rate.
fn any_rate() -> Settings {
    Settings {
        min_body_rate: 0,
        min_write_rate: 0,
        ..Settings::default()
    }
}

#[test]
fn without_a_least_rate_a_body_may_be_slow_but_not_stand_still() {
    let mut rig = Rig::with(echo, any_rate());
    rig.arrive(post(10));
    for _ in 0..5 {
        assert_eq!(rig.pass(seconds(19)), None);
        rig.arrive("x");
    }
    assert_eq!(
        (rig.pass(seconds(20)), rig.statuses()),
        (Some(Wait::Read), vec![408])
    );
}

#[test]
fn a_body_of_a_byte_now_and_then_gets_408_when_it_is_a_timeout_behind_its_rate() {
    let mut rig = Rig::new(echo);
    rig.arrive(post(1000));
    for _ in 0..19 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("x");
    }
    // 19 bytes are worth 79 milliseconds.
    assert_eq!(rig.pass(seconds(1)), None);
    assert_eq!(
        (rig.pass(Duration::from_millis(80)), rig.statuses()),
        (Some(Wait::Read), vec![408])
    );
}

#[test]
fn a_body_at_its_least_rate_is_taken_however_long_it_takes_and_in_whatever_lumps() {
    let endless = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let all = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(u64::MAX, |_, _| "all".into());
    let mut rig = Rig::new(all);
    rig.arrive(endless);
    for pause in [1, 19, 3, 19, 19, 7].iter().cycle().take(300) {
        assert_eq!(rig.pass(seconds(*pause)), None);
        let size = 240 * pause;
        rig.arrive(format!("{size:x}\r\n{}\r\n", "x".repeat(size as usize)));
    }
    rig.arrive("0\r\n\r\n");
    assert_eq!(rig.statuses(), [200]);
}

#[test]
fn a_fast_beginning_earns_no_more_than_a_timeout() {
    let mut rig = Rig::with(
        |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(u64::MAX, |_, _| "all".into()),
        Settings::default(),
    );
    rig.arrive(post(1_000_000));
    for _ in 0..10 {
        rig.arrive("x".repeat(60_000));
    }
    assert_eq!(rig.pass(seconds(19)), None);
    rig.arrive("x");
    assert_eq!(rig.pass(seconds(2)), Some(Wait::Read));
    assert_eq!(rig.statuses(), [408]);
}

#[test]
fn a_body_that_is_only_dropped_has_the_same_least_rate() {
    let mut rig = Rig::new(hello);
    rig.arrive(post(1000));
    assert_eq!(rig.statuses(), [200]);
    for _ in 0..20 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("x");
    }
    assert_eq!(
        (rig.pass(seconds(1)), rig.sent()),
        (Some(Wait::Nothing), String::new())
    );
}

#[test]
fn without_a_least_rate_a_peer_that_takes_a_byte_now_and_then_is_served() {
    let mut rig = Rig::with(hello, any_rate());
    rig.wire().room = Some(10);
    rig.arrive(GET);
    for _ in 0..20 {
        assert_eq!(rig.pass(seconds(59)), None);
        rig.room(1);
    }
    assert_eq!(rig.pass(seconds(60)), Some(Wait::Nothing));
}

/// A large response, from memory or from a file, of which the peer takes so much each time. Returns for how many seconds
/// it is served.
fn served(mut rig: Rig, each: usize, pause: u64) -> u64 {
    rig.wire().room = Some(0);
    rig.arrive(GET);
    for turn in 1.. {
        if rig.pass(seconds(pause)).is_some() || rig.room(each) != Wait::Write {
            return turn * pause;
        }
    }
    unreachable!("a response has an end")
}

#[test]
fn a_peer_that_takes_a_large_response_below_its_least_rate_is_cut_off() {
    const SIZE: usize = 240 * 1000;
    let from_memory = || Rig::new(|_: &Head<'_>, _: &mut Context<'_>| vec![b'x'; SIZE].into());
    let from_file = || Rig::new(file(SIZE, SIZE as u64));
    for rig in [from_memory(), from_file()] {
        assert_eq!(served(rig, 240, 1) / 10, 100, "as slow as that is allowed");
    }
    for rig in [from_memory(), from_file()] {
        assert_eq!(served(rig, 240 * 50, 50) / 100, 10, "and in lumps, too");
    }
    for rig in [from_memory(), from_file()] {
        assert!(
            served(rig, 120, 1).abs_diff(120) < 3,
            "half of it holds out for two timeouts"
        );
    }
    for rig in [from_memory(), from_file()] {
        assert!(served(rig, 1, 1).abs_diff(60) < 3, "next to nothing for one");
    }
}

#[test]
fn answers_that_were_kept_for_the_peer_have_the_same_least_rate() {
    let settings = Settings {
        write_timeout: seconds(3),
        ..Settings::default()
    };
    let kept = || {
        let mut rig = Rig::with(hello, settings.clone());
        rig.wire().room = Some(0);
        rig.arrive(GET.repeat(30));
        rig
    };
    let mut rig = kept();
    for second in 1.. {
        assert_eq!(rig.pass(seconds(1)), None, "second {second}");
        if rig.room(240) == Wait::Read {
            assert!(second > 9, "{second}");
            break;
        }
    }
    assert_eq!(rig.statuses(), [200; 30]);
    let mut rig = kept();
    let end = (1..20).find(|_| rig.pass(seconds(1)).is_some() || rig.room(24) != Wait::Write);
    assert_eq!(end, Some(4));
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off_and_the_kernel_offers_it_nothing_any_more() {
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(59)), None);
    assert!(!rig.wire().given_up);
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Nothing));
    assert!(rig.wire().given_up);
}

#[test]
fn a_lingering_close_that_ends_by_time_is_given_up_and_one_that_the_peer_ends_is_not() {
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    assert_eq!(rig.pass(seconds(2)), Some(Wait::Nothing));
    assert!(rig.wire().given_up);
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.wire().given_up), (Wait::Nothing, false));
    // A late head is answered, and that may still be on its way.
    let mut rig = Rig::new(hello);
    rig.arrive("GET");
    assert_eq!(
        (rig.pass(seconds(10)), rig.wire().given_up),
        (Some(Wait::Read), false)
    );
}

#[test]
fn a_clock_that_jumps_ends_what_waits_and_nothing_else() {
    let mut rig = Rig::new(hello);
    rig.kit.begin(rig.kit.lent.now + seconds(1_000_000), || {
        std::time::SystemTime::UNIX_EPOCH
    });
    // The request was there before the deadline was looked at, so it is served first.
    assert_eq!(rig.arrive(GET), Wait::Read);
    assert_eq!((rig.pass(seconds(1)), rig.statuses()), (None, vec![200]));
    assert_eq!(rig.pass(seconds(1_000_000)), Some(Wait::Nothing));
}

#[test]
fn a_timeout_of_any_length_is_one() {
    let settings = Settings {
        idle_timeout: Duration::MAX,
        head_timeout: Duration::MAX,
        ..Settings::default()
    };
    let mut rig = Rig::with(hello, settings);
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("Host: a\r\n\r\n");
    assert_eq!(rig.statuses(), [200]);
}

#[test]
fn a_late_worker_does_not_blame_a_client_whose_body_has_arrived() {
    let settings = Settings {
        min_body_rate: 50_000,
        body_timeout: seconds(2),
        ..Settings::default()
    };
    let all = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(u64::MAX, |_, _| "all".into());
    let mut rig = Rig::with(all, settings);
    rig.arrive(post(1_000_000));
    rig.kit.begin(rig.kit.lent.now + seconds(4), || {
        std::time::SystemTime::UNIX_EPOCH
    });
    rig.arrive([b'x'; 200_000]);
    while !rig.wire().incoming.is_empty() {
        assert_eq!(rig.pass(Duration::ZERO), None, "the rest is in the socket");
        rig.turn(READABLE);
    }
    for _ in 0..3 {
        assert_eq!(rig.pass(Duration::from_millis(500)), None);
        rig.arrive("x");
    }
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read), "now it trickles");
}

#[test]
fn a_late_worker_does_not_blame_a_client_that_takes_all_that_a_turn_sends() {
    let settings = Settings {
        min_write_rate: 100_000,
        write_timeout: seconds(2),
        ..Settings::default()
    };
    let mut rig = Rig::with(
        |_: &Head<'_>, _: &mut Context<'_>| vec![b'x'; 1_000_000].into(),
        settings,
    );
    rig.wire().room = Some(0);
    rig.arrive(GET);
    rig.kit.begin(rig.kit.lent.now + seconds(9), || {
        std::time::SystemTime::UNIX_EPOCH
    });
    rig.room(TURN_BYTES + 1000);
    assert_eq!(rig.pass(seconds(1)), None, "the turn ended by itself");
    rig.room(1000);
    assert_eq!(rig.pass(seconds(2)), Some(Wait::Nothing), "now it trickles");
}
