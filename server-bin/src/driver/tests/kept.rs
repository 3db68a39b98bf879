//! Fields that an answer keeps, and only that answer.

use http_core::{Head, Method};

use super::rig::{GET, Rig, hello, post, seconds};
use crate::driver::phase::Phase;
use crate::handler::{BodySink, Context, Decision, Reply, Took, plain};

/// Sets a field that only its own client may see, keeps it, and goes on as the target says.
fn keeping(head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
    let name = head.target().path().to_owned();
    cx.field("x-secret", &name).keep();
    match (head.method(), &*name) {
        (Method::Post, "/sink") => Decision::Stream(Box::new(Refuses)),
        (Method::Post, _) => Decision::buffer(10, |_, cx| plain::reply(cx, 404)),
        (_, "/later") => {
            let (ticket, completer) = cx.later();
            std::mem::forget(completer);
            Decision::Respond(Reply::Later(ticket))
        }
        (_, "/panic") => panic!("on purpose"),
        (_, "/plain") => {
            cx.field("x-other", "dropped");
            plain::reply(cx, 404).into()
        }
        _ => "hello".into(),
    }
}

struct Refuses;

impl BodySink for Refuses {
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Took {
        Took::More
    }
    fn end(self: Box<Self>, cx: &mut Context<'_>) -> Reply {
        plain::reply(cx, 403)
    }
}

fn to(target: &str, request: &str) -> String {
    request.replacen("/ ", &format!("{target} "), 1)
}

#[test]
fn kept_fields_stand_on_every_answer_to_their_request() {
    for (request, status) in [
        (to("/plain", GET), 404),
        (to("/panic", GET), 500),
        (to("/a", &post(2)) + "ab", 404),
        (to("/sink", &post(2)) + "ab", 403),
        (to("/long", &post(11)), 413),
    ] {
        let mut rig = Rig::new(keeping);
        rig.arrive(&request);
        let sent = rig.sent();
        assert!(sent.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}");
        assert!(
            sent.contains("x-secret: /") && !sent.contains("x-other"),
            "{sent}"
        );
    }
    // Also in a later turn, and on the driver's own answers.
    for (request, rest, wait, status) in [
        (to("/a", &post(2)), "ab", 0, 404),
        (to("/sink", &post(2)), "ab", 0, 403),
        (to("/a", &post(2)), "", 20, 408),
        (to("/later", GET), "", 60, 503),
    ] {
        let mut rig = Rig::new(keeping);
        rig.arrive(&request);
        if !rest.is_empty() {
            rig.arrive(rest);
        }
        rig.pass(seconds(wait));
        let sent = rig.sent();
        assert!(sent.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}");
        assert!(sent.contains("x-secret: /"), "{sent}");
    }
}

#[test]
fn kept_fields_never_stand_on_the_answer_to_another_request() {
    // The next one on the connection, read or not.
    for next in [to("/none", GET), "BAD\0\r\n\r\n".into()] {
        let mut rig = Rig::new(
            |head: &Head<'_>, cx: &mut Context<'_>| match head.target().path() {
                "/none" => plain::reply(cx, 404).into(),
                _ => keeping(head, cx),
            },
        );
        rig.arrive(to("/first", GET) + &next);
        let sent = rig.sent();
        assert_eq!(sent.matches("HTTP/1.1 ").count(), 2);
        assert_eq!(sent.matches("x-secret").count(), 1, "{sent}");
    }
    // Another client's, in whatever it is when that request is answered or under way.
    for first in [to("/first", GET), to("/first", &post(2)), to("/later", GET)] {
        for (begun, rest) in [
            ("", "BAD\0\r\n\r\n"),
            ("GET / HT", "TP/9.9\r\n\r\n"),
            ("POST", ""),
        ] {
            let mut rig = Rig::new(keeping);
            let mut other = Rig::new(hello);
            std::mem::swap(&mut rig.connection, &mut other.connection);
            if !begun.is_empty() {
                rig.arrive(begun);
            }
            std::mem::swap(&mut rig.connection, &mut other.connection);
            rig.arrive(&first);
            std::mem::swap(&mut rig.connection, &mut other.connection);
            if !rest.is_empty() {
                rig.arrive(rest);
            }
            let now = rig.kit.lent.now + seconds(10);
            rig.kit.begin(now, || std::time::SystemTime::UNIX_EPOCH);
            if rig.connection.phase() != Phase::Closed {
                rig.connection.expire(0, &mut rig.inlet, &mut rig.kit);
            }
            let sent = rig.sent();
            assert!(
                sent.starts_with("HTTP/1.1 4") || sent.starts_with("HTTP/1.1 5"),
                "{begun:?} {sent}"
            );
            assert!(!sent.contains("x-secret"), "{sent}");
        }
    }
}
