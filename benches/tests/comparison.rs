//! The comparisons' commands, for moments and against server-bin alone, so that they do not rot.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

const COMPARE: &str = env!("CARGO_BIN_EXE_compare");
const TORTURE: &str = env!("CARGO_BIN_EXE_torture");
const FLOOR: &str = env!("CARGO_BIN_EXE_floor");

/// How long a command may take that takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a build may take.
const BUILD: Duration = Duration::from_secs(900);

#[test]
fn a_short_comparison_measures_every_cell_of_ours_and_names_who_is_missing() {
    let plots = tempfile::tempdir().expect("a folder");
    let mut command = with_programs(COMPARE);
    command.arg("--plots").arg(plots.path());
    command.args(["--processors", &processors()]);
    command.args([
        "--rounds",
        "1",
        "--seconds",
        "0.05",
        "--connections",
        "200",
        "--upload-bytes",
        "1048576",
    ]);
    command.args([
        "--parts",
        "memory,files,latency,balance",
        "--servers",
        "floor,server-bin,hyper",
    ]);
    let text = output(command, PATIENCE);
    assert!(text.contains("hyper is MISSING"), "{text}");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| **server-bin**"))
        .collect();
    // Two of answers from memory, one of files, three each of two latencies, three accept modes.
    assert_eq!(rows.len(), 12, "{text}");
    let empty = |row: &&&str| row.split('|').any(|cell| cell.trim() == "-");
    assert_eq!(rows.iter().find(empty), None, "{text}");
}

#[test]
fn a_short_torture_finds_normal_clients_answered_beside_greedy_ones() {
    let mut command = with_programs(TORTURE);
    command.args(["--rounds", "1", "--seconds", "0.2", "--parts", "fairness"]);
    let text = output(command, PATIENCE);
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("| **server-bin** |"))
        .collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert!(rows.iter().all(|row| !row.contains("| - |")), "{text}");
}

fn with_programs(tool: &str) -> Command {
    let mut command = Command::new(tool);
    command.arg("--ours").arg(server_bin()).args([
        "--floor",
        FLOOR,
        "--upload",
        "/nonexistent",
        "--peers",
        "/nonexistent",
        "--processor",
        &processors(),
    ]);
    command
}

/// The processors of this process, as taskset(1) writes them. A comparison pins each server to one, but a container may lack the
/// first one, and on one of a busy machine the server would wait for it, while what is measured is not the question here.
fn processors() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.expect("a line of that name").trim().to_owned()
}

/// The server as `SERVER_BIN` names it, or as this profile builds it: its speed is not the question here.
fn server_bin() -> PathBuf {
    if let Some(path) = std::env::var_os("SERVER_BIN") {
        return path.into();
    }
    let target = PathBuf::from(FLOOR)
        .parent()
        .and_then(|folder| folder.parent())
        .expect("target/debug/floor")
        .to_owned();
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "server-bin",
            "--bin",
            "server-bin",
            "--target-dir",
        ])
        .arg(&target);
    output(command, BUILD);
    target.join("debug/server-bin")
}

/// What a command says that succeeds within this time.
#[track_caller]
fn output(mut command: Command, patience: Duration) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let places = ["stdout", "stderr"].map(|name| folder.path().join(name));
    // Files, because a pipe that is full would hold the command up.
    let [stdout, stderr] = places
        .each_ref()
        .map(|place| fs::File::create(place).expect("a file"));
    let said = || {
        places.each_ref().map(|place| {
            let bytes = fs::read(place).expect("a file");
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().expect("it starts");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        if start.elapsed() > patience {
            // The kernel ends the server with it.
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} has not ended after {patience:?}: {:?}", said());
        }
        thread::sleep(Duration::from_millis(20));
    };
    let [text, errors] = said();
    assert!(status.success(), "{command:?}: {errors}");
    text
}
