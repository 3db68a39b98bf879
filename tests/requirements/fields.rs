//! The header section: points 15 to 20.

use crate::case::{Case, Want, case, get, post, refused, run, served, with_byte};

const TOO_LARGE: Want = Want::Refused(&[431, 400]);

/// A whole request whose only Host line is this.
fn host(line: &str) -> String {
    format!("GET /plaintext HTTP/1.1\r\n{line}\r\n\r\n")
}

#[test]
fn a_field_line_is_a_token_a_colon_and_a_value() {
    let mut rows = Vec::new();
    for good in [
        "X:\r\n",
        "X: \r\n",
        "X:a\r\n",
        "X: \t a b\tc \t \r\n",
        "!#$%&'*+-.^_`|~09: a\r\n",
        "X: \"(),/:;<=>?@[\\]{}\r\n",
    ] {
        rows.push(served("point 15, legal", get(good)));
    }
    for bad in [
        "X : a\r\n",
        "X\t: a\r\n",
        ": a\r\n",
        " : a\r\n",
        "X\r\n",
        "X a\r\n",
        "X(: a\r\n",
        "X@: a\r\n",
        "X Y: a\r\n",
        "X/: a\r\n",
        "X\u{e9}: a\r\n",
        "X\x0b: a\r\n",
        "X\0: a\r\n",
        "X\x7f: a\r\n",
        "\"X\": a\r\n",
        "X: a\r\n b\r\n",
        "X: a\r\n\tb\r\n",
        "X:\r\n a\r\n",
        "X: a\r\n \r\n",
        "X: a\rb\r\n",
        "X: a\nb\r\n",
        "X: a\nY: b\r\n",
        "X: a\n\r\n",
        "X: a\r\r\n",
        "X: a\0\r\n",
        "X: \x01\r\n",
        "X: a\x0bb\r\n",
        "X: a\x0cb\r\n",
        "X: a\x1fb\r\n",
        "X: a\x7fb\r\n",
    ] {
        rows.push(refused("point 15", get(bad)));
    }
    for first in [" X: a\r\n", "\tX: a\r\n", " \r\n", "\t\r\n"] {
        let request = format!("GET /plaintext HTTP/1.1\r\n{first}Host: a\r\n\r\n");
        rows.push(refused("point 15, a blank before the first field", request));
    }
    rows.push(refused(
        "point 15, a high byte in a name",
        with_byte(&get("X@: a\r\n"), 0x80),
    ));
    for byte in [0x80, 0xa0, 0xff] {
        rows.push(case(
            "point 15, a high byte in a value",
            with_byte(&get("X: @\r\n"), byte),
            Want::Served(&[200]),
        ));
    }
    run(rows);
}

#[test]
fn blanks_around_a_value_are_spaces_and_tabs_and_nothing_else() {
    let mut rows = vec![
        served("point 16", post("Content-Length:\t 5 \t\r\n", "hello")).with_body("hello"),
        served("point 16, no blank", post("Content-Length:5\r\n", "hello")).with_body("hello"),
        served(
            "point 16, not a close",
            with_byte(&get("Connection: close@\r\n"), 0xa0),
        ),
        served(
            "point 16, not a close either",
            with_byte(&get("Connection: @close\r\n"), 0x85),
        ),
    ];
    for byte in [0x0b, 0x0c, 0xa0, 0x85] {
        rows.push(refused(
            "point 16, before",
            with_byte(&post("Content-Length: @5\r\n", "hello"), byte),
        ));
        rows.push(refused(
            "point 16, after",
            with_byte(&post("Content-Length: 5@\r\n", "hello"), byte),
        ));
    }
    run(rows);
}

#[test]
fn sixty_fields_and_values_of_3_kb_work_and_heads_without_an_end_do_not() {
    let many = |count: usize| {
        (0..count)
            .map(|index| format!("X-{index}: a\r\n"))
            .collect::<String>()
    };
    run(vec![
        served("point 17, 60 fields", get(&many(59))),
        served(
            "point 17, a value of 3 kB",
            get(&format!("X: {}\r\n", "a".repeat(3000))),
        ),
        case(
            "point 17, 100 kB of value",
            get(&format!("X: {}\r\n", "a".repeat(100_000))),
            TOO_LARGE,
        ),
        case(
            "point 17, 100 kB of name",
            get(&format!("{}: a\r\n", "a".repeat(100_000))),
            TOO_LARGE,
        ),
        case("point 17, 10,000 fields", get(&many(10_000)), TOO_LARGE),
        case(
            "point 17, a cookie of 64 kB",
            get(&format!("Cookie: {}\r\n", "a".repeat(64_000))),
            MAYBE,
        ),
        case(
            "point 17, 100 kB and no end",
            format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(100_000)),
            TOO_LARGE,
        ),
    ]);
}

const MAYBE: Want = Want::Answered(&[200, 431, 400]);

#[test]
fn names_that_only_look_like_framing_fields_frame_nothing() {
    let lookalikes = [
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "X-Content-Length: 5",
        "Content-Length-X: 5",
        "Content-Lengt: 5",
        "ContentLength: 5",
        "X-Transfer-Encoding: chunked",
        "Transfer-Encodings: chunked",
        "TransferEncoding: chunked",
        "Content-Encoding: chunked",
        "TE: chunked",
        "Trailer: Content-Length",
    ];
    run(lookalikes
        .iter()
        .map(|line| served("point 18", get(&format!("{line}\r\n"))))
        .collect());
}

#[test]
fn there_is_exactly_one_host_and_it_is_valid() {
    let mut rows: Vec<Case> = Vec::new();
    for good in [
        "a",
        "a:80",
        "a.b-c.d:8080",
        "127.0.0.1",
        "[::1]",
        "[::1]:80",
        "a_b",
        "a:",
        "xn--bcher-kva.example",
        "a%20b",
    ] {
        rows.push(served("point 19", host(&format!("Host: {good}"))));
    }
    for bad in [
        "", " ", "a b", "u@a", "u:p@a", "a/", "a/b", "a?b", "a#b", "\"a\"", "a:b", "a:80:80", "a:-1", "[::1",
        "::1", "[a]", "a\u{e9}", "http://a", "a\\b", "<a>", "a:8x", "[::1]x", "a%", "a%zz",
    ] {
        rows.push(refused("point 19", host(&format!("Host: {bad}"))));
    }
    rows.push(refused("point 19, none", "GET /plaintext HTTP/1.1\r\n\r\n"));
    rows.push(refused("point 19, none but another field", host("X: a")));
    rows.push(refused("point 19, two", host("Host: a\r\nHost: a")));
    rows.push(refused(
        "point 19, two that differ",
        host("Host: a\r\nX: a\r\nhost: b"),
    ));
    rows.push(served("point 19, any case", host("hOsT: a")));
    run(rows);
}

#[test]
fn a_repeated_content_type_is_refused() {
    let twice = "Content-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 5\r\n";
    run(vec![
        refused("point 20", post(twice, "hello")),
        served(
            "point 20, once",
            post("Content-Type: text/plain\r\nContent-Length: 5\r\n", "hello"),
        ),
    ]);
}
