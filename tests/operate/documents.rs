//! The operations page says what the program does, no less and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::Launch;

use crate::{admin_address, get};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server-bin/docs/operations.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The words of a text that begin so, without what follows them.
fn words<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with(prefix) && word.len() > prefix.len())
        .collect()
}

#[test]
fn each_metric_is_on_the_page_and_no_other() {
    let server = Launch::new().args(["--admin", "127.0.0.1:0"]).start();
    let (_, text) = get(admin_address(&server), "/metrics");
    // A family without samples, as that of rejections, has its help all the same.
    let families: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next())
        .collect();
    assert!(families.len() > 10, "{families:?}");
    let page = page();
    let mut told = words(&page, "server_");
    told.extend(words(&page, "process_"));
    assert_eq!(told, families);
}

#[test]
fn each_limit_and_timeout_is_on_the_page_and_each_flag_of_the_page_exists() {
    let help = Launch::new().arg("--help").fails();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let page = page();
    let flags = words(&help, "--");
    let mut told = words(&page, "--");
    // Lines between the parts of a table.
    told.retain(|word| !word.starts_with("---"));
    // Those of other programs' command lines.
    let foreign = ["--path", "--test"];
    let unknown: Vec<_> = told
        .iter()
        .filter(|flag| !flags.contains(*flag) && !foreign.contains(flag))
        .collect();
    assert!(unknown.is_empty(), "on the page and not in the help: {unknown:?}");
    let (_, limits) = help.split_once("\nLimits:\n").expect("a group of limits");
    let (limits, _) = limits
        .split_once("\nInstead of serving:\n")
        .expect("a group behind it");
    let silent: Vec<_> = words(limits, "--")
        .into_iter()
        .filter(|flag| !told.contains(flag))
        .collect();
    assert!(silent.is_empty(), "in the help and not on the page: {silent:?}");
}
