//! The command line of the built program.

use support::Launch;

use crate::wait_for;

#[test]
fn a_wrong_command_line_has_a_code_of_its_own_and_says_what_may_have_been_meant() {
    let output = Launch::new().args(["--listn", "127.0.0.1:0"]).fails();
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        line.contains("did you mean --listen?") && line.lines().count() == 1,
        "{line}"
    );
}

#[test]
fn a_check_prints_and_ends() {
    let output = Launch::new().args(["--check", "--max-head", "16KiB"]).fails();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("--max-head ") && line.contains("16KiB")),
        "{text}"
    );
}

#[test]
fn the_start_says_what_is_served_to_whom_and_with_what() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Launch::of(folder.path())
        .args(["--listen", "0.0.0.0:0", "--workers", "1"])
        .start();
    for part in [
        " (every IPv4 address; here http://localhost:",
        &format!(
            "serving {}; --listing for lists of directories",
            folder.path().display()
        ),
        "1 worker, accept mode ",
    ] {
        wait_for(part, || server.output().contains(part));
    }
}

#[test]
fn a_port_alone_is_on_every_address() {
    let server = Launch::new().args(["--listen", ":0"]).start();
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let mut client = support::Client::connect(local);
    assert_eq!(client.exchange(crate::REQUEST).expect("an answer").status, 200);
}
