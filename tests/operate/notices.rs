//! What is said of files that are there and cannot be sent, and of pages that are not there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use support::{Launch, Server, tools};

use crate::{admin_address, wait_for};

fn ask(server: &Server, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
    server.connect().exchange(request).expect("an answer").status
}

#[test]
fn dead_links_are_said_once_a_minute_and_missing_names_never() {
    let folder = tempfile::tempdir().expect("a directory");
    symlink("releases/7", folder.path().join("current")).expect("a free name");
    let server = Launch::of(folder.path()).args(["--admin", "127.0.0.1:0"]).start();
    for _ in 0..20 {
        assert_eq!(ask(&server, "/wp-admin/setup.php"), 404);
        assert_eq!(ask(&server, "/favicon.ico"), 404);
        assert_eq!(ask(&server, "/current/index.html"), 404);
    }
    let dead = "\"current/index.html\" is or lies behind a link that leads to nothing";
    wait_for("it is said", || server.output().contains(dead));
    // What is said at all is said by now, since the first one was.
    let output = server.output();
    assert_eq!(output.matches("leads to nothing").count(), 1, "{output}");
    assert!(
        !output.contains("wp-admin") && !output.contains("favicon"),
        "{output}"
    );
    admin_address(&server);
    server.stop();
}

#[test]
fn files_that_may_not_be_read_are_said() {
    let name = "files_that_may_not_be_read_are_said";
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("private.txt"), "secret").expect("a file");
    let nothing = fs::Permissions::from_mode(0o000);
    fs::set_permissions(folder.path().join("private.txt"), nothing).expect("it is ours");
    let mut launch = Launch::of(folder.path());
    if nix::unistd::geteuid().is_root() {
        // Root may read everything, unless it gives up just that.
        let Some(setpriv) = tools::tool("setpriv") else {
            return;
        };
        let without = ["--bounding-set", "-dac_override,-dac_read_search"];
        let tried = tools::run(&setpriv, &[without[0], without[1], "true"], support::PATIENCE);
        if !tried.status.success() {
            return tools::skipped(name, "the right to give capabilities up");
        }
        launch = launch.under(["setpriv", without[0], without[1]]);
    }
    let server = launch.start();
    for _ in 0..3 {
        assert_eq!(ask(&server, "/private.txt"), 403);
    }
    wait_for("it is said", || {
        server
            .output()
            .contains("\"private.txt\" may not be read (403); let this user read it")
    });
    server.stop();
}

#[test]
fn pages_that_are_not_there_are_said_at_the_start() {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("500.html"), "sorry").expect("a file");
    fs::create_dir(folder.path().join("assets")).expect("a free name");
    let pages = ["404=nope.html", "403=assets", "500=500.html"];
    let launch = pages.into_iter().fold(Launch::of(folder.path()), |launch, page| {
        launch.args(["--error-page", page])
    });
    let server = launch.args(["--fallback", "/etc/passwd"]).start();
    for missing in [
        "error page \"nope.html\"",
        "error page \"assets\"",
        "fallback \"etc/passwd\"",
    ] {
        wait_for("it is said", || {
            server
                .output()
                .contains(&format!("the {missing} is not there yet"))
        });
    }
    assert!(!server.output().contains("500.html"), "{}", server.output());
    server.stop();
}
