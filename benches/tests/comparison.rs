//! The comparisons' commands, for moments and against server-bin alone, so that they do not rot.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

const COMPARE: &str = env!("CARGO_BIN_EXE_compare");
const TORTURE: &str = env!("CARGO_BIN_EXE_torture");
const FLOOR: &str = env!("CARGO_BIN_EXE_floor");

#[test]
fn a_short_comparison_measures_every_cell_of_ours_and_names_who_is_missing() {
    let plots = tempfile::tempdir().expect("a folder");
    let mut command = with_programs(COMPARE);
    command.arg("--plots").arg(plots.path());
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
    let text = output(command);
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
    let text = output(command);
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
    ]);
    command
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
    assert!(
        command.status().is_ok_and(|status| status.success()),
        "server-bin does not build"
    );
    target.join("debug/server-bin")
}

fn output(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
