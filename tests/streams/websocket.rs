//! The example `websocket`: real clients, wrong handshakes (RFC 6455 sections 4.2.1, 4.2.2 and 4.4), and peers that
//! break the rules of frames.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, thread};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Response, Server, tools};

fn handshake(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

/// The answer to a handshake, behind whose head the frames begin.
fn answer(client: &mut Client, request: &str) -> Response {
    client.send(request).expect("the server reads");
    client.response_to(true).expect("an answer")
}

fn open(server: &Server, path: &str) -> Client {
    let mut client = server.connect();
    let response = answer(&mut client, &handshake(path, &[UPGRADE, VERSION, KEY].concat()));
    assert_eq!(response.status, 101, "{response:?}");
    client
}

/// A frame of a client: its first byte, and its payload under a mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let length = u8::try_from(payload.len()).expect("a short payload");
    assert!(length < 126, "a short payload");
    let mut frame = vec![first, 0x80 | length];
    frame.extend_from_slice(&mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[test]
fn a_handshake_is_answered_with_the_key_of_the_rfc() {
    let server = Launch::example("websocket").start();
    let mut client = server.connect();
    let response = answer(
        &mut client,
        &handshake("/echo", &[UPGRADE, VERSION, KEY].concat()),
    );
    assert_eq!(response.status, 101);
    // The example of RFC 6455 section 1.3.
    assert_eq!(
        response.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(response.field("upgrade"), Some("websocket"));
    let connection = response
        .field("connection")
        .unwrap_or_default()
        .to_ascii_lowercase();
    assert!(connection.contains("upgrade"), "{connection}");
}

#[test]
fn a_wrong_handshake_gets_400_or_426_and_hears_which_version_is_right() {
    let server = Launch::example("websocket").start();
    let old = "Sec-WebSocket-Version: 8\r\n";
    for (fields, status) in [
        // No wish to upgrade, or to something else.
        (vec![], 426),
        (vec![VERSION, KEY], 426),
        (vec!["Upgrade: websocket\r\n", VERSION, KEY], 426),
        (
            vec!["Connection: Upgrade\r\nUpgrade: chat\r\n", VERSION, KEY],
            426,
        ),
        // Another version.
        (vec![UPGRADE, old, KEY], 426),
        // None, or two; no key, two, or one of another length or with other bits behind its last.
        (vec![UPGRADE, KEY], 400),
        (vec![UPGRADE, VERSION, VERSION, KEY], 400),
        (vec![UPGRADE, VERSION], 400),
        (vec![UPGRADE, VERSION, KEY, KEY], 400),
        (
            vec![UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n"],
            400,
        ),
        (
            vec![
                UPGRADE,
                VERSION,
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n",
            ],
            400,
        ),
        (
            vec![
                UPGRADE,
                VERSION,
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n",
            ],
            400,
        ),
        (vec![UPGRADE, VERSION, "Sec-WebSocket-Key:\r\n"], 400),
    ] {
        let mut client = server.connect();
        let response = client
            .exchange(handshake("/echo", &fields.concat()))
            .expect("an answer");
        assert_eq!(response.status, status, "{fields:?}");
        assert_eq!(response.field("sec-websocket-version"), Some("13"), "{fields:?}");
        // RFC 9110 section 15.5.22.
        assert_eq!(
            response.field("upgrade"),
            (status == 426).then_some("websocket"),
            "{fields:?}"
        );
        // It is still HTTP, and the connection as good as before.
        let again = answer(
            &mut client,
            &handshake("/echo", &[UPGRADE, VERSION, KEY].concat()),
        );
        assert_eq!(again.status, 101, "{fields:?}");
    }
    let old = "GET /echo HTTP/1.0\r\nHost: a\r\n".to_owned() + UPGRADE + VERSION + KEY + "\r\n";
    assert_eq!(server.connect().exchange(old).expect("an answer").status, 426);
    let post = handshake("/echo", &[UPGRADE, VERSION, KEY].concat()).replace("GET", "POST");
    assert_eq!(server.connect().exchange(post).expect("an answer").status, 405);
}

#[test]
fn frames_that_come_with_the_handshake_are_answered() {
    let server = Launch::example("websocket").start();
    let mut client = server.connect();
    let mut all = handshake("/echo", &[UPGRADE, VERSION, KEY].concat()).into_bytes();
    all.extend(frame(TEXT, b"early"));
    all.extend(frame(PING, b"?"));
    all.extend(frame(CLOSE, &1000_u16.to_be_bytes()));
    client.send(all).expect("the server reads");
    assert_eq!(client.response_to(true).expect("an answer").status, 101);
    let rest = client.rest().expect("an orderly end");
    let wanted = [
        &[TEXT, 5][..],
        b"early",
        &[PONG, 1],
        b"?",
        &[CLOSE, 2, 0x03, 0xe8],
    ]
    .concat();
    assert_eq!(rest, wanted, "{}", rest.escape_ascii());
}

#[test]
fn a_peer_that_breaks_a_rule_hears_which_kind_and_loses_its_connection() {
    let server = Launch::example("websocket").start();
    let unmasked = [TEXT, 2, b'h', b'i'];
    let split_ping = frame(0x09, b"half");
    let long_ping = [&[PING, 0x80 | 126, 0, 126][..], &[0; 4 + 126]].concat();
    let huge = [0x82, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    for (what, bytes, code) in [
        ("unmasked", &unmasked[..], 1002),
        ("a reserved bit", &frame(0xc1, b"x"), 1002),
        ("a reserved opcode", &frame(0x83, b"x"), 1002),
        ("a ping in parts", &split_ping, 1002),
        ("a long ping", &long_ping, 1002),
        ("a part of nothing", &frame(0x80, b"x"), 1002),
        ("no UTF-8", &frame(TEXT, b"\xff\xfe"), 1007),
        ("four gigabytes", &huge, 1009),
    ] {
        let mut client = open(&server, "/echo");
        client.send(bytes).expect("the server reads");
        let rest = client.rest().expect("an orderly end");
        assert!(
            rest.len() >= 4 && rest[0] == CLOSE,
            "{what}: {}",
            rest.escape_ascii()
        );
        assert_eq!(u16::from_be_bytes([rest[2], rest[3]]), code, "{what}");
    }
}

#[test]
fn a_drain_says_goodbye_and_ends_when_the_peer_has_answered() {
    let mut server = Launch::example("websocket").start();
    let mut client = open(&server, "/chat");
    server.signal(Signal::SIGTERM);
    let goodbye = [CLOSE, 2, 0x03, 0xe9]; // 1001, going away
    let mut come = Vec::new();
    while come.len() < goodbye.len() {
        let mut byte = [0];
        use std::io::Read as _;
        client
            .stream()
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        client.stream().read_exact(&mut byte).expect("a goodbye");
        come.push(byte[0]);
    }
    assert_eq!(come, goodbye);
    client
        .send(frame(CLOSE, &1001_u16.to_be_bytes()))
        .expect("the server reads");
    assert_eq!(client.rest().expect("an orderly end"), b"");
    assert!(server.ends_within(PATIENCE).success());
}

#[test]
fn a_member_of_the_chat_that_does_not_read_is_closed_and_the_others_get_everything() {
    let server = Launch::example("websocket").start();
    let slow = open(&server, "/chat");
    let mut quick = open(&server, "/chat");
    // 100 bytes a frame would take long to fill what the kernels keep: 60 kB do.
    let payload = vec![b'x'; 60_000];
    let mut message = vec![0x82, 0x80 | 126];
    message.extend_from_slice(&60_000_u16.to_be_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&payload);
    for _ in 0..400 {
        quick.send(&message).expect("the server reads");
        let mut back = vec![0; 4 + payload.len()];
        use std::io::Read as _;
        quick
            .stream()
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        quick.stream().read_exact(&mut back).expect("its own message");
        assert_eq!(back[..2], [0x82, 126]);
    }
    // What had been sent arrives, then the connection ends: 24 MB are not there.
    let mut slow = slow;
    let rest = slow.rest().unwrap_or_default();
    assert!(rest.len() < 400 * payload.len(), "the slow member got everything");
}

/// A program that has what the test needs, or `None` after saying that the test is skipped.
fn client(programs: &[&str], probe: &[&str], needs: &str) -> Option<PathBuf> {
    let has_it = |program: &&&str| {
        let mut command = Command::new(program);
        let run = command
            .args(probe)
            .env("NODE_PATH", NODE_PATH)
            .stdin(Stdio::null())
            .output();
        run.is_ok_and(|output| output.status.success())
    };
    if let Some(program) = programs.iter().find(has_it) {
        return Some(PathBuf::from(program));
    }
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} needs {needs}, which CI has to install"
    );
    tools::skipped(test, needs);
    None
}

/// Where Debian's packages of Node's libraries are.
const NODE_PATH: &str = "/usr/share/nodejs";

fn run(program: PathBuf, script: &str, words: &[&str], server: &Server) {
    let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/streams")).join(script);
    let mut command = Command::new(program);
    command
        .arg(script)
        .args(words)
        .arg(server.address().to_string())
        .env("NODE_PATH", NODE_PATH)
        .stdin(Stdio::null());
    let output = tools::finish(&mut command, 4 * PATIENCE);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("all passed"),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn python_s_websockets_echoes_chats_pings_and_closes() {
    let programs = ["python3", "/usr/bin/python3"];
    let Some(python) = client(&programs, &["-c", "import websockets"], "Python's websockets") else {
        return;
    };
    run(python, "websocket.py", &[], &Launch::example("websocket").start());
}

#[test]
fn node_s_ws_echoes_chats_pings_and_closes() {
    let Some(node) = client(&["node", "nodejs"], &["-e", "require('ws')"], "Node's ws") else {
        return;
    };
    run(node, "websocket.js", &[], &Launch::example("websocket").start());
}

#[test]
#[ignore = "needs Chromium; run by hand"]
fn a_page_in_chromium_echoes_and_chats() {
    let Some(node) = tools::tool("chromium").and_then(|_| client(&["node"], &["-e", "require('ws')"], "ws"))
    else {
        return;
    };
    run(
        node,
        "chromium.js",
        &["websocket"],
        &Launch::example("websocket").start(),
    );
}

#[test]
#[ignore = "needs Chromium; run by hand"]
fn the_demonstration_s_plots_move_in_chromium() {
    let Some(node) = tools::tool("chromium").and_then(|_| client(&["node"], &["-e", "require('ws')"], "ws"))
    else {
        return;
    };
    run(node, "chromium.js", &["page"], &Launch::new().start());
}
