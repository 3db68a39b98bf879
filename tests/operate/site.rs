//! The flags for what is served from a directory, as an operator uses them.

use std::fs;
use std::path::Path;

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
    let server = Launch::of(&link).start();
    assert_eq!(ask(&server, "/", "").text(), "old");
    relink(&new);
    server.signal(Signal::SIGHUP);
    wait_for("the new site", || ask(&server, "/", "").text() == "new");
}
