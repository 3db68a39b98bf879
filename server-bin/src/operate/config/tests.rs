//! Command lines as people type them.

use super::*;

fn read(arguments: &[&str]) -> Result<Config, Ending> {
    let arguments = std::iter::once("server-bin").chain(arguments.iter().copied());
    Config::read(arguments.map(Into::into))
}

fn refusal(arguments: &[&str]) -> String {
    match read(arguments) {
        Err(Ending::Error(line)) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_flag_is_one_line_that_names_it() {
    for (arguments, word) in [
        (&["--workers", "0"][..], "--workers"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--listen", "127.0.0.1:99999"], "--listen"),
        (&["--accept", "magic"], "reuseport"),
        (&["--idle-timeout", "25h"], "--idle-timeout"),
        (&["--max-head", "2g"], "--max-head"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["a", "b"], "'b'"),
    ] {
        let line = refusal(arguments);
        assert!(
            line.contains(word) && line.lines().count() == 1,
            "{arguments:?}: {line}"
        );
    }
}

#[test]
fn a_server_knows_how_many_connections_fit_into_its_open_files() {
    let handler = |_: &http_core::Head<'_>, _: &mut crate::handler::Context<'_>| "hello".into();
    let config = read(&["--workers", "2"]).expect("a command line");
    let limit = |config: &Config, addresses| {
        config
            .server(handler, addresses)
            .expect("room")
            .connection_limit()
    };
    let all = limit(&config, 1);
    let files = crate::sys::net::raise_descriptor_limit().expect("a limit");
    assert_eq!(all, files - descriptors::reserved(2, 1, false, Each::Socket));
    let config = read(&["--max-connections", "7"]).expect("a command line");
    assert_eq!(limit(&config, 1), 7);
}

#[test]
fn each_address_that_is_listened_on_takes_descriptors_whoever_has_bound_it() {
    let handler = |_: &http_core::Head<'_>, _: &mut crate::handler::Context<'_>| "hello".into();
    let config = read(&["--workers", "2"]).expect("a command line");
    let limit = |addresses| {
        config
            .server(handler, addresses)
            .expect("room")
            .connection_limit()
    };
    assert_eq!(
        limit(1) - limit(3),
        2 * 2 * 2,
        "two sockets more for each worker, each of them twice"
    );
}

#[test]
fn help_names_each_flag_and_its_variable() {
    let Err(Ending::Text(help)) = read(&["--help"]) else {
        panic!("no help")
    };
    for variable in ["SERVER_ROOT", "SERVER_LISTEN"] {
        assert!(help.contains(variable), "{variable}");
    }
    let flags = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"));
    let names: Vec<&str> = flags.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10, "{names:?}");
    // What is asked for instead of serving is asked for on the spot.
    let of_the_spot = ["check", "completions", "help", "version"];
    for name in names.into_iter().filter(|name| !of_the_spot.contains(name)) {
        let variable = format!("SERVER_{}", name.to_uppercase().replace('-', "_"));
        assert!(help.contains(&variable), "--{name} has no {variable}");
    }
}

#[test]
fn each_flag_sets_what_it_says() {
    let config = read(&[
        "--max-requests",
        "1",
        "--max-head",
        "2k",
        "--max-body",
        "3k",
        "--min-body-rate",
        "4k",
        "--min-write-rate",
        "5k",
        "--turn-time",
        "6ms",
        "--turn-requests",
        "7",
        "--turn-bytes",
        "8k",
        "--head-timeout",
        "4",
        "--body-timeout",
        "5",
        "--idle-timeout",
        "6",
        "--write-timeout",
        "7",
        "--reply-timeout",
        "8",
        "--drain-timeout",
        "10",
        "--idle-grace",
        "9",
    ]);
    let settings = config.expect("a command line").settings();
    let numbers = [
        settings.max_requests,
        settings.limits.head,
        settings.limits.body as u32,
        settings.min_body_rate,
        settings.min_write_rate,
        settings.turn_time.as_micros() as u32,
        settings.turn_requests,
        settings.turn_bytes as u32,
    ];
    assert_eq!(numbers, [1, 2048, 3072, 4096, 5120, 6000, 7, 8192]);
    let timeouts = [
        settings.head_timeout,
        settings.body_timeout,
        settings.idle_timeout,
        settings.write_timeout,
        settings.reply_timeout,
        settings.drain_timeout,
        settings.drain_idle_timeout,
    ];
    assert_eq!(timeouts.map(|timeout| timeout.as_secs()), [4, 5, 6, 7, 8, 10, 9]);
}

#[test]
fn without_flags_the_defaults_are_those_of_an_embedded_server_but_for_browsers_urls() {
    let settings = read(&[]).expect("a command line").settings();
    let mut embedded = Settings::default();
    embedded.limits.targets = http_core::TargetPolicy::Browsers;
    assert_eq!(format!("{settings:?}"), format!("{embedded:?}"));
    let strict = read(&["--strict-targets"]).expect("a command line").settings();
    assert_eq!(strict.limits.targets, http_core::TargetPolicy::Rfc3986);
}

#[test]
fn what_may_have_been_meant_is_said() {
    for (arguments, meant) in [
        (&["--listn", ":80"][..], "did you mean --listen?"),
        (&["--accept", "exclusiv"], "did you mean exclusive?"),
    ] {
        let line = refusal(arguments);
        assert!(line.contains(meant), "{line}");
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused_by_name() {
    for (arguments, words) in [
        (&["--listing"][..], ["--listing", "ROOT"]),
        (&["--header", "a=b"], ["--header", "ROOT"]),
        (&["--socket-mode", "660"], ["--socket-mode", "unix:"]),
        (&["--proxy-protocol"], ["--proxy-protocol", "--trusted-proxies"]),
        (
            &["--access-log", "off", "--log-format", "json"],
            ["--log-format", "--access-log"],
        ),
        (&["-p", "80", "-l", "127.0.0.1:80"], ["127.0.0.1:80", "twice"]),
        (
            &["-w", "8", "--max-memory", "7.5M"],
            ["--max-memory 7680K", "give 8M or more"],
        ),
        (
            &["-w", "2", "--max-memory", "4M", "--turn-bytes", "1025K"],
            ["--turn-bytes 1025K", "give 1M or less"],
        ),
        (
            &["--turn-bytes", "65M"],
            ["--turn-bytes 65M", "or more --max-memory"],
        ),
    ] {
        let line = refusal(arguments);
        assert!(
            words.iter().all(|word| line.contains(word)) && line.lines().count() == 1,
            "{line}"
        );
    }
    read(&["-l", "127.0.0.1:0", "-l", "127.0.0.1:0"]).expect("each gets a port of its own");
    read(&["-w", "8", "--max-memory", "8M"]).expect("1M for each");
    read(&["-w", "2", "--max-memory", "4M", "--turn-bytes", "1M"]).expect("half of a worker's");
}

#[test]
fn short_forms_say_where_to_listen() {
    let config = read(&["-p", "3000", "-l", ":8080", "-w", "3"]).expect("a command line");
    let addresses: Vec<String> = config.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, [":8080", "127.0.0.1:3000"]);
    assert_eq!(config.workers, Some(3));
}

#[test]
fn a_check_says_what_would_be_in_force_and_whence_it_comes() {
    let Err(Ending::Text(text)) = read(&["--check", "--max-body", "2M", "-w", "3"]) else {
        panic!("no text")
    };
    let line = |name: &str| {
        let mut lines = text.lines().filter(|line| line.starts_with(name));
        lines
            .next()
            .unwrap_or_else(|| panic!("{name}: {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(line("--max-body "), ["--max-body", "2M", "#", "command", "line"]);
    assert_eq!(line("--workers "), ["--workers", "3", "#", "command", "line"]);
    assert_eq!(line("--max-head "), ["--max-head", "32K", "#", "default"]);
    assert_eq!(
        line("--turn-requests "),
        ["--turn-requests", "32", "#", "default"]
    );
    assert_eq!(line("--turn-bytes "), ["--turn-bytes", "256K", "#", "default"]);
    assert_eq!(line("--listen "), ["--listen", "127.0.0.1:8080", "#", "default"]);
    assert_eq!(line("--max-memory "), ["--max-memory", "384M", "#", "default"]);
    let Err(Ending::Unable(line)) = read(&["--check", "/nowhere/at/all"]) else {
        panic!("no error")
    };
    assert!(line.contains("/nowhere/at/all"), "{line}");
}

#[test]
fn a_check_has_a_line_for_each_value_and_true_or_false_for_each_switch() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = folder.path().to_str().expect("text");
    let arguments = [
        "--check",
        root,
        "--header",
        "a=b,c",
        "--header",
        "d=e",
        "--listing",
    ];
    let Err(Ending::Text(text)) = read(&arguments) else {
        panic!("no text")
    };
    for line in [
        "--header             a=b,c ",
        "--header             d=e ",
        "--listing            true ",
    ] {
        assert!(text.lines().any(|each| each.starts_with(line)), "{line}: {text}");
    }
    assert!(
        text.lines()
            .any(|line| line.starts_with("--no-precompressed   false ")),
        "{text}"
    );
}

#[test]
fn completions_know_every_flag() {
    for shell in ["bash", "zsh", "fish"] {
        let Err(Ending::Text(script)) = read(&["--completions", shell]) else {
            panic!("no script")
        };
        assert!(
            ["max-connections", "proxy-protocol", "turn-requests", "turn-bytes"]
                .iter()
                .all(|flag| script.contains(flag)),
            "{script}"
        );
    }
}

#[test]
fn a_wrong_rule_for_files_is_refused_by_name() {
    for (arguments, word) in [
        (&["--header", "nothing"][..], "NAME=VALUE"),
        (&["--header", "a b=c"], "a b"),
        (&["--error-page", "404"], "STATUS=FILE"),
        (&["--error-page", "200=a"], "200"),
        (&["--etag", "inode"], "full or mtime"),
        (&["--index", "a/b"], "a/b"),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().to_str().expect("text");
        for first in [&["--check", root][..], &[root]] {
            let arguments: Vec<&str> = first.iter().chain(arguments).copied().collect();
            let line = refusal(&arguments);
            assert!(line.contains(word), "{word}: {line}");
        }
    }
}

#[test]
fn two_values_that_cannot_both_hold_are_refused() {
    for (arguments, words) in [
        (&["--admin", "127.0.0.1:8080"][..], "--admin 127.0.0.1:8080"),
        (&["--admin", ":9000", "-l", "127.0.0.1:9000"], "--admin :9000"),
        (&["--admin", "[::1]:9000", "-l", "[::]:9000"], "[::]:9000"),
        (&["--admin", "[::1]:9000", "-l", "[0::0]:9000"], "[0::0]:9000"),
        (&["--admin", "[0:0::1]:9000", "-l", "[::1]:9000"], "[0:0::1]:9000"),
        (&["--admin", "localhost:9000", "-l", "[::]:9000"], "[::]:9000"),
        (&["--admin", ":9000", "-l", "0.0.0.0:9000"], "0.0.0.0:9000"),
        (&["--admin", "unix:/a", "-l", "unix:/a"], "unix:/a"),
        (
            &["--idle-grace", "1m", "--drain-timeout", "10s"],
            "--drain-timeout",
        ),
        (&["--idle-grace", "31s"], "--drain-timeout"),
        (
            &["--max-body", "300M", "--max-memory", "20M", "-w", "2"],
            "--max-memory 20M",
        ),
        (
            &["--max-body", "6M", "--max-memory", "20M", "-w", "2"],
            "--max-body 6M",
        ),
    ] {
        let line = refusal(arguments);
        assert!(line.contains(words), "{arguments:?}: {line}");
    }
    for arguments in [
        &["--admin", "127.0.0.1:0", "-l", "127.0.0.1:0"][..],
        &["--admin", "127.0.0.1:8080", "-p", "8081"],
        &["--admin", "127.0.0.2:9000", "-l", "127.0.0.1:9000"],
        &["--admin", "[::1]:9000", "-l", "0.0.0.0:9000"],
        &["--admin", "localhost:9000", "-l", "127.0.0.1:9000"],
        &["--admin", "unix:/a", "-l", "unix:/b"],
        &["--drain-timeout", "1s"],
        &["--max-body", "5M", "--max-memory", "20M", "-w", "2"],
        &["--max-body", "300M"],
    ] {
        assert!(read(arguments).is_ok(), "{arguments:?}");
    }
}

#[test]
#[cfg(not(target_os = "openbsd"))]
fn every_address_of_ipv6_takes_those_of_ipv4_too() {
    for (admin, listen) in [
        ("127.0.0.1:9000", "[::]:9000"),
        ("[::]:9000", "0.0.0.0:9000"),
        ("[::]:9000", "127.0.0.1:9000"),
    ] {
        let line = refusal(&["--admin", admin, "-l", listen]);
        assert!(line.contains(admin) && line.contains(listen), "{line}");
    }
}

#[test]
fn memory_beyond_what_32_bits_count_is_said_as_it_is() {
    let Err(Ending::Text(text)) = read(&["--check", "-w", "32"]) else {
        panic!("no text")
    };
    let line = text
        .lines()
        .find(|line| line.starts_with("--max-memory "))
        .expect("a line");
    assert!(line.contains(" 4G "), "{line}");
    let config = read(&["-w", "32"]).expect("a command line");
    assert!(
        config.limits().contains(&("memory_bytes", 4 << 30)),
        "{:?}",
        config.limits()
    );
    assert!(
        config.spelled_limits().ends_with(" 4G of memory"),
        "{}",
        config.spelled_limits()
    );
    let line = refusal(&["-w", "1", "--max-body", "5G", "--max-memory", "1M"]);
    assert!(line.contains("--max-body 5G"), "{line}");
}
