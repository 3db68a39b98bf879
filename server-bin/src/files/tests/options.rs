//! The choices of an operator: caching, fields, pages for what is missing, a prefix.

use std::fs;

use super::support::{Answer, Site, Worker};
use crate::files::Files;

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Asks twice, the second time from memory, which has to say the same.
fn get(files: &Files, path: &str, fields: &[(&str, &str)]) -> Answer {
    let worker = Worker::new(files.clone());
    let first = worker.get(path, fields);
    assert_eq!(worker.get(path, fields), first, "{path}");
    first
}

#[test]
fn caching_by_glob_is_for_files_and_everything_else_is_asked_for_again() {
    let site = Site::of(&[
        ("index.html", "<p>"),
        ("assets/app.1234.js", "0123456789"),
        ("assets/index.html", "inner"),
    ]);
    let files = site.files();
    let files = files.with_cache_control("assets/**", IMMUTABLE).expect("a rule");
    let caching = |path: &str, fields: &[(&str, &str)]| {
        let answer = get(&files, path, fields);
        let value = answer.field("cache-control").map(str::to_owned);
        (answer.status, value.unwrap_or_default())
    };
    let no_cache = |status| (status, "no-cache".to_owned());
    let immutable = |status| (status, IMMUTABLE.to_owned());
    assert_eq!(caching("/", &[]), no_cache(200));
    let asset = "/assets/app.1234.js";
    {
        assert_eq!(caching(asset, &[]), immutable(200));
        assert_eq!(caching(asset, &[("Range", "bytes=0-1")]), immutable(206));
        assert_eq!(caching(asset, &[("If-None-Match", "*")]), immutable(304));
        assert_eq!(caching(asset, &[("If-Match", "\"x\"")]), no_cache(412));
        assert_eq!(caching(asset, &[("Range", "bytes=99-")]), no_cache(416));
    }
    assert_eq!(caching("/assets/", &[]), immutable(200));
    assert_eq!(caching("/assets", &[]), no_cache(301));
    assert_eq!(caching("/assets/nothing.js", &[]), no_cache(404));
}

#[test]
fn fields_by_glob_go_with_their_files_and_those_for_all_with_everything() {
    let site = Site::of(&[("index.html", "<p>"), ("fonts/a.woff2", "font")]);
    let files = site
        .files()
        .with_header("*.html", "Cross-Origin-Opener-Policy", "same-origin")
        .and_then(|files| files.with_header("fonts/*", "Access-Control-Allow-Origin", "*"))
        .and_then(|files| files.with_header("**", "X-All", "1"))
        .expect("rules");
    let table = [
        ("/", 200, Some("same-origin"), None),
        ("/fonts/a.woff2", 200, None, Some("*")),
        ("/fonts", 301, None, None),
        ("/nowhere.html", 404, None, None),
        ("/%00", 400, None, None),
    ];
    for (path, status, opener, origin) in table {
        let answer = get(&files, path, &[]);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.field("cross-origin-opener-policy"), opener, "{path}");
        assert_eq!(answer.field("access-control-allow-origin"), origin, "{path}");
        assert_eq!(answer.field("x-all"), Some("1"), "{path}");
    }
    let same = get(&files, "/fonts/a.woff2", &[("If-None-Match", "*")]);
    assert_eq!(
        (same.status, same.field("access-control-allow-origin")),
        (304, Some("*"))
    );
}

#[test]
fn a_fallback_is_for_pages_that_do_not_exist_and_for_nothing_else() {
    let site = Site::of(&[("index.html", "<p>application"), ("app.js", "js"), ("dir/x", "x")]);
    let files = site.files().with_fallback("index.html").expect("a name");
    let files = files.with_cache_control("**", IMMUTABLE).expect("a rule");
    for _ in 0..2 {
        let page = get(&files, "/some/deep/page", &[HTML]);
        assert_eq!((page.status, page.body.as_str()), (200, "<p>application"));
        assert_eq!(page.field("cache-control"), Some("no-cache"));
        assert_eq!(page.field("content-type"), Some("text/html"));
        assert_eq!(page.field("vary"), Some("accept, accept-encoding"));
        let tag = page.field("etag").unwrap_or_default();
        assert_eq!(
            get(&files, "/another/page", &[HTML, ("If-None-Match", tag)]).status,
            304
        );
    }
    // Its own path has the rules of a file.
    assert_eq!(
        get(&files, "/index.html", &[HTML]).field("cache-control"),
        Some(IMMUTABLE)
    );
    let table = [
        ("/app.css", &[("Accept", "text/css,*/*;q=0.1")][..]),
        ("/app.css", &[("Accept", "*/*")]),
        ("/app.css", &[]),
        ("/page", &[("Accept", "text/html;q=0")]),
        ("/page", &[("Accept", "text/htmlx, text/*")]),
    ];
    for (path, fields) in table {
        let answer = get(&files, path, fields);
        assert_eq!(
            (answer.status, answer.field("vary")),
            (404, Some("accept")),
            "{path} {fields:?}"
        );
    }
    assert_eq!(get(&files, "/app.js", &[HTML]).body, "js");
    assert_eq!(get(&files, "/%00", &[HTML]).status, 400);
    assert_eq!(get(&files, "/dir", &[HTML]).status, 301);
    fs::remove_file(site.path("index.html")).expect("gone");
    assert_eq!(get(&files, "/some/page", &[HTML]).status, 404);
}

#[test]
fn an_error_page_is_sent_with_the_status_of_its_error() {
    let site = Site::of(&[("errors/404.html", "<p>nothing here"), ("a.txt", "a")]);
    let files = site
        .files()
        .with_error_page(404, "errors/404.html")
        .expect("a name");
    for _ in 0..2 {
        let answer = get(
            &files,
            "/nowhere",
            &[("If-None-Match", "*"), ("Range", "bytes=0-1")],
        );
        assert_eq!((answer.status, answer.body.as_str()), (404, "<p>nothing here"));
        assert_eq!(answer.field("content-type"), Some("text/html"));
        assert_eq!(answer.field("cache-control"), Some("no-cache"));
        assert_eq!(
            (answer.field("etag"), answer.field("last-modified")),
            (None, None)
        );
    }
    assert_eq!(get(&files, "/errors/404.html", &[]).status, 200);
    assert!(get(&files, "/%00", &[]).body.starts_with("400 "));
    fs::remove_file(site.path("errors/404.html")).expect("gone");
    assert!(get(&files, "/nowhere", &[]).body.starts_with("404 "));
}

#[test]
fn below_a_prefix_there_is_the_site_and_beside_it_nothing() {
    let site = Site::of(&[("index.html", "root"), ("dir/a.txt", "a"), ("static/b.txt", "b")]);
    for prefix in ["/static", "static/", "/static/"] {
        let files = site.files().with_prefix(prefix).expect("a prefix");
        let table = [
            ("/static/", 200, "root"),
            ("/static/dir/a.txt", 200, "a"),
            ("/static//dir/./a.txt", 200, "a"),
            ("/static/static/b.txt", 200, "b"),
        ];
        for (path, status, body) in table {
            let answer = get(&files, path, &[]);
            assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
        }
        for path in [
            "/",
            "/dir/a.txt",
            "/staticdir/a.txt",
            "/st%61tic/dir/a.txt",
            "/x/static/dir/a.txt",
        ] {
            assert_eq!(get(&files, path, &[]).status, 404, "{path}");
        }
        assert_eq!(get(&files, "/static/../dir/a.txt", &[]).status, 400);
        for (path, location) in [
            ("/static", "./static/"),
            ("/static?q", "./static/?q"),
            ("/static/dir", "./dir/"),
        ] {
            assert_eq!(get(&files, path, &[]).field("location"), Some(location), "{path}");
        }
    }
    let files = site.files().with_prefix("/a/b").expect("a prefix");
    assert_eq!(get(&files, "/a/b", &[]).field("location"), Some("./b/"));
    assert_eq!(get(&files, "/a/b/", &[]).body, "root");
    let whole = site.files().with_prefix("/").expect("no prefix");
    assert_eq!(get(&whole, "/dir/a.txt", &[]).body, "a");
}

#[test]
fn fields_of_a_wrapper_go_with_files_and_not_with_errors_unless_it_keeps_them() {
    let site = Site::of(&[
        ("a.txt", "a"),
        ("index.html", "<p>"),
        ("404.html", "gone"),
        ("d/x", ""),
    ]);
    let files = site.files().with_fallback("index.html").expect("a name");
    let files = files.with_error_page(403, "404.html").expect("a name");
    let worker = Worker::behind(files.clone(), |cx| {
        cx.field("cache-control", "immutable").field("x-wrapper", "1");
    });
    let own = |answer: &Answer| answer.field("x-wrapper").is_some();
    let file = worker.ask("HEAD", "/a.txt", &[]);
    assert!(file.status == 200 && file.count("x-wrapper") == 1);
    for (path, fields) in [
        ("/nowhere", &[][..]),
        ("/page", &[HTML]),
        ("/d", &[]),
        ("/%00", &[]),
    ] {
        let answer = worker.get(path, fields);
        assert_eq!(
            (own(&answer), answer.field("cache-control")),
            (false, Some("no-cache")),
            "{path}"
        );
    }
    let keeping = Worker::behind(files, |cx| {
        cx.field("x-wrapper", "1").keep();
    });
    assert!(own(&keeping.get("/nowhere", &[])) && own(&keeping.get("/page", &[HTML])));
}

#[test]
fn another_index_stands_for_its_directory() {
    let site = Site::of(&[
        ("a/home.htm", "home"),
        ("a/index.html", "index"),
        ("b/index.html", "index"),
    ]);
    let files = site
        .files()
        .with_index(["home.htm", "index.html"])
        .expect("names");
    assert_eq!(
        (get(&files, "/a/", &[]).body, get(&files, "/b/", &[]).body),
        ("home".into(), "index".into())
    );
    let none = site.files().with_index([] as [&str; 0]).expect("no names");
    assert_eq!(get(&none, "/a/", &[]).status, 404);
    assert_eq!(get(&none, "/a/index.html", &[]).body, "index");
}

#[test]
fn what_cannot_be_meant_is_refused_in_one_line() {
    let site = Site::of(&[("a", "")]);
    let files = || site.files();
    let errors = [
        files().with_index(["a/b"]).err(),
        files().with_index([".hidden"]).err(),
        files().with_index([""]).err(),
        files().with_fallback("../x").err(),
        files().with_fallback("dir/").err(),
        files().with_fallback("").err(),
        files().with_fallback("a\0b").err(),
        files().with_error_page(200, "a").err(),
        files().with_error_page(600, "a").err(),
        files().with_error_page(405, "a").err(),
        files().with_error_page(413, "a").err(),
        files().with_error_page(404, "..").err(),
        files().with_prefix("/a/../b").err(),
        files().with_prefix("/a b").err(),
        files().with_prefix("/a//b").err(),
        files().with_cache_control("[", "x").err(),
        files().with_header("*", "a:b", "x").err(),
    ];
    for (number, error) in errors.into_iter().enumerate() {
        let line = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(line.contains("\": ") && !line.contains('\n'), "{number}: {line}");
    }
}

#[test]
fn a_page_says_its_own_charset_and_text_is_utf_8() {
    let site = Site::of(&[
        ("a.html", ""),
        ("a.xml", ""),
        ("a.txt", ""),
        ("a.svgz", ""),
        ("a.css", ""),
    ]);
    let kind = |path: &str| {
        let answer = site.get(path, &[("Accept-Encoding", "gzip")]);
        let field = |name| answer.field(name).unwrap_or_default().to_owned();
        (field("content-type"), field("content-encoding"))
    };
    assert_eq!(kind("/a.html").0, "text/html");
    assert_eq!(kind("/a.xml").0, "text/xml");
    assert_eq!(kind("/a.txt").0, "text/plain; charset=utf-8");
    assert_eq!(kind("/a.css").0, "text/css; charset=utf-8");
    assert_eq!(kind("/a.svgz"), ("image/svg+xml".to_owned(), "gzip".to_owned()));
}
