//! How the end of a body is known: points 21 to 28.

use crate::case::{Want, case, chunked, get, post, refused, run, served, with_byte};

#[test]
fn a_content_length_is_digits_and_there_is_one_of_it() {
    let mut rows = vec![
        served("point 21", post("Content-Length: 5\r\n", "hello")).with_body("hello"),
        served("point 21, zero", post("Content-Length: 0\r\n", "")).with_body(""),
        case(
            "point 21, zeros before it",
            post("Content-Length: 005\r\n", "hello"),
            Want::Answered(&[200, 400]),
        ),
        case(
            "point 21, over the limit",
            post("Content-Length: 18446744073709551615\r\n", ""),
            Want::Refused(&[413]),
        ),
        case(
            "point 21, far over it",
            post("Content-Length: 999999999999\r\n", ""),
            Want::Refused(&[413]),
        ),
        refused(
            "point 21, one over 64 bits",
            post("Content-Length: 18446744073709551616\r\n", ""),
        )
        .or(&[400, 413]),
        refused(
            "point 21, wraps to 5",
            post("Content-Length: 18446744073709551621\r\n", "hello"),
        )
        .or(&[400, 413]),
        refused(
            "point 21, wraps 32 bits",
            post("Content-Length: 4294967301\r\n", "hello"),
        )
        .or(&[413]),
        refused(
            "point 21, endless",
            post(&format!("Content-Length: {}5\r\n", "9".repeat(200)), ""),
        )
        .or(&[400, 413]),
    ];
    for bad in [
        "", " ", "+5", "-5", "-0", "5.0", "5e0", "0x5", "5h", "5 5", "5,", ",5", "5;", "\"5\"", "five",
        "5 bytes", "5_0", "5\t5", "0b101", "5, 6", "5,x", "1,000", "\u{665}",
    ] {
        rows.push(refused(
            "point 21",
            post(&format!("Content-Length: {bad}\r\n"), "hello"),
        ));
    }
    let same = Want::Answered(&[200, 400]);
    rows.push(case(
        "point 21, a list of one value",
        post("Content-Length: 5, 5\r\n", "hello"),
        same,
    ));
    rows.push(case(
        "point 21, two lines",
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        same,
    ));
    rows.push(refused(
        "point 21, two values",
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
    ));
    rows.push(refused(
        "point 21, 0 and 5",
        post("Content-Length: 0\r\ncontent-length: 5\r\n", "hello"),
    ));
    rows.push(refused(
        "point 21, one empty",
        post("Content-Length: 5\r\nContent-Length:\r\n", "hello"),
    ));
    run(rows);
}

#[test]
fn two_framings_or_one_in_http_1_0_are_refused() {
    let mut rows = Vec::new();
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length:\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: x\r\nContent-Length: 5\r\n",
        "Transfer-Encoding:\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n",
    ] {
        rows.push(refused("point 22", post(both, "5\r\nhello\r\n0\r\n\r\n")).or(&[400]));
    }
    let old = "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    rows.push(refused("point 22, HTTP/1.0", old));
    let kept = "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    rows.push(refused("point 22, HTTP/1.0 keep-alive", kept));
    run(rows);
}

#[test]
fn the_only_transfer_coding_is_chunked() {
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let mut rows = Vec::new();
    for good in ["chunked", "CHUNKED", "Chunked", "\tchunked "] {
        rows.push(
            served("point 23", post(&format!("Transfer-Encoding: {good}\r\n"), body)).with_body("hello"),
        );
    }
    for bad in [
        "",
        " ",
        "identity",
        "gzip",
        "chunke",
        "chunkedd",
        "xchunked",
        "chunked, identity",
        "chunked, gzip",
        "chunked, chunked",
        "identity, chunked, identity",
        "\"chunked\"",
        "chunked;a=b",
        "chunked;",
        "ch unked",
        "chunked chunked",
        "\x0bchunked",
        "chunked\x0b",
        "'chunked'",
        "[chunked]",
        "x:chunked",
        "chunked\0",
    ] {
        rows.push(refused(
            "point 23",
            post(&format!("Transfer-Encoding: {bad}\r\n"), body),
        ));
    }
    for byte in [0x80, 0xa0, 0xff] {
        rows.push(refused(
            "point 23",
            with_byte(&post("Transfer-Encoding: chunked@\r\n", body), byte),
        ));
    }
    let other = post("Transfer-Encoding: gzip, chunked\r\n", body);
    rows.push(case(
        "point 23, another coding before it",
        other,
        Want::Refused(&[501, 400]),
    ));
    let lines = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    rows.push(refused("point 23, twice in two lines", post(lines, body)));
    let lines = "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n";
    rows.push(case(
        "point 23, two lines",
        post(lines, body),
        Want::Refused(&[501, 400]),
    ));
    let lines = "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n";
    rows.push(refused("point 23, two lines, chunked first", post(lines, body)));
    rows.push(refused(
        "point 23, a folded line",
        post("Transfer-Encoding:\r\n chunked\r\n", body),
    ));
    rows.push(refused(
        "point 23, a blank before the colon",
        post("Transfer-Encoding : chunked\r\n", body),
    ));
    rows.push(case(
        "point 23, empty elements",
        post("Transfer-Encoding: ,chunked\r\n", body),
        MAYBE,
    ));
    run(rows);
}

const MAYBE: Want = Want::Answered(&[200, 400]);

#[test]
fn without_framing_there_is_no_body() {
    run(vec![
        served("point 24, POST", post("", "")).with_body(""),
        case(
            "point 24, and the next request",
            format!("{}{}", post("", ""), get("")),
            Want::Pipeline(&[200, 200]),
        ),
        case(
            "point 24, GET with a body",
            get("Content-Length: 5\r\n") + "hello",
            Want::Answered(&[200, 400]),
        ),
    ]);
}

#[test]
fn a_chunk_is_hex_digits_crlf_data_crlf() {
    let mut rows = vec![
        served("point 25", chunked("5\r\nhello\r\n0\r\n\r\n")).with_body("hello"),
        served("point 25, two", chunked("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")).with_body("hello"),
        served("point 25, hex", chunked("A\r\n0123456789\r\n0\r\n\r\n")).with_body("0123456789"),
        served("point 25, small hex", chunked("a\r\n0123456789\r\n0\r\n\r\n")).with_body("0123456789"),
        served("point 25, zeros", chunked("005\r\nhello\r\n000\r\n\r\n")).with_body("hello"),
        served(
            "point 25, more zeros than a number has digits",
            chunked(&format!(
                "{}5\r\nhello\r\n{}\r\n\r\n",
                "0".repeat(100),
                "0".repeat(100)
            )),
        )
        .with_body("hello"),
        served("point 25, nothing", chunked("0\r\n\r\n")).with_body(""),
        case(
            "point 25, a request behind it",
            chunked("0\r\n\r\n") + &get(""),
            Want::Pipeline(&[200, 200]),
        ),
    ];
    for bad in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello\r\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello  0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        "1_0\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\t5\r\nhello\r\n0\r\n\r\n",
        "5\t\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
        "5.\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "0\n\r\n",
        "0\r\n\n",
        "0\n\n",
        "5\r\nhello\r\n0\r\n\n",
        "0\r\r\n\r\n",
    ] {
        rows.push(refused("point 25", chunked(bad)));
    }
    let endless = Want::Refused(&[400, 413]);
    rows.push(case(
        "point 25, endless zeros",
        chunked(&"0".repeat(100_000)),
        endless,
    ));
    rows.push(case(
        "point 25, endless size",
        chunked("ffffffffffffffff\r\nhello"),
        endless,
    ));
    run(rows);
}

#[test]
fn chunk_extensions_follow_their_grammar() {
    let mut rows = Vec::new();
    for good in [
        ";a",
        ";a=b",
        ";a=\"b c\"",
        ";a=\"\\\"\"",
        " ; a = b",
        ";a;b=c;d=\"e\"",
        "\t;\ta",
        ";a=\"\"",
        ";a=\";\"",
        ";!#$=1",
    ] {
        let request = chunked(&format!("5{good}\r\nhello\r\n0{good}\r\n\r\n"));
        rows.push(served("point 26", request).with_body("hello"));
    }
    for bad in [
        ";",
        " ;",
        ";;a",
        ";=b",
        ";a=",
        ";a=;",
        ";a b",
        ";a=b c",
        ";a=\"b",
        ";a=\"b\"c",
        ";a\n",
        ";a\0",
        ";a=\x01",
        ";a=\"\x01\"",
        ";a\r",
        ";a=\"b\nc\"",
        ";a=\"\r\n\"",
        ";\x7f",
        ";a=(b)",
        ";a@b",
        ";a==b",
        "a=b",
    ] {
        rows.push(refused(
            "point 26",
            chunked(&format!("5{bad}\r\nhello\r\n0\r\n\r\n")),
        ));
        rows.push(refused(
            "point 26, last chunk",
            chunked(&format!("5\r\nhello\r\n0{bad}\r\n\r\n")),
        ));
    }
    let capped = Want::Refused(&[400, 431]);
    let long = format!("5;a={}\r\nhello\r\n0\r\n\r\n", "b".repeat(64_000));
    rows.push(case("point 26, 64 kB in one", chunked(&long), capped));
    let many = "1;aaaaaaaaaaaaaaaa=bbbbbbbbbbbbbbbb\r\nx\r\n".repeat(4000);
    rows.push(case(
        "point 26, 140 kB in many",
        chunked(&many),
        Want::Refused(&[400, 431, 413]),
    ));
    run(rows);
}

#[test]
fn trailers_obey_the_field_rules_and_are_never_merged() {
    let with = |trailers: &str| chunked(&format!("5\r\nhello\r\n0\r\n{trailers}\r\n"));
    let mut rows = vec![
        served("point 27", with("X: a\r\n")).with_body("hello"),
        served("point 27, two", with("X: a\r\nY:\r\n")).with_body("hello"),
        case(
            "point 27, and a request",
            with("X: a\r\n") + &get(""),
            Want::Pipeline(&[200, 200]),
        ),
    ];
    for bad in [
        "X : a\r\n",
        ": a\r\n",
        "X\r\n",
        " X: a\r\n",
        "X: a\r\n b\r\n",
        "X: a\n",
        "X: a\0\r\n",
        "X@: a\r\n",
        "X: \x01\r\n",
        "X: a\rb\r\n",
    ] {
        rows.push(refused("point 27", with(bad)));
    }
    // Dropped or refused: if they counted, the request behind them would be swallowed or the connection closed.
    for framing in [
        "Content-Length: 500\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Host: b\r\n",
    ] {
        rows.push(case(
            "point 27, framing and routing",
            with(framing),
            Want::Answered(&[200, 400]),
        ));
    }
    let long = format!("X: {}\r\n", "a".repeat(100_000));
    rows.push(case(
        "point 27, 100 kB",
        with(&long),
        Want::Refused(&[400, 431, 413]),
    ));
    run(rows);
}

#[test]
fn a_body_that_breaks_is_not_turned_into_a_success() {
    run(vec![
        refused("point 28, after a good chunk", chunked("5\r\nhello\r\nx\r\n\r\n")),
        refused("point 28, in the data's end", chunked("5\r\nhelloXX0\r\n\r\n")),
        refused(
            "point 28, on another route",
            chunked("5\r\nhello\r\n!\r\n").replace("/echo", "/"),
        ),
    ]);
}
