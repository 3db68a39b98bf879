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
fn a_check_has_a_line_for_each_flag_of_the_help() {
    let folder = tempfile::tempdir().expect("a directory");
    let help = String::from_utf8(Launch::new().arg("--help").fails().stdout).expect("text");
    let output = Launch::of(folder.path()).arg("--check").fails();
    let check = String::from_utf8(output.stdout).expect("text");
    // A line of a flag is indented less than what is said of it.
    let flags: Vec<&str> = help
        .lines()
        .filter(|line| line.starts_with("  -") || line.starts_with("      -"))
        .filter_map(|line| line.split_whitespace().rfind(|word| word.starts_with('-')))
        .filter(|flag| !["--help", "--version", "--check", "--completions"].contains(flag))
        .collect();
    assert!(flags.len() > 30, "{flags:?}");
    for flag in flags {
        let mut lines = check.lines().filter_map(|line| line.split(' ').next());
        assert!(lines.any(|name| name == flag), "no line of {flag}: {check}");
    }
    for value in [
        "--index index.html",
        "--cache-control no-cache",
        "--max-body 1M",
        "--max-requests none",
        "--admin none",
        "--trusted-proxies none",
        "--socket-mode none",
    ] {
        let line = check.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().take(2).collect();
            words.join(" ") == value
        });
        assert!(line.is_some(), "no line {value}: {check}");
    }
}

#[test]
fn the_access_log_is_on_by_default_where_a_terminal_reads_it() {
    let log = |output: std::process::Output| {
        let check = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = check.lines().find(|line| line.starts_with("--access-log "));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.map(str::to_owned).unwrap_or(check)
    };
    assert_eq!(log(Launch::new().arg("--check").fails()), "off");
    if support::tools::tool("script").is_none() {
        return;
    }
    let terminal = ["/bin/sh", "-c", "exec script -qec \"$0 $*\" /dev/null </dev/null"];
    assert_eq!(log(Launch::new().arg("--check").under(terminal).fails()), "-");
}

#[test]
fn the_start_says_what_is_served_to_whom_and_with_what() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Launch::of(folder.path())
        .args(["--listen", "0.0.0.0:0", "--workers", "1", "--max-body", "2M"])
        .start();
    for part in [
        " (every IPv4 address; here http://localhost:",
        &format!(
            "serving {}; --listing for lists of directories",
            folder.path().display()
        ),
        "1 worker, accept mode ",
        ", bodies of 2M, 128M of memory; ",
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

#[test]
fn a_wrong_command_line_has_the_same_code_with_and_without_a_check() {
    let folder = tempfile::tempdir().expect("a directory");
    for wrong in [
        ["--header", "a b=c"],
        ["--index", ""],
        ["--cache-control", "[:x"],
        ["--error-page", "200=404.html"],
        ["--fallback", "../out"],
        ["--max-memory", "1023K"],
        ["--workers", "many"],
    ] {
        for launch in [
            Launch::of(folder.path()),
            Launch::of(folder.path()).arg("--check"),
        ] {
            let output = launch.args(wrong).fails();
            let line = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{wrong:?}: {line}");
            assert_eq!(line.lines().count(), 1, "{wrong:?}: {line}");
        }
    }
    for launch in [Launch::new(), Launch::new().arg("--check")] {
        let output = launch.arg("/nowhere/at/all").fails();
        assert_eq!(
            output.status.code(),
            Some(1),
            "nothing is wrong with that but that it is not there"
        );
    }
}

#[test]
fn what_was_asked_for_and_cannot_be_printed_is_a_failure() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    for asked in ["--help", "--check", "--completions=bash", "--version"] {
        let into_full = ["/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full"];
        let output = Launch::new().arg(asked).under(into_full).fails();
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{asked}: {line}");
        assert!(
            line.contains("cannot write to standard output: No space left"),
            "{asked}: {line}"
        );
    }
}
