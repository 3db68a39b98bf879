//! The files that people deploy with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::{Launch, tools};

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

/// The units in a directory of their own, with the program where it is on this machine.
fn units() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let program = support::server::executable().display().to_string();
    let [service, socket] = ["server-bin.service", "server-bin.socket"].map(|name| {
        let text = fs::read_to_string(deploy(name)).expect("it is there");
        let path = folder.path().join(name);
        fs::write(&path, text.replace("/usr/local/bin/server-bin", &program)).expect("a file");
        path
    });
    (folder, service, socket)
}

#[test]
fn systemd_takes_the_units_without_a_word() {
    let Some(analyze) = tools::tool("systemd-analyze") else {
        return;
    };
    let (_folder, service, socket) = units();
    let [service, socket] = [&service, &socket].map(|path| path.to_str().expect("text"));
    let output = tools::run(&analyze, &["verify", service, socket], Duration::from_secs(30));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It says things of the machine's other units, too.
    let of_ours: Vec<&str> = said.lines().filter(|line| line.contains("server-bin")).collect();
    assert!(of_ours.is_empty(), "{said}");
}

#[test]
fn the_exposure_of_the_service_is_what_the_page_says() {
    let Some(analyze) = tools::tool("systemd-analyze") else {
        return;
    };
    let (_folder, service, _) = units();
    let arguments = [
        "security",
        "--offline=true",
        "--no-pager",
        service.to_str().expect("text"),
    ];
    let output = tools::run(&analyze, &arguments, Duration::from_secs(30));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some((_, score)) = text.split_once("Overall exposure level for server-bin.service: ") else {
        return tools::skipped(
            "the_exposure_of_the_service_is_what_the_page_says",
            "systemd 250 or newer",
        );
    };
    let score: f64 = score
        .split(' ')
        .next()
        .and_then(|score| score.parse().ok())
        .expect("a number");
    assert!(score <= 1.5, "the exposure is {score}: {text}");
}

#[test]
fn the_flags_of_the_units_and_of_the_image_are_ones_of_the_program() {
    let service = fs::read_to_string(deploy("server-bin.service")).expect("it is there");
    let line = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a command");
    let folder = tempfile::tempdir().expect("a directory");
    let root = folder.path().to_str().expect("text");
    let words: Vec<&str> = line
        .split(' ')
        .skip(1)
        .map(|word| if word == "/srv/www" { root } else { word })
        .collect();
    let mut launch = Launch::new().args(["--check"]);
    for word in words {
        launch = launch.arg(word);
    }
    let image = fs::read_to_string(deploy("Containerfile")).expect("it is there");
    let variables = image
        .lines()
        .find_map(|line| line.strip_prefix("ENV SERVER_"))
        .expect("variables");
    let mut count = 0;
    for (name, value) in format!("SERVER_{variables}")
        .split(' ')
        .filter_map(|pair| pair.split_once('='))
    {
        // The unit's own flags go first.
        launch = launch.env(name, value);
        count += 1;
    }
    let output = launch.fails();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("--access-log") && count == 3, "{text}");
    let help = String::from_utf8_lossy(&Launch::new().arg("--help").fails().stdout).into_owned();
    for name in variables.split(' ').filter_map(|pair| pair.split('=').next()) {
        let name = name.trim_start_matches("SERVER_");
        assert!(help.contains(&format!("[env: SERVER_{name}=")), "{name}");
    }
}
