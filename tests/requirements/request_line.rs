//! The request line: points 9 to 14.

use crate::case::{Case, Want, case, refused, run, run_on, served, with_byte};
use support::Launch;

/// A whole request around this request line.
fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

#[test]
fn a_request_line_is_method_target_and_version_with_single_spaces() {
    let mut rows = vec![served("the plain one", line("GET /plaintext HTTP/1.1"))];
    for bad in [
        "GET  /plaintext HTTP/1.1",
        "GET /plaintext  HTTP/1.1",
        " GET /plaintext HTTP/1.1",
        "GET /plaintext HTTP/1.1 ",
        "GET\t/plaintext HTTP/1.1",
        "GET /plaintext\tHTTP/1.1",
        "GET /plaintext HTTP/1.1\t",
        "GET /plain\rtext HTTP/1.1",
        "GET /plain\ntext HTTP/1.1",
        "GET /plaintext HTTP/1.1\r",
        "GET /plain\0text HTTP/1.1",
        "GET /plain text HTTP/1.1",
        "GET /plaintext",
        "GET /plaintext ",
        "GET HTTP/1.1",
        "GET  HTTP/1.1",
        "GET",
        "/plaintext HTTP/1.1",
        "GET /plaintext HTTP/1.1 HTTP/1.1",
    ] {
        rows.push(refused("point 9", line(bad)));
    }
    rows.push(refused(
        "point 9, LF alone",
        "GET /plaintext HTTP/1.1\nHost: a\n\n",
    ));
    rows.push(refused(
        "point 9, LF after the request line",
        "GET /plaintext HTTP/1.1\nHost: a\r\n\r\n",
    ));
    rows.push(refused(
        "point 9, CR alone",
        "GET /plaintext HTTP/1.1\rHost: a\r\r\n\r\n",
    ));
    run(rows);
}

#[test]
fn the_version_has_its_exact_form_and_the_minor_number_does_not_matter() {
    let mut rows = Vec::new();
    for bad in [
        "http/1.1",
        "Http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1.1.1",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.10",
        "HTTP/11.1",
        "HTTPS/1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/+1.1",
        "HTTP/-1.1",
        "HTTP-1.1",
        "HTTP/1,1",
        "HTTP/x.1",
        "HTTP/1.x",
        "HTTP1.1",
        "HTTP",
        "1.1",
        "XTTP/1.1",
    ] {
        rows.push(refused(
            "point 10, malformed",
            line(&format!("GET /plaintext {bad}")),
        ));
    }
    for other in ["HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"] {
        let request = line(&format!("GET /plaintext {other}"));
        rows.push(case(
            "point 10, another major version",
            request,
            Want::Refused(&[505, 400]),
        ));
    }
    for minor in ["HTTP/1.2", "HTTP/1.9"] {
        rows.push(served(
            "point 10, a later minor version",
            line(&format!("GET /plaintext {minor}")),
        ));
    }
    rows.push(case(
        "point 10, HTTP/2 preface",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        Want::Refused(&[505]),
    ));
    run(rows);
}

#[test]
fn a_method_is_a_token_and_what_is_unknown_is_not_implemented() {
    let mut rows = Vec::new();
    for bad in [
        "GE(T", "G@T", "GET:", "GET/", "\"GET\"", "GE\x7fT", "G\u{e9}T", "{GET}", "GET,POST", "GET;",
    ] {
        rows.push(refused(
            "point 11, not a token",
            line(&format!("{bad} /plaintext HTTP/1.1")),
        ));
    }
    for unknown in [
        "get",
        "Get",
        "BREW",
        "GETX",
        "PURGE",
        "M-SEARCH",
        "!#$%&'*+-.^_`|~",
    ] {
        let request = line(&format!("{unknown} /plaintext HTTP/1.1"));
        rows.push(case(
            "point 11, unknown",
            request,
            Want::Answered(&[501, 405, 400]),
        ));
    }
    rows.push(case(
        "point 11, TRACE",
        line("TRACE / HTTP/1.1"),
        Want::Answered(&[405, 501]),
    ));
    rows.push(case(
        "point 11, CONNECT",
        line("CONNECT a:443 HTTP/1.1"),
        Want::Answered(&[405, 501]),
    ));
    let long = line(&format!("{} / HTTP/1.1", "A".repeat(20_000)));
    rows.push(refused("point 11, an endless method", long));
    run(rows);
}

#[test]
fn a_target_has_one_of_four_forms_and_only_characters_that_belong_there() {
    let mut rows = Vec::new();
    for good in [
        "/plaintext?",
        "/plaintext?a=b&c=%20d",
        "/plaintext?/?:@!$&'()*+,;=-._~",
        "http://a/plaintext",
        "https://a/plaintext",
        "http://a:8080/plaintext?x",
        "http://[::1]/plaintext",
        "http://a",
    ] {
        rows.push(served("point 12", line(&format!("GET {good} HTTP/1.1"))));
    }
    let absolute = "POST http://a/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    rows.push(served("point 12, absolute-form on every method", absolute).with_body("hello"));
    for bad in [
        "*",
        "plaintext",
        "a:80",
        "/plaintext#fragment",
        "/plain\\text",
        "/\"",
        "/<",
        "/>",
        "/{",
        "/}",
        "/^",
        "/`",
        "/\x01",
        "/\x7f",
        "/\u{e9}",
        "/?#",
        "/?\"",
        "/?<",
        "/?>",
        "/?\x7f",
        "http://",
        "http:///plaintext",
        "http://a b/",
        "http://a:port/",
        "http://a/#x",
        "http:/plaintext",
    ] {
        rows.push(refused("point 12", line(&format!("GET {bad} HTTP/1.1"))));
    }
    rows.push(refused(
        "point 12, a high byte",
        with_byte(&line("GET /plain@ HTTP/1.1"), 0xff),
    ));
    rows.push(refused(
        "point 12, absolute-form without Host",
        "GET http://a/plaintext HTTP/1.1\r\n\r\n",
    ));
    rows.push(refused("point 12, * for POST", line("POST * HTTP/1.1")));
    rows.push(
        refused("point 12, CONNECT to a path", line("CONNECT /plaintext HTTP/1.1")).or(&[400, 405, 501]),
    );
    rows.push(case(
        "point 12, OPTIONS *",
        line("OPTIONS * HTTP/1.1"),
        Want::Served(&[200, 204, 405]),
    ));
    run(rows);
}

/// What browsers send as it is, because the WHATWG URL standard does not encode it.
const RAW: [&str; 13] = [
    "/echo/[slug].js",
    "/echo/[",
    "/echo/]",
    "/echo/|",
    "/echo/%",
    "/echo/%2",
    "/echo/%zz",
    "/echo/100%/a",
    "/plaintext?ids[]=1",
    "/plaintext?{a}|\\^`",
    "/plaintext?%",
    "/plaintext?%2x",
    "http://a/plaintext?[a]",
];

#[test]
fn targets_are_taken_as_browsers_send_them_unless_the_server_is_to_be_strict() {
    let row = |target: &str| line(&format!("GET {target} HTTP/1.1"));
    run(RAW
        .iter()
        .map(|target| served("point 12, raw", row(target)))
        .collect());
    let strict = RAW.iter().map(|target| refused("point 12, strict", row(target)));
    run_on(Launch::new().arg("--strict-targets"), strict.collect());
}

#[test]
fn request_lines_of_8000_bytes_work_and_endless_ones_end() {
    let long = format!("/echo/{}", "a".repeat(8000 - "GET /echo/ HTTP/1.1".len()));
    run(vec![
        served("point 13, 8000 bytes", line(&format!("GET {long} HTTP/1.1"))),
        case(
            "point 13, 100 kB",
            line(&format!("GET /{} HTTP/1.1", "a".repeat(100_000))),
            TOO_LONG,
        ),
        case(
            "point 13, 100 kB without an end",
            format!("GET /{}", "a".repeat(100_000)),
            TOO_LONG,
        ),
    ]);
}

const TOO_LONG: Want = Want::Refused(&[414, 400, 431]);

#[test]
fn a_few_empty_lines_before_a_request_are_skipped_and_nothing_else() {
    let request = line("GET /plaintext HTTP/1.1");
    let mut rows: Vec<Case> = vec![
        served("point 14, one CRLF", format!("\r\n{request}")),
        served("point 14, a few CRLFs", format!("\r\n\r\n\r\n\r\n{request}")),
        refused("point 14, more CRLFs", format!("{}{request}", "\r\n".repeat(5))),
        case(
            "point 14, a CRLF between requests",
            format!("{request}\r\n{request}"),
            Want::Pipeline(&[200, 200]),
        ),
    ];
    for before in [
        "\n", "\r", " ", "\t", "\0", "\u{feff}", "\r\r\n", " \r\n", "\r\n\n", "x\r\n",
    ] {
        rows.push(refused("point 14", format!("{before}{request}")));
    }
    run(rows);
}

#[test]
fn what_speaks_another_protocol_is_answered_at_once() {
    run(vec![
        refused("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        refused("an SSH banner", "SSH-2.0-OpenSSH_9.2\r\n"),
    ]);
}
