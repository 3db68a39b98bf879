//! Content codings: a file and its `.br`, `.zst` and `.gz` siblings.

#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(target_os = "linux")]
use super::support::Worker;
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
#[cfg(target_os = "linux")]
fn a_sibling_that_may_not_be_read_is_passed_over_and_said_by_its_own_name() {
    use nix::unistd::{Gid, Uid, geteuid, setfsgid, setfsuid};
    let site = Site::of(&[
        ("app.js", "plain js"),
        ("app.js.br", "br js"),
        ("app.js.gz", "gzip js"),
        ("only.css", "plain css"),
        ("only.css.gz", "gzip css"),
    ]);
    let set_mode = |name: &str, mode| {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    for (name, mode) in [("", 0o755), ("app.js.br", 0o200), ("only.css.gz", 0o200)] {
        set_mode(name, mode);
    }
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let files = site
        .files()
        .with_file_log(move |event| heard.lock().expect("one thread").push(event.to_string()));
    let asks = |worker: Worker| {
        // Root may read everything; what another user may is a matter of this thread.
        if geteuid().is_root() {
            setfsgid(Gid::from_raw(65_534));
            setfsuid(Uid::from_raw(65_534));
        }
        let answers = ["/app.js", "/only.css"].map(|path| {
            let answer = worker.get(path, &[("Accept-Encoding", "br, gzip")]);
            (answer.status, answer.body)
        });
        (worker, answers)
    };
    let ask = |worker| {
        let asked = std::thread::scope(|scope| scope.spawn(|| asks(worker)).join());
        asked.expect("it is answered")
    };
    let answers = |css: &str| [(200, "gzip js".to_owned()), (200, css.to_owned())];
    let (worker, before) = ask(Worker::new(files));
    assert_eq!(before, answers("plain css"));
    // The right to read a file is part of nothing that is watched.
    set_mode("only.css.gz", 0o644);
    let (_, after) = ask(worker);
    assert_eq!(after, answers("gzip css"));
    let said = said.lock().expect("one thread");
    let named = ["\"app.js.br\"", "\"only.css.gz\"", "\"app.js.br\""];
    assert!(said.len() == named.len(), "{said:?}");
    for (line, name) in said.iter().zip(named) {
        assert!(
            line.starts_with(name) && line.contains("may not be read"),
            "{line}"
        );
    }
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
