//! Early answers are read (RFC 9112 section 9.6): whoever uploads blindly and is refused reads why, whatever is still on
//! its way.
//!
//! A client is a cell of the table where it can provoke the status at that speed:
//!
//! | client | 20 MB fast | 1 MB at 300 kB/s | 417 |
//! | --- | --- | --- | --- |
//! | curl | yes | `--limit-rate` | yes |
//! | wget | yes | limits only what it reads | yes |
//! | urllib | yes | a body made slowly | yes |
//! | Node | fetch | fetch | `http.request`: fetch refuses to send Expect |
//! | Go | yes | a body made slowly | yes |
//! | Chromium | fetch | by its DevTools | no page may set Expect |
//!
//! wget knows POST alone for a file; curl is told not to wait for 100 Continue.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use support::{Launch, Server, tools};

/// How many upload at once.
const AT_ONCE: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Client {
    Curl,
    Wget,
    Urllib,
    Node,
    Go,
    Chromium,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Speed {
    Fast,
    Slow,
}

impl Speed {
    fn bytes(self) -> usize {
        match self {
            Self::Fast => 20_000_000,
            Self::Slow => 1_000_000,
        }
    }

    fn rate(self) -> usize {
        match self {
            Self::Fast => 0,
            Self::Slow => 300_000,
        }
    }
}

/// One refusal and what provokes it on a demonstration that takes bodies of 500,000 bytes.
#[derive(Clone, Copy)]
struct Refusal {
    status: u16,
    path: &'static str,
    expect: Option<&'static str>,
}

const TOO_LARGE: Refusal = Refusal {
    status: 413,
    path: "/echo",
    expect: None,
};
const NOT_ALLOWED: Refusal = Refusal {
    status: 405,
    path: "/plaintext",
    expect: None,
};
const NOT_FOUND: Refusal = Refusal {
    status: 404,
    path: "/nowhere",
    expect: None,
};
const NOT_EXPECTED: Refusal = Refusal {
    status: 417,
    path: "/echo",
    expect: Some("the-impossible"),
};

/// Whether the client can provoke the refusal at that speed.
fn is_cell(client: Client, refusal: Refusal, speed: Speed) -> bool {
    match client {
        Client::Wget => speed == Speed::Fast,
        Client::Chromium => refusal.expect.is_none(),
        Client::Curl | Client::Urllib | Client::Node | Client::Go => true,
    }
}

fn server() -> Server {
    Launch::new()
        .args(["--workers", "2", "--max-body", "500k"])
        .start()
}

/// Uploads 40 times at once and returns how many clients read the refusal, and what the others said. `None` without the
/// client.
fn upload(client: Client, refusal: Refusal, speed: Speed, body: &Path) -> Option<(usize, String)> {
    let server = server();
    let url = server.url(refusal.path);
    match client {
        Client::Curl => by_programs("curl", &curl(refusal, speed, body, &url), refusal),
        Client::Wget => by_programs("wget", &wget(refusal, body, &url), refusal),
        Client::Urllib => by_script(&["python3", &script("urllib.py")], refusal, speed, &url),
        Client::Node => by_script(&["node", &script("node.js")], refusal, speed, &url),
        Client::Go => by_script(&["go", "run", &script("go.go")], refusal, speed, &url),
        Client::Chromium => {
            tools::tool("chromium")?;
            by_script(&["node", &script("chromium.js")], refusal, speed, &url)
        }
    }
}

fn script(name: &str) -> String {
    format!("{}/clients/early/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn curl(refusal: Refusal, speed: Speed, body: &Path, url: &str) -> Vec<String> {
    let expect = format!("Expect: {}", refusal.expect.unwrap_or_default());
    let body = format!("@{}", body.display());
    let mut all = [
        "--silent",
        "--show-error",
        "--max-time",
        "60",
        "--output",
        "/dev/null",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend(
        [
            "--write-out",
            "%{http_code}",
            "--header",
            &expect,
            "--data-binary",
            &body,
            url,
        ]
        .map(str::to_owned),
    );
    if speed == Speed::Slow {
        all.extend(["--limit-rate", "300k"].map(str::to_owned));
    }
    all
}

fn wget(refusal: Refusal, body: &Path, url: &str) -> Vec<String> {
    let body = format!("--post-file={}", body.display());
    let mut all = [
        "--tries=1",
        "--timeout=60",
        "--output-document=/dev/null",
        &body,
        url,
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(expect) = refusal.expect {
        all.push(format!("--header=Expect: {expect}"));
    }
    all
}

/// Runs a program 40 times at once. It prints the status that it has read, among other words.
fn by_programs(name: &str, arguments: &[String], refusal: Refusal) -> Option<(usize, String)> {
    let program = tools::tool(name)?;
    let run = || {
        let mut command = Command::new(&program);
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
        let output = tools::finish(&mut command, Duration::from_secs(120));
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&printed).into_owned()
    };
    let printed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        all.into_iter()
            .map(|each| each.join().expect("the program ends"))
            .collect()
    });
    let (status, error) = (refusal.status.to_string(), format!("ERROR {}", refusal.status));
    let has_read = |printed: &String| printed.trim().starts_with(&status) || printed.contains(&error);
    let lost: Vec<&str> = printed
        .iter()
        .filter(|printed| !has_read(printed))
        .map(String::as_str)
        .collect();
    Some((AT_ONCE - lost.len(), lost.join("\n")))
}

/// Runs a script that uploads 40 times at once and prints how many have read the status.
fn by_script(words: &[&str], refusal: Refusal, speed: Speed, url: &str) -> Option<(usize, String)> {
    let program: PathBuf = tools::tool(words[0])?;
    let mut command = Command::new(program);
    command
        .args(&words[1..])
        .args([url, "POST", &speed.bytes().to_string(), &speed.rate().to_string()])
        .args([
            refusal.expect.unwrap_or("-"),
            &AT_ONCE.to_string(),
            &refusal.status.to_string(),
        ])
        .env("NODE_PATH", "/usr/share/nodejs")
        // The little that it builds does not belong to whoever runs the tests.
        .env("GOFLAGS", "-mod=mod")
        .stdin(Stdio::null());
    let output = tools::finish(&mut command, Duration::from_secs(180));
    let printed = String::from_utf8_lossy(&output.stdout).trim().parse();
    Some((
        printed.unwrap_or(0),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// Runs the cells of these clients and refusals, prints the table and fails for those that were not read.
fn run(clients: &[Client], refusals: &[Refusal]) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut failed = Vec::new();
    for speed in [Speed::Fast, Speed::Slow] {
        let body = folder.path().join("body");
        std::fs::write(&body, vec![b'x'; speed.bytes()]).expect("a file");
        for &client in clients {
            for &refusal in refusals {
                if !is_cell(client, refusal, speed) {
                    continue;
                }
                let Some((read, lost)) = upload(client, refusal, speed, &body) else {
                    continue;
                };
                println!("{client:?} {speed:?} {}: {read} of {AT_ONCE}", refusal.status);
                if read < AT_ONCE {
                    failed.push(format!("{client:?} {speed:?} {}: {read}\n{lost}", refusal.status));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_413_is_read_in_forty_of_forty_blind_uploads() {
    let clients = [Client::Curl, Client::Wget, Client::Urllib, Client::Node];
    run(&clients, &[TOO_LARGE]);
}

#[test]
#[ignore = "takes minutes, and needs Go and Chromium too; run by hand"]
fn every_refusal_is_read_by_every_client_that_can_provoke_it() {
    use Client::{Chromium, Curl, Go, Node, Urllib, Wget};
    let clients = [Curl, Wget, Urllib, Node, Go, Chromium];
    run(&clients, &[TOO_LARGE, NOT_ALLOWED, NOT_FOUND, NOT_EXPECTED]);
}
