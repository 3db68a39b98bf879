//! The operations page says what the program does, no less and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use server_bin::handler::Notice;
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

#[test]
fn the_fixed_times_on_the_page_are_those_of_the_settings() {
    let settings = server_bin::Settings::default();
    let page = page();
    for (row, time) in [
        ("time without bytes in a lingering close", settings.linger_timeout),
        ("time of a lingering close in all", settings.linger_time),
        (
            "time of a stream without news whose client has shut its side",
            settings.half_closed_timeout,
        ),
    ] {
        let row = format!("| fixed: {row} | {} s |", time.as_secs());
        assert!(page.contains(&row), "the page has no row {row}");
    }
}

/// The constants behind the other rows are not public: this holds the page to their text.
#[test]
fn the_fixed_sizes_on_the_page_are_those_of_the_source() {
    let page = page();
    for (row, file, constant) in [
        (
            "bytes of a request body that nobody wants | 64 KiB |",
            "driver/settings.rs",
            "MAX_DISCARD: u64 = 64 * 1024;",
        ),
        (
            "listings that wait for each worker | 64;",
            "files/listing/builder.rs",
            "WAITING: usize = 64;",
        ),
        (
            "bytes of the names of a directory that is listed | 64 MiB |",
            "files/listing/entries.rs",
            "MAX_BYTES: usize = 64 * 1024 * 1024;",
        ),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../server-bin/src")
            .join(file);
        let source = fs::read_to_string(path).expect("the source");
        assert!(source.contains(constant), "{file} has no {constant}; see {row}");
        assert!(
            page.contains(&format!("| fixed: {row}")),
            "the page has no row {row}"
        );
    }
}

/// The words in quotes of the table of notices.
fn notices(page: &str) -> Vec<&str> {
    let (_, behind) = page.split_once("| a notice with these words |").expect("a table");
    let (table, _) = behind.split_once("\n\n").expect("its end");
    let rows = table.lines().filter_map(|row| row.strip_prefix("| \""));
    rows.flat_map(|row| row.split('"').step_by(2))
        .filter(|words| !words.starts_with([',', ' ']))
        .collect()
}

/// The code of all files of the server's source, without comments and tests: the program says nothing of theirs.
fn source(folder: &Path) -> String {
    let entries = fs::read_dir(folder)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path());
    let texts = entries.map(|path| match path.is_dir() {
        _ if path.file_stem().is_some_and(|name| name == "tests") => String::new(),
        true => source(&path),
        false => code(&fs::read_to_string(path).expect("text")),
    });
    texts.collect()
}

/// A file's text without the lines of comments, up to its tests.
fn code(text: &str) -> String {
    let code = text
        .split_once("#[cfg(test)]\nmod tests")
        .map_or(text, |(code, _)| code);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn each_notice_is_on_the_page_and_the_program_has_each_of_the_page() {
    let page = page();
    let told = notices(&page);
    assert!(told.len() > 15, "{told:?}");
    for notice in Notice::one_of_each() {
        let text = notice.to_string();
        assert!(told.iter().any(|words| text.contains(words)), "{text}");
    }
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../server-bin/src"));
    // A string that goes on in the next line has the line's end and blanks in it.
    let source = source
        .replace("\\\n", "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for words in told {
        assert!(source.contains(words), "the program never says {words:?}");
    }
}
