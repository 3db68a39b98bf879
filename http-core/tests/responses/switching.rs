//! Tunnels, upgrades, and the Upgrade field.

use crate::oracle::framing::values;
use crate::oracle::response::Framing;
use crate::{asked, connect, get, get10, misuse, read, replied, upgrading};
use http_core::{Body, Event, Fields, Misuse, ResponseHead};

#[test]
fn a_tunnel_is_begun_by_upgrade_and_by_nothing_else() {
    let ok = ResponseHead::new(200);
    assert_eq!(
        misuse(&mut connect(), |c, out| c.reply(out, &ok, b"")),
        Misuse::TunnelNeedsUpgrade
    );
    assert_eq!(
        misuse(&mut connect(), |c, out| c.respond(out, &ok, Body::Stream)),
        Misuse::TunnelNeedsUpgrade
    );
    let mut conn = connect();
    let mut out = Vec::new();
    conn.upgrade(&mut out, &ok).expect("legal");
    assert_eq!(read(&out, "CONNECT").framing, Framing::None);
    let mut fields = Fields::<4>::new();
    let after = conn
        .receive(b"\x16\x03anything", &mut fields)
        .expect("other bytes");
    assert!(matches!(after.event, Event::Upgraded) && after.consumed == 0);
    assert_eq!(replied(&mut connect(), "CONNECT", 405, b"no").body, b"no");
    assert_eq!(
        misuse(&mut get(), |c, out| c.upgrade(out, &ok)),
        Misuse::NoUpgradeAsked
    );
}

#[test]
fn switching_protocols_needs_a_client_that_asked_and_the_field_that_names_one() {
    let named = || {
        ResponseHead::new(101)
            .field("upgrade", "other")
            .expect("a legal field")
    };
    let mut conn = upgrading();
    let mut out = Vec::new();
    conn.upgrade(&mut out, &named()).expect("legal");
    let switched = read(&out, "GET");
    assert_eq!(
        (switched.status, values(&switched.fields, "connection")),
        (101, vec![&b"upgrade"[..]])
    );
    assert_eq!(
        misuse(&mut upgrading(), |c, out| c.upgrade(out, &ResponseHead::new(101))),
        Misuse::MissingUpgradeField
    );
    assert_eq!(
        misuse(&mut upgrading(), |c, out| c.upgrade(out, &ResponseHead::new(404))),
        Misuse::BadStatus
    );
    assert_eq!(
        misuse(&mut get(), |c, out| c.upgrade(out, &named())),
        Misuse::NoUpgradeAsked
    );
    assert_eq!(
        misuse(&mut get10(), |c, out| c.upgrade(out, &named())),
        Misuse::NoUpgradeAsked
    );
    let mut unfinished =
        asked("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: o\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(
        misuse(&mut unfinished, |c, out| c.upgrade(out, &named())),
        Misuse::NothingDue
    );
}

#[test]
fn an_upgrade_field_is_named_by_the_connection_field_in_every_answer() {
    for status in [200, 426] {
        let head = ResponseHead::new(status)
            .field("upgrade", "other")
            .expect("a legal field");
        for (mut conn, want) in [
            (get(), &b"upgrade"[..]),
            (get10(), b"close, upgrade"),
            (
                asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                b"keep-alive, upgrade",
            ),
        ] {
            let mut out = Vec::new();
            conn.reply(&mut out, &head, b"x").expect("legal");
            assert_eq!(
                values(&read(&out, "GET").fields, "connection"),
                [want],
                "{status}"
            );
        }
    }
}

#[test]
fn an_upgrade_field_never_goes_without_its_connection_option() {
    let with = |status| {
        ResponseHead::new(status)
            .field("upgrade", "other")
            .expect("a legal field")
    };
    let mut interim = Vec::new();
    get().interim(&mut interim, &with(103)).expect("legal");
    let mut tunnel = Vec::new();
    connect().upgrade(&mut tunnel, &with(200)).expect("legal");
    let mut last = Vec::new();
    get().reply(&mut last, &with(426), b"").expect("legal");
    for (out, method) in [(interim, "GET"), (tunnel, "CONNECT"), (last, "GET")] {
        let options = values(&read(&out, method).fields, "connection").concat();
        assert_eq!(options, b"upgrade", "{}", out.escape_ascii());
    }
}

#[test]
fn no_protocol_can_be_switched_to_where_none_was_named_or_only_h2c() {
    let named = ResponseHead::new(101)
        .field("upgrade", "other")
        .expect("a legal field");
    for protocols in ["h2c", "", ",", "H2C, h2c", "(no protocol)"] {
        let mut conn = asked(&format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocols}\r\n\r\n"
        ));
        let refused = misuse(&mut conn, |c, out| c.upgrade(out, &named));
        assert_eq!(refused, Misuse::NoUpgradeAsked, "{protocols:?}");
        replied(&mut conn, "GET", 200, b"as usual");
    }
}
