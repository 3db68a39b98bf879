//! The command lines in the documents: whether what they name exists.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use support::{server, tools};

/// Programs that documents may use without a check of their own: they are not ours.
const PROGRAMS: [&str; 18] = [
    "cd",
    "git",
    "curl",
    "wrk",
    "python3",
    "docker",
    "systemctl",
    "kill",
    "sudo",
    "apt-get",
    "rustup",
    "ulimit",
    "sysctl",
    "strace",
    "valgrind",
    "perf",
    "printf",
    "nc",
];
/// Cargo's own commands, and those that a document says how to install.
const CARGO: [&str; 13] = [
    "run", "test", "build", "check", "clippy", "fmt", "doc", "bench", "tree", "fuzz", "mutants", "install",
    "miri",
];

/// The commands of a block, each as its words, with the line on which it begins.
pub(crate) fn commands(block: &str) -> Vec<(usize, Vec<String>)> {
    let mut commands = Vec::new();
    let mut lines = block.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut line = line.trim().trim_start_matches("$ ").to_owned();
        while let Some(begun) = line.strip_suffix('\\') {
            line = begun.to_owned() + lines.next().map_or("", |(_, next)| next.trim());
        }
        let code = line.split(" #").next().unwrap_or_default();
        if code.starts_with('#') {
            continue;
        }
        for part in code.split(['|', ';', '&']) {
            let words: Vec<String> = part
                .split_whitespace()
                .map(|word| word.trim_matches(['"', '\'']).to_owned())
                .collect();
            // Assignments before a command set its environment.
            let words: Vec<String> = words.into_iter().skip_while(|word| is_assignment(word)).collect();
            if !words.is_empty() {
                commands.push((index + 1, words));
            }
        }
    }
    commands
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
}

/// Checks one command.
pub(crate) fn check(root: &Path, words: &[String]) -> Result<(), String> {
    let (program, rest) = words.split_first().ok_or("no command")?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match program.as_str() {
        "cargo" => cargo(root, &rest),
        "server-bin" | "target/release/server-bin" | "./target/release/server-bin" => flags(&rest),
        "scripts/check" | "./scripts/check" => parts(root, &rest),
        program if PROGRAMS.contains(&program) => Ok(()),
        program if program.contains('/') && root.join(program).is_file() => Ok(()),
        _ => Err("this program is not one of ours, nor listed in the test".to_owned()),
    }
}

fn cargo(root: &Path, words: &[&str]) -> Result<(), String> {
    let words: Vec<&str> = words
        .iter()
        .copied()
        .skip_while(|word| word.starts_with('+'))
        .collect();
    let command = *words.first().ok_or("cargo without a command")?;
    if !CARGO.contains(&command) {
        return Err(format!("cargo {command} is not listed in the test"));
    }
    let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
    let mut package = None;
    for pair in words[..end].windows(2) {
        match pair[0] {
            "-p" | "--package" => package = Some(find_package(root, pair[1])?),
            "--manifest-path" if !root.join(pair[1]).is_file() => {
                return Err(format!("no manifest {}", pair[1]));
            }
            "--example" => target(
                package.as_deref().unwrap_or(&root.join("server-bin")),
                "example",
                pair[1],
            )?,
            "--test" => target(package.as_deref().unwrap_or(&root.join("tests")), "test", pair[1])?,
            "--bench" => target(
                package.as_deref().unwrap_or(&root.join("benches")),
                "bench",
                pair[1],
            )?,
            _ => {}
        }
    }
    let runs_the_server = command == "run" && package.is_none_or(|folder| folder.ends_with("server-bin"));
    if runs_the_server && !words[..end].contains(&"--manifest-path") {
        flags(&words[(end + 1).min(words.len())..])
    } else {
        Ok(())
    }
}

fn find_package(root: &Path, name: &str) -> Result<std::path::PathBuf, String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(|error| error.to_string())?;
    let members = manifest
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .ok_or("no members")?
        .0;
    members
        .split(',')
        .map(|member| root.join(member.trim().trim_matches('"')))
        .find(|folder| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            manifest.contains(&format!("name = \"{name}\""))
        })
        .ok_or_else(|| format!("no package {name}"))
}

/// A target is named in the manifest, or is a file or a folder where cargo looks for it.
fn target(package: &Path, kind: &str, name: &str) -> Result<(), String> {
    let manifest = fs::read_to_string(package.join("Cargo.toml")).map_err(|error| error.to_string())?;
    let named = manifest
        .split(&format!("[[{kind}]]"))
        .skip(1)
        .any(|part| part.contains(&format!("name = \"{name}\"")));
    let folder = package.join(if kind == "bench" {
        "benches".to_owned()
    } else {
        format!("{kind}s")
    });
    let found =
        folder.join(name).with_extension("rs").is_file() || folder.join(name).join("main.rs").is_file();
    if named || found {
        Ok(())
    } else {
        Err(format!("{} has no {kind} {name}", package.display()))
    }
}

/// Whether the server's help knows each flag.
fn flags(words: &[&str]) -> Result<(), String> {
    static HELP: OnceLock<String> = OnceLock::new();
    let help = HELP.get_or_init(|| {
        let output = tools::run(server::executable(), &["--help"], Duration::from_secs(20));
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    for word in words.iter().filter(|word| word.starts_with("--")) {
        let flag = word.split('=').next().unwrap_or(word);
        if !help.split([' ', '\n', '=', ',']).any(|known| known == flag) {
            return Err(format!("the server has no flag {flag}"));
        }
    }
    Ok(())
}

/// Whether the check script knows each part.
fn parts(root: &Path, words: &[&str]) -> Result<(), String> {
    let output = tools::run(
        &root.join("scripts/check"),
        &["--list", "all"],
        Duration::from_secs(20),
    );
    let known = String::from_utf8_lossy(&output.stdout).into_owned();
    match words
        .iter()
        .find(|word| !word.starts_with("--") && !known.lines().any(|part| part == **word))
    {
        Some(part) if words[0] != "--list" => Err(format!("scripts/check has no part {part}")),
        _ => Ok(()),
    }
}
