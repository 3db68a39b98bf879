//! The server as a library: handlers that panic, forget, misuse and answer from elsewhere.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use http_core::{Head, ResponseHead};
use server_bin::handler::{BodySink, Context, Decision, Handler, Methods, Pulled, Reply, Took, function};
use server_bin::{Running, Server};
use support::Client;

/// A server with one worker in this process, drained when the test is over.
struct Embedded(Option<Running>);

impl Embedded {
    /// A server of a function that sees every method.
    fn of<R: Into<Decision> + 'static>(
        answer: impl FnMut(&Head<'_>, &mut Context<'_>) -> R + Clone + Send + 'static,
    ) -> Self {
        Self::with(function(answer).methods(Methods::ANY))
    }

    fn with(handler: impl Handler) -> Self {
        let server = Server::with(handler)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .workers(1);
        Self(Some(server.spawn().expect("a free port")))
    }

    fn address(&self) -> SocketAddr {
        let running = self.0.as_ref().expect("it runs until it is dropped");
        running.addresses()[0].tcp().expect("a TCP address")
    }

    fn connect(&self) -> Client {
        Client::connect(self.address())
    }
}

#[test]
fn a_server_without_an_address_does_not_start_and_says_what_to_do() {
    let error = match Server::with(function(|_, _| "")).workers(1).spawn() {
        Err(error) => error,
        Ok(running) => panic!("it listens on {:?}", running.addresses()),
    };
    assert!(matches!(error, server_bin::SpawnError::NoAddress), "{error}");
    assert!(error.to_string().contains("Server::listen"), "{error}");
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.handle().stop();
            let end = running.join();
            assert!(end.is_ok() || thread::panicking(), "a worker failed: {end:?}");
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One handler with a route for each thing that a handler may do wrong.
fn odd(head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
    match head.target().path() {
        "/panic" => panic!("on purpose"),
        "/panic-in-body" => Decision::buffer(100, |_, _| panic!("on purpose")),
        "/bad-field" => {
            cx.field("x", "a\r\nSet-Cookie: b");
            "not sent".into()
        }
        "/framing-field" => {
            cx.field("content-length", "5");
            "not sent".into()
        }
        "/forgotten" => {
            let (ticket, completer) = cx.later();
            drop(completer);
            Reply::Later(ticket).into()
        }
        "/elsewhere" => {
            let (ticket, completer) = cx.later();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(50));
                completer.complete(ResponseHead::new(202), "from another thread");
            });
            Reply::Later(ticket).into()
        }
        "/upper" => Decision::buffer(10, |body, _| body.to_ascii_uppercase().into()),
        "/stream" => Decision::Stream(Box::new(Sink)),
        "/broken-source" => Reply::Pull(Box::new(Broken)).into(),
        "/bomb-source" => Reply::Pull(Box::new(Bomb)).into(),
        "/bomb-closure" => {
            let bomb = Bomb;
            Decision::buffer(10, move |_, _| {
                let _owned = bomb;
                "not sent".into()
            })
        }
        _ => "fine".into(),
    }
}

struct Sink;

impl BodySink for Sink {
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Took {
        Took::More
    }

    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        "taken".into()
    }
}

/// A body that fails after its first bytes.
struct Broken;

impl server_bin::handler::BodySource for Broken {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        if out.is_empty() {
            out.extend_from_slice(b"some bytes");
        }
        Pulled::Failed
    }
}

/// Endless, and panics when it is dropped.
struct Bomb;

impl server_bin::handler::BodySource for Bomb {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.extend_from_slice(&[b'x'; 1000]);
        Pulled::More
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panicking_handler_costs_its_own_request_and_not_the_worker() {
    let server = Embedded::of(odd);
    let mut other = server.connect();
    assert_eq!(other.exchange(get("/")).expect("an answer").text(), "fine");
    for request in [get("/panic"), post("/panic-in-body", "hello")] {
        for _ in 0..3 {
            let mut client = server.connect();
            let response = client.exchange(&request).expect("an answer");
            assert!(response.status == 500 && response.says_close(), "{response:?}");
            assert!(
                !response.text().contains("purpose"),
                "the panic's text is nobody's business: {response:?}"
            );
            assert_eq!(client.rest().expect("an orderly end"), b"");
        }
        assert_eq!(
            other.exchange(get("/")).expect("others are served").text(),
            "fine"
        );
    }
}

#[test]
fn a_panic_keeps_the_answers_before_it_and_drops_the_requests_behind_it() {
    let server = Embedded::of(odd);
    let mut client = server.connect();
    client
        .send(get("/") + &get("/panic") + &get("/"))
        .expect("the server reads");
    assert_eq!(client.response().expect("the first answer").text(), "fine");
    assert_eq!(client.response().expect("the second answer").status, 500);
    assert_eq!(client.rest().expect("an orderly end"), b"");
}

#[test]
fn a_field_that_no_response_may_have_is_answered_with_500() {
    let server = Embedded::of(odd);
    for path in ["/bad-field", "/framing-field"] {
        let response = server.connect().exchange(get(path)).expect("an answer");
        assert_eq!(
            (response.status, response.count("set-cookie")),
            (500, 0),
            "{path}: {response:?}"
        );
    }
}

#[test]
fn an_answer_may_come_later_and_from_another_thread() {
    let server = Embedded::of(odd);
    let mut client = server.connect();
    client
        .send(get("/elsewhere") + &get("/"))
        .expect("the server reads");
    let late = client.response().expect("the late answer");
    assert_eq!((late.status, late.text().as_str()), (202, "from another thread"));
    assert_eq!(client.response().expect("the one behind it").text(), "fine");
    assert_eq!(
        server
            .connect()
            .exchange(get("/forgotten"))
            .expect("an answer")
            .status,
        500
    );
}

#[test]
fn answers_that_nobody_waits_for_any_more_are_dropped() {
    let server = Embedded::of(odd);
    for _ in 0..50 {
        server
            .connect()
            .send(get("/elsewhere"))
            .expect("the server reads");
    }
    thread::sleep(Duration::from_millis(100));
    let mut client = server.connect();
    assert_eq!(client.exchange(get("/")).expect("an answer").text(), "fine");
}

#[test]
fn a_body_is_collected_up_to_its_limit() {
    let server = Embedded::of(odd);
    let mut client = server.connect();
    assert_eq!(
        client
            .exchange(post("/upper", "hello"))
            .expect("an answer")
            .text(),
        "HELLO"
    );
    assert_eq!(
        client
            .exchange(post("/upper", "0123456789"))
            .expect("an answer")
            .text(),
        "0123456789"
    );
    assert_eq!(
        client
            .exchange(post("/upper", "0123456789x"))
            .expect("an answer")
            .status,
        413
    );
}

#[test]
fn a_body_that_fails_half_way_is_not_taken_for_a_whole_one() {
    let server = Embedded::of(odd);
    let answer = server.connect().exchange(get("/broken-source"));
    assert!(
        answer.is_err() || answer.is_ok_and(|answer| answer.status == 500),
        "the client notices"
    );
    assert_eq!(
        server
            .connect()
            .exchange(get("/"))
            .expect("others are served")
            .text(),
        "fine"
    );
}

#[test]
fn what_panics_when_it_is_dropped_costs_its_own_request_and_not_the_worker() {
    // The handler owns one, too: it goes when the worker has ended, which is no failure.
    let owned = std::sync::Arc::new(Bomb);
    let server = Embedded::of(move |head: &Head<'_>, cx: &mut Context<'_>| {
        let _owned = &owned;
        odd(head, cx)
    });
    let mut other = server.connect();
    for request in [
        // Called, too long to be called, and given up by the client.
        post("/bomb-closure", "hello"),
        post("/bomb-closure", "0123456789x"),
        "POST /bomb-closure HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".to_owned(),
        get("/bomb-source"),
    ] {
        for _ in 0..3 {
            let mut client = server.connect();
            client.send(&request).expect("the server reads");
            // Some of the endless body, or the whole answer, or nothing; then the client is gone.
            let _ = client.is_silent_for(Duration::from_millis(20));
            drop(client);
            let served = other.exchange(get("/")).expect("others are served");
            assert_eq!(served.text(), "fine", "{request}");
        }
    }
    // Ends while some of them are still alive.
    let mut streaming = server.connect();
    streaming.send(get("/bomb-source")).expect("the server reads");
    assert!(
        !streaming
            .is_silent_for(Duration::from_secs(5))
            .expect("a beginning")
    );
}
