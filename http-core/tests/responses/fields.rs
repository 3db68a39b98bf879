//! The status and the fields of a response before it is written.

use crate::oracle::framing::values;
use crate::{get, read};
use http_core::{DateLine, Misuse, Name, ResponseHead};

#[test]
fn field_names_and_values_are_checked_before_they_are_kept() {
    let mut head = ResponseHead::new(200);
    for name in ["", "a b", "a:", "a\r\nb", "a\0", "\u{e4}", "a(", " a", "a\t"] {
        assert_eq!(head.push(name, "v"), Err(Misuse::BadFieldName), "{name:?}");
    }
    for value in [
        &b"a\r\nb: c"[..],
        b"a\nb",
        b"a\rb",
        b"\0",
        b"\x7f",
        b"\x0b",
        b"a\r\n",
        b" a",
        b"a ",
        b"\ta",
        b"a\t",
    ] {
        assert_eq!(
            head.push("x", value),
            Err(Misuse::BadFieldValue),
            "{}",
            value.escape_ascii()
        );
    }
    for name in [
        "content-length",
        "Content-Length",
        "TRANSFER-ENCODING",
        "connection",
        "Connection",
    ] {
        assert_eq!(head.push(name, "5"), Err(Misuse::FramingField), "{name}");
    }
    assert_eq!(head, ResponseHead::new(200), "nothing was kept");
    head.push("x", b"caf\xc3\xa9\tb c")
        .expect("obs-text, HTAB and SP are legal inside");
    head.push("y", "").expect("an empty value is legal");
    head.push(Name::from_static("z"), "1").expect("a checked name");
    let mut out = Vec::new();
    get().reply(&mut out, &head, b"").expect("legal");
    assert_eq!(read(&out, "GET").fields[..3].len(), 3);
    assert_eq!(values(&read(&out, "GET").fields, "x"), [b"caf\xc3\xa9\tb c"]);
}

#[test]
fn a_head_can_be_changed_and_reused() {
    let mut head = ResponseHead::new(200);
    for (name, value) in [("a", "1"), ("B", "2"), ("b", "3"), ("bb", "4")] {
        head.push(name, value).expect("legal");
    }
    head.push_date(&DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT"));
    head.remove_all("b");
    assert!(head.contains("A") && head.contains("bb") && head.contains("date") && !head.contains("B"));
    head.set_status(404);
    let mut out = Vec::new();
    get().reply(&mut out, &head, b"").expect("legal");
    let response = read(&out, "GET");
    assert_eq!(
        values(&response.fields, "date"),
        [b"Sun, 06 Nov 1994 08:49:37 GMT"]
    );
    assert_eq!(
        response
            .fields
            .iter()
            .map(|f| f.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "bb", "date", "content-length"]
    );
    head.reset(200);
    assert_eq!(head, ResponseHead::new(200));
    let mut evil = ResponseHead::new(200);
    evil.push_date(&DateLine::new(b"Sun, 06 Nov 1994\r\nEvil: 1\r\n  "));
    let mut out = Vec::new();
    get().reply(&mut out, &evil, b"").expect("legal");
    assert!(
        values(&read(&out, "GET").fields, "evil").is_empty(),
        "a date cannot smuggle a line"
    );
}
