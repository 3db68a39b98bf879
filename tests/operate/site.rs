//! The flags for what is served from a directory, as an operator uses them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Launch, Response, Server};

use crate::wait_for;

/// A site of a page, an asset, an error page and a directory.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for directory in ["assets", "empty"] {
        fs::create_dir(folder.path().join(directory)).expect("a free name");
    }
    for (name, text) in [
        ("index.html", "home"),
        ("start.html", "start"),
        ("404.html", "not here"),
        ("assets/app.js", "code"),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn ask(server: &Server, path: &str, fields: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    server.connect().exchange(request).expect("an answer")
}

#[test]
fn fields_and_caching_go_by_globs() {
    let site = site();
    let server = Launch::of(site.path())
        .args(["--cache-control", "assets/**:public, max-age=31536000, immutable"])
        .args(["--header", "Cross-Origin-Opener-Policy=same-origin"])
        .args([
            "--header",
            "*.html:Content-Security-Policy=default-src 'self'; img-src https://a.example:8443",
        ])
        .start();
    let page = ask(&server, "/", "");
    assert_eq!(page.field("cache-control"), Some("no-cache"));
    assert_eq!(page.field("cross-origin-opener-policy"), Some("same-origin"));
    let policy = "default-src 'self'; img-src https://a.example:8443";
    assert_eq!(page.field("content-security-policy"), Some(policy));
    let asset = ask(&server, "/assets/app.js", "");
    assert_eq!(
        asset.field("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(asset.field("content-security-policy"), None);
    assert_eq!(
        ask(&server, "/nowhere", "").field("cross-origin-opener-policy"),
        Some("same-origin")
    );
}

#[test]
fn an_index_a_fallback_and_an_error_page_are_files_of_the_site() {
    let site = site();
    let server = Launch::of(site.path())
        .args(["--index", "start.html,index.html", "--error-page", "404=404.html"])
        .start();
    assert_eq!(ask(&server, "/", "").text(), "start");
    let missing = ask(&server, "/nowhere", "");
    assert_eq!((missing.status, missing.text().as_str()), (404, "not here"));
    let server = Launch::of(site.path()).args(["--fallback", "index.html"]).start();
    let browser = ask(&server, "/route/of/the/page", "Accept: text/html\r\n");
    assert_eq!((browser.status, browser.text().as_str()), (200, "home"));
    assert_eq!(
        ask(&server, "/route/of/the/page", "Accept: image/png\r\n").status,
        404
    );
}

#[test]
fn the_same_flags_are_variables_with_a_line_for_each_value() {
    let site = site();
    let server = Launch::of(site.path())
        .env("SERVER_HEADER", "A=1, 2\n*.js:B=3")
        .env("SERVER_LISTING", "yes")
        .start();
    let asset = ask(&server, "/assets/app.js", "");
    assert_eq!((asset.field("a"), asset.field("b")), (Some("1, 2"), Some("3")));
    assert_eq!(ask(&server, "/empty/", "").status, 200);
}

#[test]
fn sighup_serves_a_directory_that_was_put_in_the_place_of_the_root() {
    let folder = tempfile::tempdir().expect("a directory");
    let [old, new, link] = ["old", "new", "current"].map(|name| folder.path().join(name));
    for (directory, text) in [(&old, "old"), (&new, "new")] {
        fs::create_dir(directory).expect("a free name");
        fs::write(directory.join("index.html"), text).expect("a file");
    }
    let relink = |to: &Path| {
        let next = folder.path().join("next");
        std::os::unix::fs::symlink(to, &next).expect("a free name");
        fs::rename(&next, &link).expect("the same directory");
    };
    relink(&old);
    let server = Launch::of(&link).args(["--workers", "1"]).start();
    // The path is looked at once a second without a signal. A busy machine may need a second for one try, but not for each.
    let is_at_once = |text: &str, to: &Path| {
        std::thread::sleep(Duration::from_millis(1100));
        ask(&server, "/", "");
        relink(to);
        let since = Instant::now();
        server.signal(Signal::SIGHUP);
        wait_for("the new site", || ask(&server, "/", "").text() == text);
        since.elapsed() < Duration::from_millis(500)
    };
    let tries = [("new", &new), ("old", &old), ("new", &new)];
    assert!(tries.iter().any(|(text, to)| is_at_once(text, to)));
}

#[test]
fn options_has_the_fields_of_the_operator_and_the_servers_own_errors_are_not_kept_by_caches() {
    let site = tempfile::tempdir().expect("a directory");
    fs::write(site.path().join("a.js"), "1").expect("a file");
    let server = Launch::of(site.path())
        .args([
            "--header",
            "Access-Control-Allow-Origin=*",
            "--header",
            "*.js:X-Script=1",
        ])
        .start();
    let ask = |request: &str| {
        let mut client = support::Client::connect(server.address());
        client.exchange(request).expect("an answer")
    };
    for (target, script) in [("/a.js", Some("1")), ("/a.css", None), ("*", None)] {
        let answer = ask(&format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            (answer.status, answer.field("x-script")),
            (204, script),
            "{target}"
        );
        assert_eq!(answer.field("allow"), Some("GET, HEAD, OPTIONS"), "{target}");
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"), "{target}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    for (request, status) in [
        ("DELETE /a.js HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /a.js HTTP/1.1\r\n\r\n", 400),
        ("GET /a.js HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
        (&long, 414),
    ] {
        let answer = ask(request);
        assert_eq!(
            (answer.status, answer.field("cache-control")),
            (status, Some("no-cache"))
        );
    }
}
