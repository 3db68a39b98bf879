//! The answers of kqueue, compared with recorded ones.
//!
//! On Linux the shim answers, as each kernel in turn, and is held to what that kernel answered. On a BSD the system itself does:
//! `RECORD_GOLDEN=path cargo test -p kqueue-shim --test golden` writes its answers to a file, and they are compared with the
//! recording of its version, if one is here.
//!
//! This file holds one test only: the scenarios count on fd numbers that another thread would take.

#[cfg(target_os = "linux")]
mod differences;
mod scenarios;

/// The recordings, by the name of their system and what uname(1) says of its release.
const RECORDINGS: [(&str, &str, &str); 3] = [
    ("freebsd", "15.1", include_str!("../golden/freebsd.txt")),
    ("openbsd", "7.3", include_str!("../golden/openbsd.txt")),
    ("netbsd", "7.99", include_str!("../golden/netbsd.txt")),
];

#[cfg(target_os = "linux")]
#[test]
fn every_answer_is_the_recorded_one_or_a_listed_difference() {
    use kqueue_shim::{Kernel, Mode, set_mode};

    for (system, _, recording) in RECORDINGS {
        let kernel = match system {
            "freebsd" => Kernel::FreeBsd,
            "openbsd" => Kernel::OpenBsd,
            _ => Kernel::NetBsd,
        };
        // A recording is of no chaos, whatever the rest of the test run is.
        set_mode(Mode {
            kernel: Some(kernel),
            ..Mode::default()
        });
        let mut came = transcript();
        if kernel == Kernel::NetBsd {
            // It has no such filter, and was not asked more than that.
            came.retain(|line| !line.starts_with("user"));
        }
        let wrong = compare(&differences::applied(kernel, lines(recording)), &came);
        assert!(
            wrong.is_empty(),
            "{system}: - is wanted, + came:\n{}",
            wrong.join("\n")
        );
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn every_answer_is_the_recorded_one() {
    use std::{env, fs, process::Command};

    let came = transcript();
    if let Ok(path) = env::var("RECORD_GOLDEN") {
        fs::write(&path, came.join("\n") + "\n").expect("RECORD_GOLDEN names a file that can be written");
    }
    let said = Command::new("uname")
        .arg("-r")
        .output()
        .expect("every system has uname");
    let release = String::from_utf8_lossy(&said.stdout);
    let of_this = |(system, recorded, _): &&(&str, &str, &str)| {
        *system == env::consts::OS && release.starts_with(recorded)
    };
    let Some((system, _, recording)) = RECORDINGS.iter().find(of_this) else {
        // On a line of its own, to the standard error of the process: libtest swallows what a passing test prints.
        let (system, release) = (env::consts::OS, release.trim());
        let line = format!(
            "\nSKIPPED golden: needs a recording of {system} {release} (RECORD_GOLDEN=path makes one)\n"
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        return;
    };
    let wrong = compare(&lines(recording), &came);
    assert!(
        wrong.is_empty(),
        "{system}: - is wanted, + came:\n{}",
        wrong.join("\n")
    );
}

fn transcript() -> Vec<String> {
    scenarios::transcript()
        .iter()
        .map(|line| comparable(line))
        .collect()
}

fn lines(recording: &str) -> Vec<String> {
    recording
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(comparable)
        .collect()
}

/// The line with its events sorted: their order is the kernel's own business, but where fairness is the question. And with one
/// class for what a connect(2) may answer, which recordings made before say by its errno.
fn comparable(line: &str) -> String {
    if line.starts_with("connect") && line.contains(" nonblocking connect: ") {
        let begun = |errno: &str| line.ends_with(&format!(": {errno}"));
        if ["0", "EINPROGRESS", "ECONNREFUSED"].into_iter().any(begun) {
            let (what, _) = line.rsplit_once(' ').unwrap_or((line, ""));
            return format!("{what} {}", scenarios::sockets::BEGUN);
        }
    }
    let Some(start) = line.find('{').filter(|_| !line.starts_with("fair/")) else {
        return line.to_owned();
    };
    let mut events: Vec<_> = line[start..].split_inclusive('}').map(str::trim).collect();
    events.sort_unstable();
    line[..start].to_owned() + &events.join(" ")
}

fn compare(wanted: &[String], came: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, (wanted, came)) in wanted.iter().zip(came).enumerate() {
        if wanted != came {
            wrong.push(format!("line {}\n- {wanted}\n+ {came}", number + 1));
        }
    }
    if wanted.len() != came.len() {
        let new: Vec<_> = came.iter().filter(|line| !wanted.contains(line)).collect();
        wrong.push(format!(
            "{} lines are wanted, {} came; new: {new:#?}",
            wanted.len(),
            came.len()
        ));
    }
    wrong
}
