//! A site that a generator makes, as a browser sees it before and after it is built anew.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, Server, tools};
use tempfile::TempDir;

/// How late a new root may be seen: the second that the server promises, and a busy machine's delay.
const SEEN_WITHIN: Duration = Duration::from_millis(1900);

/// Names of pages; `generated.js` finds them by the links that the generator makes.
const PAGES: &[&str] = &[
    "index",
    "with space",
    "100%",
    "%41",
    "what?",
    "#1",
    "-begin",
    "b:c",
    "a+b&c;d=e",
    "日本 ü",
    "<i>\"q\"'",
    "Größe & Maß/page ?",
];

/// Names of files that are no pages, one of each type that `generated.js` knows.
const FILES: &[&str] = &[
    "style ü 100%.css",
    "app #1.js",
    "module?.mjs",
    "picture <1>.svg",
    "-x.csv",
    "a+b.tar.gz",
    "icon.ico",
    "%41.json",
    "film & sound.mp4",
    "(paper).pdf",
    "pixel;1.png",
    "font.ttf",
    "b:c.txt",
    "it's.wasm",
    "[app].webmanifest",
    "font 日本.woff2",
    "feed=1.xml",
    "READ ME",
];

const CONFIGURATION: &str = "\
site_name: odd names
site_url: http://site.example/
theme: {name: mkdocs, highlightjs: false}
plugins: []
extra_css: ['files/style%20%C3%BC%20100%25.css']
extra_javascript: ['files/app%20%231.js', 'files/module%3F.mjs']
";

/// What the start page has besides: a picture, and links to the directories that have no page of their own.
const START: &str = "\
![a picture](files/picture%20%3C1%3E.svg)

<a href=\"files/\">files</a> <a href=\"Gr%C3%B6%C3%9Fe%20%26%20Ma%C3%9F/\">sizes</a>
";

/// What has to be shown as it is, whatever a charset is guessed from.
fn said(release: &str) -> String {
    format!("{release}: Grüße, 日本語 💩")
}

/// What the generator makes the site from.
struct Sources<'a> {
    mkdocs: &'a Path,
    folder: PathBuf,
}

impl Sources<'_> {
    /// Writes the pages and files of this release, and a page that only this release has.
    fn write(&self, release: &str) {
        let docs = self.folder.join("docs");
        if docs.exists() {
            fs::remove_dir_all(&docs).expect("gone");
        }
        for directory in ["files", "Größe & Maß"] {
            fs::create_dir_all(docs.join(directory)).expect("a directory");
        }
        let only = format!("only in {release}");
        for page in PAGES.iter().copied().chain([only.as_str()]) {
            let name = page.rsplit('/').next().unwrap_or(page);
            let more = if page == "index" { START } else { "" };
            let text = format!("# `{name}`\n\n{}\n\n{more}", said(release));
            fs::write(docs.join(format!("{page}.md")), text).expect("a page");
        }
        for file in FILES {
            let text = match file.rsplit('.').next() {
                Some("css") => format!("body {{ --release: {release}; }}"),
                Some("js") => format!("window.release = '{release}';"),
                Some("mjs") => format!("window.releaseOfModule = '{release}';"),
                Some("svg") => format!(
                    "<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'><desc>{release}</desc></svg>"
                ),
                _ => said(release),
            };
            fs::write(docs.join("files").join(file), text).expect("a file");
        }
        // Browsers ask for it where a page names none, as a text does.
        fs::write(docs.join("favicon.ico"), release).expect("a file");
        fs::write(self.folder.join("mkdocs.yml"), CONFIGURATION).expect("a file");
    }

    /// Makes the site of this release in a directory that is not there.
    fn build(&self, release: &str, site: &Path, arguments: &[&str]) {
        self.write(release);
        let mut command = Command::new(self.mkdocs);
        command
            .args(["build", "--quiet", "--site-dir"])
            .arg(site)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        let output = tools::finish(&mut command, Duration::from_secs(60));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

/// Waits until the server has seen that its root is another directory.
#[track_caller]
fn wait_for(server: &Server, release: &str) {
    let (started, mut client) = (Instant::now(), server.connect());
    let mut is_shown = || {
        let page = client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        page.expect("an answer").text().contains(&said(release))
    };
    while !is_shown() {
        assert!(started.elapsed() < SEEN_WITHIN, "{release} is not served");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "needs Chromium and MkDocs; run by hand"]
fn chromium_sees_a_generated_site_of_odd_names_before_and_after_it_is_built_anew() {
    let (Some(mkdocs), Some(_), Some(node)) = (
        tools::tool("mkdocs"),
        tools::tool("chromium"),
        tools::tool("node"),
    ) else {
        return;
    };
    let base = TempDir::new().expect("a directory");
    let [folder, first, second, link] =
        ["sources", "first", "second", "current"].map(|name| base.path().join(name));
    fs::create_dir(&folder).expect("a directory");
    let mkdocs = mkdocs.as_path();
    let sources = Sources { mkdocs, folder };
    let point_to = |site: &Path| {
        let mut command = Command::new("ln");
        command.arg("-sfn").arg(site).arg(&link);
        assert!(tools::finish(&mut command, SEEN_WITHIN).status.success());
    };
    sources.build("old", &first, &[]);
    point_to(&first);
    // One worker, since each looks at the path in its own time.
    let server = Launch::of(&link)
        .args(["--workers", "1", "--listing", "--error-page", "404=404.html"])
        .start();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/files/generated.js");
    let mut browser = Command::new(node)
        .args([script, &server.url("/")])
        .env("NODE_PATH", "/usr/share/nodejs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node starts");
    let mut tell = browser.stdin.take().expect("a pipe");
    let mut seen = BufReader::new(browser.stdout.take().expect("a pipe")).lines();
    let mut visit = |release: &str| {
        wait_for(&server, release);
        writeln!(tell, "{release}").expect("the script reads");
        // It ends by itself when something fails or takes too long.
        let line = seen.next().expect("the script prints what was seen");
        assert_eq!(line.expect("text"), release);
    };
    visit("old");
    fs::remove_dir_all(&first).expect("gone");
    sources.build("new", &first, &[]);
    visit("new");
    // The pages are files of their own now, with the odd names before ".html".
    sources.build("now", &second, &["--no-directory-urls"]);
    point_to(&second);
    visit("now");
    drop(tell);
    assert!(browser.wait().expect("a child").success());
    server.stop();
}
