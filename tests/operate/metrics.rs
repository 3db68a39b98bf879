//! The admin listener.

use std::time::Duration;

use support::{Launch, tools};

use crate::{REQUEST, admin_address, get, wait_for};

/// The value of a line of the metrics.
fn value(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.parse().ok()
}

#[test]
fn what_was_answered_and_refused_is_counted() {
    let server = Launch::new()
        .args(["--admin", "127.0.0.1:0", "--workers", "2"])
        .start();
    let admin = admin_address(&server);
    let mut client = server.connect();
    for _ in 0..10 {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    assert_eq!(
        server
            .connect()
            .exchange("GET / HTTP/1.1\nHost: a\n\n")
            .expect("an answer")
            .status,
        400
    );
    let mut text = String::new();
    wait_for("the counts", || {
        text = get(admin, "/metrics").1;
        value(&text, "server_responses_total{class=\"4xx\"}") == Some(1.0)
    });
    assert!(
        value(&text, "server_response_seconds_count").is_some_and(|count| count >= 10.0),
        "{text}"
    );
    for (name, expected) in [
        ("server_responses_total{class=\"2xx\"}", 10.0),
        ("server_responses_total{class=\"4xx\"}", 1.0),
        ("server_rejections_total{rule=\"BareLf\"}", 1.0),
        ("server_connections_accepted_total", 2.0),
        ("server_connections{phase=\"idle\"}", 1.0),
        ("server_workers", 2.0),
        ("server_ready", 1.0),
    ] {
        assert_eq!(value(&text, name), Some(expected), "{name}: {text}");
    }
    assert!(
        value(&text, "server_response_seconds_sum").is_some_and(|sum| sum > 0.0),
        "no time is measured: {text}"
    );
    for path in ["/", "/metrics/x"] {
        assert_eq!(get(admin, path).0, 404, "{path}");
    }
}

#[test]
fn it_answers_while_the_server_is_full() {
    let server = Launch::new()
        .args(["--admin", "127.0.0.1:0", "--max-connections", "1"])
        .start();
    let admin = admin_address(&server);
    // A client that waits for its answer keeps its place; an idle one would be closed for the next.
    let mut holds = server.connect();
    holds
        .send("GET /slow?ms=5000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the server reads");
    let awaited = "server_connections{phase=\"later\"}";
    wait_for("the place is taken", || {
        let (_, text) = get(admin, "/metrics");
        value(&text, awaited) == Some(1.0)
    });
    let mut waits = server.connect();
    waits.send(REQUEST).expect("room in the backlog");
    assert!(waits.is_silent_for(Duration::from_millis(300)).expect("it waits"));
    assert_eq!(get(admin, "/healthz"), (200, "ok\n".into()));
    let (_, text) = get(admin, "/metrics");
    assert_eq!(value(&text, awaited), Some(1.0), "it is still full: {text}");
    assert_eq!(value(&text, "server_connections_max"), Some(1.0));
    assert_eq!(holds.response().expect("its answer").status, 200);
}

#[test]
fn the_official_parser_reads_the_metrics() {
    let Some(python) = tools::tool("python3") else {
        return;
    };
    let script = "import sys\n\
        try:\n    from prometheus_client.parser import text_string_to_metric_families as parse\n\
        except ImportError:\n    sys.exit(42)\n\
        families = {family.name: family for family in parse(sys.argv[1])}\n\
        histogram = families['server_response_seconds']\n\
        assert histogram.type == 'histogram', histogram\n\
        counts = [s.value for s in histogram.samples if s.name.endswith('_bucket')]\n\
        assert counts == sorted(counts) and counts[-1] == 3, counts\n\
        assert families['server_responses'].type == 'counter'\n\
        assert all(family.documentation for family in families.values())\n\
        print(len(families))\n";
    let server = Launch::new().args(["--admin", "127.0.0.1:0"]).start();
    let admin = admin_address(&server);
    let mut client = server.connect();
    for _ in 0..3 {
        client.exchange(REQUEST).expect("an answer");
    }
    let mut text = String::new();
    wait_for("the counts", || {
        text = get(admin, "/metrics").1;
        value(&text, "server_response_seconds_count") == Some(3.0)
    });
    let output = tools::run(&python, &["-c", script, &text], Duration::from_secs(30));
    if output.status.code() == Some(42) {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "CI has to install prometheus-client"
        );
        return tools::skipped(
            "the_official_parser_reads_the_metrics",
            "Python's prometheus-client",
        );
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let families: usize = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("a count");
    assert!(families >= 10, "{families}");
}
