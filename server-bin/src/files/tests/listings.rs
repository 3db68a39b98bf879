//! Pages that list a directory.

use std::fs;

use super::support::{Site, ask};

#[test]
fn a_listing_is_shown_only_where_it_is_switched_on() {
    let site = Site::of(&[("d/a.txt", ""), ("i/index.html", "index")]);
    assert_eq!(site.get("/d/", &[]).status, 404);
    let files = site.files().with_listing(true);
    let answer = ask(&files, "GET", "/d/", &[]);
    assert_eq!(
        (
            answer.status,
            answer.field("content-type"),
            answer.field("cache-control")
        ),
        (200, Some("text/html; charset=utf-8"), Some("no-cache"))
    );
    let policy = answer.field("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(ask(&files, "GET", "/d", &[]).field("location"), Some("./d/"));
    assert_eq!(ask(&files, "GET", "/i/", &[]).body, "index");
    assert_eq!(ask(&files, "GET", "/nowhere/", &[]).status, 404);
    assert_eq!(ask(&files, "GET", "/i/index.html/", &[]).status, 404);
}

#[test]
fn each_entry_is_a_link_with_its_size_and_time_and_nothing_in_a_name_is_markup() {
    let site = Site::of(&[
        ("d/<b>&\"'.html", "12345"),
        ("d/javascript:alert(1)", ""),
        ("d/.hidden", ""),
        ("d/sub/x", ""),
        ("d/large", &"x".repeat(2048)),
    ]);
    let files = site.files().with_listing(true);
    let page = ask(&files, "GET", "/d/", &[]).body;
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("<tr><td>"))
        .collect();
    let expected = [
        ("<a href=\"../\">../</a><td>", ""),
        ("<a href=\"./sub/\">sub/</a><td><td>", ":"),
        (
            "<a href=\"./%3Cb%3E%26%22%27.html\">&lt;b&gt;&amp;&quot;&#39;.html</a><td>5 B<td>",
            ":",
        ),
        (
            "<a href=\"./javascript%3Aalert%281%29\">javascript:alert(1)</a><td>0 B<td>",
            ":",
        ),
        ("<a href=\"./large\">large</a><td>2.0 KiB<td>", ":"),
    ];
    assert_eq!(rows.len(), expected.len(), "{page}");
    for (row, (begins, holds)) in rows.iter().zip(expected) {
        assert!(
            row.starts_with(begins) && row[begins.len()..].contains(holds),
            "{row}"
        );
    }
    assert!(rows[1].ends_with(&last_minute(&site, "d/sub")), "{}", rows[1]);
    assert!(page.contains("<title>Index of /d/</title>") && page.contains("name=\"viewport\""));
    let root = ask(&files, "GET", "/", &[]).body;
    assert!(
        root.contains("<h1>Index of /</h1>") && !root.contains("../"),
        "{root}"
    );
}

/// The last part of a file's time as the listing shows it.
fn last_minute(site: &Site, name: &str) -> String {
    let modified = fs::metadata(site.path(name))
        .and_then(|file| file.modified())
        .expect("a time");
    httpdate::fmt_http_date(modified)[17..22].to_owned()
}

#[test]
fn a_large_directory_is_read_as_a_whole_and_shown_in_pages() {
    let site = Site::of(&[("d/zzz/x", "")]);
    for n in 0..2_345 {
        fs::write(site.path(&format!("d/{n:04}")), "").expect("a file");
    }
    let files = site.files().with_listing(true);
    let page = |query: &str| ask(&files, "GET", &format!("/d/{query}"), &[]);
    let mut names = Vec::new();
    for number in 1..=3 {
        let text = page(&format!("?page={number}")).body;
        let rows = text
            .lines()
            .filter_map(|line| line.strip_prefix("<tr><td><a href=\"./"));
        names.extend(rows.filter_map(|row| row.split('"').next()).map(str::to_owned));
        let next = format!("href=\"./?page={}\">next", number + 1);
        assert_eq!(text.contains(&next), number < 3);
        assert!(text.contains(&format!("page {number} of 3, 2346 entries")));
    }
    let mut expected = vec!["zzz/".to_owned()];
    expected.extend((0..2_345).map(|n| format!("{n:04}")));
    assert!(names == expected, "{} names", names.len());
    assert_eq!(page("?page=4").status, 404);
    for query in ["", "?page=0", "?page=x", "?other=1", "?page=-1"] {
        assert_eq!(page(query).body, page("?page=1").body, "{query}");
    }
}
