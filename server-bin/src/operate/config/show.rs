//! `--check`: the configuration that would be in force, and where each value comes from.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// A line for each flag, in the order of the help. `effective` says what follows where a flag was not given and has no
/// default that stands in the help as a value.
pub(super) fn configuration(command: &Command, matches: &ArgMatches, effective: &[(&str, String)]) -> String {
    let mut text = String::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        if matches!(id, "help" | "version" | "check" | "completions")
            || !matches.ids().any(|given| given == id)
        {
            continue;
        }
        let given = matches.try_get_raw(id).ok().flatten();
        let values: Vec<String> = given
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "command line".to_owned(),
            Some(ValueSource::EnvVariable) => {
                let variable = arg.get_env().unwrap_or_default();
                format!("environment, {}", variable.to_string_lossy())
            }
            _ => "default".to_owned(),
        };
        line(&mut text, &name(arg), &values.join(","), &source);
    }
    for (flag, value) in effective {
        line(&mut text, flag, value, "default");
    }
    text
}

fn name(arg: &clap::Arg) -> String {
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => arg.get_id().as_str().to_uppercase(),
    }
}

fn line(text: &mut String, name: &str, value: &str, source: &str) {
    // A string takes everything.
    let _ = writeln!(text, "{name:<20} {value:<28} # {source}");
}
