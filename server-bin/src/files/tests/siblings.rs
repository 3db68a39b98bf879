//! Content codings: a file and its `.br`, `.zst` and `.gz` siblings.

use std::os::unix::fs::symlink;
use std::time::Duration;

use super::support::{Answer, Site, ask, within_seconds};

fn site() -> Site {
    Site::of(&[
        ("app.js", "plain js"),
        ("app.js.br", "br js"),
        ("app.js.zst", "zstd js"),
        ("app.js.gz", "gzip js"),
        ("only.css", "plain css"),
        ("only.css.gz", "gzip css"),
        ("dir/index.html", "plain index"),
        ("dir/index.html.gz", "gzip index"),
        ("photo.png", "plain png"),
        ("photo.png.gz", "gzip png"),
    ])
}

fn accepting(site: &Site, path: &str, codings: &str) -> Answer {
    site.get(path, &[("Accept-Encoding", codings)])
}

#[test]
fn the_most_wanted_sibling_is_sent_as_what_it_is() {
    let site = site();
    let table = [
        ("/app.js", "gzip, deflate, br, zstd", "br js", Some("br")),
        ("/app.js", "gzip, zstd", "zstd js", Some("zstd")),
        ("/app.js", "gzip;q=1, br;q=0.5", "gzip js", Some("gzip")),
        ("/app.js", "br;q=0", "plain js", None),
        ("/app.js", "", "plain js", None),
        ("/app.js", "deflate", "plain js", None),
        ("/app.js", "identity, br;q=0.1", "plain js", None),
        ("/only.css", "br, gzip", "gzip css", Some("gzip")),
        ("/only.css", "br", "plain css", None),
        ("/dir/", "gzip", "gzip index", Some("gzip")),
    ];
    for (path, codings, body, coding) in table {
        let answer = accepting(&site, path, codings);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, body),
            "{path} {codings}"
        );
        assert_eq!(answer.field("content-encoding"), coding, "{path} {codings}");
        assert_eq!(answer.field("vary"), Some("accept-encoding"), "{path} {codings}");
        assert!(
            answer
                .field("content-type")
                .is_some_and(|kind| kind.starts_with("text/")),
            "{path} {codings}"
        );
    }
}

#[test]
fn each_coding_has_its_own_tag_and_ranges() {
    let site = site();
    let tags: Vec<_> = ["", "br", "zstd", "gzip"]
        .map(|coding| {
            accepting(&site, "/app.js", coding)
                .field("etag")
                .unwrap_or_default()
                .to_owned()
        })
        .into();
    for (at, tag) in tags.iter().enumerate() {
        assert!(!tags[..at].contains(tag) && tag.starts_with('"'), "{tags:?}");
    }
    let fields = [("Accept-Encoding", "br"), ("If-None-Match", tags[1].as_str())];
    let answer = site.get("/app.js", &fields);
    assert_eq!(
        (answer.status, answer.field("vary")),
        (304, Some("accept-encoding"))
    );
    assert_eq!(
        site.get("/app.js", &[("Accept-Encoding", "gzip"), fields[1]])
            .status,
        200
    );
    let part = site.get("/app.js", &[("Accept-Encoding", "br"), ("Range", "bytes=0-1")]);
    assert_eq!((part.status, part.body.as_str()), (206, "br"));
    assert_eq!(
        (part.field("content-range"), part.field("content-encoding")),
        (Some("bytes 0-1/5"), Some("br"))
    );
}

#[test]
fn what_gains_nothing_is_not_negotiated() {
    let answer = accepting(&site(), "/photo.png", "gzip");
    assert_eq!(
        (
            answer.body.as_str(),
            answer.field("vary"),
            answer.field("content-encoding")
        ),
        ("plain png", None, None)
    );
}

#[test]
fn a_sibling_is_a_file_of_its_own_too() {
    let answer = accepting(&site(), "/only.css.gz", "gzip");
    assert_eq!(
        (answer.body.as_str(), answer.field("content-type")),
        ("gzip css", Some("application/gzip"))
    );
    assert_eq!(answer.field("content-encoding"), None);
}

#[test]
fn a_sibling_older_than_its_file_is_left_over_and_not_sent() {
    let site = site();
    site.set_age("app.js.br", Duration::from_secs(7200))
        .expect("an age");
    assert_eq!(accepting(&site, "/app.js", "br, gzip").body, "gzip js");
    assert_eq!(accepting(&site, "/app.js", "br").body, "plain js");
}

#[test]
fn a_sibling_that_is_no_file_below_the_root_is_passed_over() {
    let site = Site::of(&[
        ("root/a.txt", "plain"),
        ("root/b.txt", "plain"),
        ("secret", "secret"),
    ]);
    symlink("../secret", site.path("root/a.txt.gz")).expect("a link");
    nix::unistd::mkfifo(&site.path("root/b.txt.gz"), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    within_seconds(move || {
        let files = crate::files::Files::open(&site.path("root")).expect("the root");
        for path in ["/a.txt", "/b.txt"] {
            assert_eq!(
                ask(&files, "GET", path, &[("Accept-Encoding", "gzip")]).body,
                "plain"
            );
        }
    });
}

#[test]
fn switched_off_it_costs_and_says_nothing() {
    let answer = ask(
        &site().files().with_precompressed(false),
        "GET",
        "/app.js",
        &[("Accept-Encoding", "br")],
    );
    assert_eq!((answer.body.as_str(), answer.field("vary")), ("plain js", None));
}
