//! Statuses, fields and bodies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::support::{Site, ask};
use crate::files::Files;

#[test]
fn a_file_comes_with_all_that_describes_it() {
    let site = Site::of(&[("page.html", "<p>0123456789")]);
    let answer = site.get("/page.html", &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "<p>0123456789"));
    assert_eq!(answer.field("content-type"), Some("text/html"));
    assert_eq!(answer.field("cache-control"), Some("no-cache"));
    assert_eq!(answer.field("content-length"), Some("13"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.field("accept-ranges"), Some("bytes"));
    assert_eq!(answer.field("vary"), Some("accept-encoding"));
    assert_eq!(answer.field("content-encoding"), None);
    assert!(
        answer
            .field("etag")
            .is_some_and(|tag| tag.starts_with("\"d-") && tag.ends_with('"')),
        "{answer:?}"
    );
    let modified = fs::metadata(site.path("page.html"))
        .and_then(|file| file.modified())
        .expect("a time");
    assert_eq!(
        answer.field("last-modified"),
        Some(httpdate::fmt_http_date(modified).as_str())
    );
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let site = Site::of(&[("a.txt", "0123456789"), ("empty", "")]);
    for path in ["/a.txt", "/empty", "/", "/nowhere", "/%00"] {
        let mut get = site.get(path, &[]);
        let head = ask(&site.files(), "HEAD", path, &[]);
        get.body.clear();
        assert_eq!(head, get);
    }
}

#[test]
fn a_directory_is_its_index_and_wants_its_slash() {
    let site = Site::of(&[
        ("index.html", "root"),
        ("dir/index.html", "dir"),
        ("bare/x", "x"),
        ("odd/index.html/x", "x"),
    ]);
    assert_eq!(site.get("/", &[]).body, "root");
    assert_eq!(site.get("http://example.org", &[]).body, "root");
    assert_eq!(site.get("http://example.org?query", &[]).body, "root");
    assert_eq!(site.get("/dir/", &[]).body, "dir");
    assert_eq!(site.get("/dir/", &[]).field("content-type"), Some("text/html"));
    assert_eq!(site.get("/bare/", &[]).status, 404);
    assert_eq!(site.get("/odd/", &[]).status, 404);
    let table = [
        ("/dir", "./dir/"),
        ("/dir?", "./dir/?"),
        ("/dir?a=%20&b=/?", "./dir/?a=%20&b=/?"),
        ("//dir", "./dir/"),
        ("/%64ir", "./dir/"),
        ("/bare/../dir", "./dir/"),
        ("http://example.org/dir", "./dir/"),
    ];
    for (target, location) in table {
        let answer = site.get(target, &[]);
        assert_eq!(
            (answer.status, answer.field("location")),
            (301, Some(location)),
            "{target}"
        );
    }
}

#[test]
fn no_redirect_names_another_host() {
    let site = Site::of(&[
        ("evil.example/index.html", ""),
        ("http:/evil.example/x", ""),
        ("\tx/y", ""),
        ("%2F/y", ""),
    ]);
    let table = [
        ("//evil.example", "./evil.example/"),
        ("///evil.example", "./evil.example/"),
        ("//evil.example/..//evil.example", "./evil.example/"),
        ("/.//evil.example", "./evil.example/"),
        ("/http:", "./http%3A/"),
        ("/http://evil.example", "./evil.example/"),
        ("/%09x", "./%09x/"),
        ("/%252F", "./%252F/"),
    ];
    for (target, location) in table {
        let answer = site.get(target, &[]);
        assert_eq!(
            (answer.status, answer.field("location")),
            (301, Some(location)),
            "{target}"
        );
    }
    assert_eq!(site.get("/%5Cevil.example", &[]).status, 404);
    assert_eq!(site.get("/%2F/evil.example", &[]).status, 404);
}

#[test]
fn what_cannot_be_served_says_why() {
    let site = Site::of(&[
        ("a.txt", "a"),
        (".git/config", "secret"),
        (".well-known/x", "known"),
        ("d/.env", "secret"),
    ]);
    let table = [
        ("/nowhere", 404),
        ("/a.txt/", 404),
        ("/a.txt/x", 404),
        ("/.git/config", 404),
        ("/%2egit/config", 404),
        ("/d/.env", 404),
        ("/.well-known/x", 200),
        ("/..", 400),
        ("/%2e%2e/a.txt", 400),
        ("/a%00.txt", 400),
        ("/d%2f.env", 404),
        ("/%E2%80%A5/a.txt", 404),
    ];
    for (path, status) in table {
        let answer = site.get(path, &[]);
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.body.contains("secret"), "{path}");
        if status != 200 {
            assert_eq!(
                answer.field("content-type"),
                Some("text/plain; charset=utf-8"),
                "{path}"
            );
        }
    }
    let long = format!("/{}", "a".repeat(300));
    assert_eq!(site.get(&long, &[]).status, 404);
    let deep = "/a".repeat(3000);
    assert_eq!(site.get(&deep, &[]).status, 404);
}

#[test]
fn a_validator_that_came_back_saves_the_body() {
    let site = Site::of(&[("a.txt", "0123456789")]);
    let first = site.get("/a.txt", &[]);
    let (tag, date) = (
        first.field("etag").unwrap_or_default(),
        first.field("last-modified").unwrap_or_default(),
    );
    for condition in [
        ("If-None-Match", tag),
        ("If-None-Match", "*"),
        ("If-Modified-Since", date),
    ] {
        let answer = site.get("/a.txt", &[condition]);
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{condition:?}");
        assert_eq!(answer.field("etag"), Some(tag));
        assert_eq!(answer.field("vary"), Some("accept-encoding"));
        assert_eq!(
            (answer.field("content-type"), answer.field("content-length")),
            (None, None)
        );
    }
    assert_eq!(site.get("/a.txt", &[("If-Match", "\"another\"")]).status, 412);
    assert_eq!(site.get("/a.txt", &[("If-Match", tag)]).status, 200);
    // Conditions do not change what is no 200 (RFC 9110 §13.2.1).
    assert_eq!(site.get("/nowhere", &[("If-None-Match", "*")]).status, 404);
    assert_eq!(site.get("/nowhere", &[("If-Match", "\"x\"")]).status, 404);
}

#[test]
fn a_range_gives_its_part() {
    let site = Site::of(&[("a.txt", "0123456789"), ("empty", "")]);
    let table = [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=0-99", "0123456789", "bytes 0-9/10"),
    ];
    for (range, body, content_range) in table {
        let answer = site.get("/a.txt", &[("Range", range)]);
        assert_eq!((answer.status, answer.body.as_str()), (206, body), "{range}");
        assert_eq!(answer.field("content-range"), Some(content_range));
        assert_eq!(
            answer.field("content-length"),
            Some(body.len().to_string().as_str())
        );
        assert!(answer.field("etag").is_some() && answer.field("content-type").is_some());
    }
    let behind = site.get("/a.txt", &[("Range", "bytes=10-")]);
    assert_eq!(
        (behind.status, behind.field("content-range")),
        (416, Some("bytes */10"))
    );
    let empty = site.get("/empty", &[("Range", "bytes=0-")]);
    assert_eq!(
        (empty.status, empty.field("content-range")),
        (416, Some("bytes */0"))
    );
    for range in ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2"] {
        assert_eq!(site.get("/a.txt", &[("Range", range)]).status, 200, "{range}");
    }
    let head = ask(&site.files(), "HEAD", "/a.txt", &[("Range", "bytes=2-4")]);
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
}

#[test]
fn a_part_is_only_added_to_the_same_file() {
    let site = Site::of(&[("a.txt", "0123456789")]);
    let first = site.get("/a.txt", &[]);
    let (tag, date) = (
        first.field("etag").unwrap_or_default(),
        first.field("last-modified").unwrap_or_default(),
    );
    let range = ("Range", "bytes=2-4");
    assert_eq!(site.get("/a.txt", &[range, ("If-Range", tag)]).status, 206);
    assert_eq!(site.get("/a.txt", &[range, ("If-Range", date)]).status, 206);
    site.write("a.txt", "abcdefghij");
    assert_eq!(site.get("/a.txt", &[range, ("If-Range", tag)]).body, "abcdefghij");
}

#[test]
fn times_at_the_edges_are_no_trouble() {
    let site = Site::of(&[("past", "x"), ("future", "x")]);
    let past = fs::File::options()
        .write(true)
        .open(site.path("past"))
        .expect("a file");
    past.set_modified(UNIX_EPOCH - Duration::from_secs(86_400))
        .expect("a time before the epoch");
    let future = fs::File::options()
        .write(true)
        .open(site.path("future"))
        .expect("a file");
    future
        .set_modified(UNIX_EPOCH + Duration::from_secs(15_000_000_000))
        .expect("a time in the year 2445");
    let past = site.get("/past", &[("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]);
    assert_eq!((past.status, past.field("last-modified")), (200, None));
    // RFC 9110 §8.8.2.1: never a date later than the answer's own.
    let future = site.get("/future", &[]);
    let date = httpdate::parse_http_date(future.field("last-modified").unwrap_or_default()).expect("a date");
    assert!(date <= std::time::SystemTime::now());
}

#[test]
fn an_empty_file_is_an_empty_answer() {
    let site = Site::of(&[("empty.txt", "")]);
    let answer = site.get("/empty.txt", &[]);
    assert_eq!(
        (
            answer.status,
            answer.body.as_str(),
            answer.field("content-length")
        ),
        (200, "", Some("0"))
    );
}

#[test]
#[cfg(target_os = "linux")]
fn what_may_not_be_read_is_forbidden() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::{Arc, Mutex};

    use nix::unistd::{Gid, Uid, geteuid, setfsgid, setfsuid};

    use crate::files::FileEvent;

    let site = Site::of(&[
        ("private.txt", "secret"),
        ("closed/a.txt", "secret"),
        ("public.txt", "public"),
    ]);
    for (name, mode) in [
        ("private.txt", 0o200),
        ("closed", 0o000),
        ("", 0o755),
        ("public.txt", 0o644),
    ] {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let log = move |event: &FileEvent<'_>| heard.lock().expect("one thread").push(event.to_string());
    let files = site.files().with_file_log(log);
    // Root may read everything, so as root another user asks. That is a matter of one thread, which ends before the folder
    // is removed: the other user may not do that.
    let asks = move || {
        if geteuid().is_root() {
            setfsgid(Gid::from_raw(65_534));
            setfsuid(Uid::from_raw(65_534));
        }
        for path in ["/private.txt", "/closed/a.txt", "/closed/nowhere"] {
            let answer = ask(&files, "GET", path, &[]);
            assert_eq!(answer.status, 403, "{path}");
            assert!(!answer.body.contains("secret"));
        }
        assert_eq!(ask(&files, "GET", "/public.txt", &[]).status, 200);
    };
    std::thread::scope(|scope| scope.spawn(asks).join()).expect("each answer is right");
    let said = said.lock().expect("one thread");
    let named = ["\"private.txt\"", "\"closed/a.txt\"", "\"closed/nowhere\""];
    assert_eq!(said.len(), named.len(), "{said:?}");
    for (line, name) in said.iter().zip(named) {
        assert!(
            line.starts_with(name) && line.contains("may not be read"),
            "{line}"
        );
    }
}

#[test]
fn a_root_that_cannot_be_served_says_so_in_one_line() {
    let site = Site::of(&[("file", "x")]);
    let text = |path: &Path| {
        Files::open(path)
            .map_err(|error| error.to_string())
            .err()
            .unwrap_or_default()
    };
    let missing = text(&site.path("no\nwhere"));
    assert!(
        missing.starts_with("cannot serve the directory \"")
            && missing.ends_with("create it, or name another one")
    );
    assert!(!missing.contains('\n'), "{missing}");
    assert!(text(&site.path("file")).ends_with("name the directory, not a file in it"));
}

#[test]
fn a_link_out_of_the_root_is_not_there() {
    let site = Site::of(&[("root/a.txt", "a"), ("secret", "secret")]);
    symlink("../secret", site.path("root/out")).expect("a link");
    symlink(site.path("root/a.txt"), site.path("root/absolute")).expect("a link");
    symlink("a.txt", site.path("root/in")).expect("a link");
    let files = Files::open(&site.path("root")).expect("the root");
    assert_eq!(ask(&files, "GET", "/out", &[]).status, 404);
    assert_eq!(ask(&files, "GET", "/absolute", &[]).status, 404);
    assert_eq!(ask(&files, "GET", "/in", &[]).body, "a");
}
