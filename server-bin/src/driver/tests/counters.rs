//! Counters at their ends: none comes round, or nobody notices when it does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_core::{Head, ResponseHead};

use super::rig::{GET, Rig, hello, seconds};
use crate::driver::handler::{Completer, Reply};
use crate::driver::phase::Wait;
use crate::driver::settings::Settings;
use crate::handler::{Context, Decision};

#[test]
fn a_connection_closes_before_its_count_of_requests_comes_round() {
    let mut rig = Rig::new(hello);
    rig.connection.requests = u32::MAX - 2;
    assert_eq!((rig.arrive(GET), rig.statuses()), (Wait::Read, vec![200]));
    rig.arrive(GET);
    let last = rig.sent().to_lowercase();
    assert!(last.contains("connection: close"), "{last}");
}

#[test]
fn time_spent_on_lingering_stops_at_its_end() {
    let settings = Settings {
        linger_time: Duration::MAX,
        ..Settings::default()
    };
    let mut rig = Rig::with(hello, settings);
    rig.arrive("\0");
    rig.connection.lingered = u32::MAX - 1;
    for _ in 0..3 {
        assert_eq!(rig.pass(seconds(1)), None);
        assert_eq!(rig.arrive("more"), Wait::Read);
    }
    assert_eq!(rig.connection.lingered, u32::MAX);
}

#[test]
fn a_late_answer_finds_no_request_of_another_serial_also_where_32_bits_come_round() {
    let promised: Arc<Mutex<Vec<Completer>>> = Arc::default();
    let (completers, mut requests) = (Arc::clone(&promised), 0);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| -> Decision {
        // The first request waits for its first promise, and its second one comes too late: that has the number of the
        // promise that the second request waits for.
        requests += 1;
        let ((first, early), (second, late)) = (cx.later(), cx.later());
        let mut promised = completers.lock().expect("nobody panics");
        let ticket = match requests {
            1 => {
                promised.extend([early, late]);
                first
            }
            _ => {
                promised.extend([late, early]);
                second
            }
        };
        Reply::Later(ticket).into()
    });
    let complete = |text: &'static str| {
        let completer = promised.lock().expect("nobody panics").remove(0);
        completer.complete(ResponseHead::new(200), text);
    };
    rig.arrive(GET);
    let first = rig.kit.lent.serials;
    complete("first");
    rig.deliver();
    assert!(rig.sent().ends_with("first"));
    rig.kit.lent.serials = first + (1 << 32) - 1;
    rig.arrive(GET);
    assert_eq!(rig.kit.lent.serials as u32, first as u32);
    complete("too late");
    rig.deliver();
    assert_eq!(rig.sent(), "", "it was the first request's");
    complete("second");
    rig.deliver();
    assert!(rig.sent().ends_with("second"));
}
