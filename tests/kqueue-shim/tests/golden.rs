//! The answers of kqueue, compared with recorded ones.
//!
//! On Linux the shim answers, and is held to what NetBSD's kernel code answered. On a BSD the system itself does:
//! `RECORD_GOLDEN=path cargo test -p kqueue-shim --test golden` writes its answers to a file, and a file
//! `golden/SYSTEM-native.txt` (`freebsd-native.txt`) is compared with the next run.
//!
//! This file holds one test only: the scenarios count on fd numbers that another thread would take.

#[cfg(target_os = "linux")]
mod differences;
mod scenarios;

use std::{env, fs};

#[test]
fn every_answer_is_the_recorded_one_or_a_listed_difference() {
    // The recording is of no chaos, whatever the rest of the test run is.
    #[cfg(target_os = "linux")]
    kqueue_shim::set_mode(kqueue_shim::Mode::default());
    let transcript: Vec<_> = scenarios::transcript()
        .iter()
        .map(|line| in_one_order(line))
        .collect();
    if let Ok(path) = env::var("RECORD_GOLDEN") {
        fs::write(&path, transcript.join("\n") + "\n")
            .expect("RECORD_GOLDEN names a file that can be written");
    }
    let Some(wanted) = wanted() else {
        println!("SKIPPED golden: needs a recording of this system (RECORD_GOLDEN=path makes one)");
        return;
    };
    let wrong = compare(&wanted, &transcript);
    assert!(wrong.is_empty(), "- is wanted, + came:\n{}", wrong.join("\n"));
}

#[cfg(target_os = "linux")]
fn wanted() -> Option<Vec<String>> {
    let mut recorded = lines(include_str!("../golden/netbsd.txt"));
    for difference in differences::DIFFERENCES {
        for (theirs, ours) in difference.lines {
            assert_ne!(theirs, ours, "no difference: {}", difference.reason);
            let mut places = recorded.iter_mut().filter(|line| line == theirs);
            let place = places
                .next()
                .unwrap_or_else(|| panic!("not in the recording: {theirs}"));
            (*ours).clone_into(place);
            assert!(places.next().is_none(), "twice in the recording: {theirs}");
        }
    }
    recorded.extend(lines(include_str!("../golden/user-filter.txt")));
    Some(recorded)
}

#[cfg(not(target_os = "linux"))]
fn wanted() -> Option<Vec<String>> {
    let path = format!(
        "{}/golden/{}-native.txt",
        env!("CARGO_MANIFEST_DIR"),
        env::consts::OS
    );
    fs::read_to_string(path).ok().map(|text| lines(&text))
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(in_one_order)
        .collect()
}

/// The line with its events sorted: their order is the kernel's own business, but where fairness is the question.
fn in_one_order(line: &str) -> String {
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
