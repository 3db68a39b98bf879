//! `--check`: the configuration that would be in force, and where each value comes from.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

/// A line for each value of each flag, in the order of the help. `effective` says what is in force where a flag was not given and
/// has no default that clap knows; of a flag that is not in it, none is in force.
pub(super) fn configuration(command: &Command, matches: &ArgMatches, effective: &[(&str, String)]) -> String {
    let mut text = String::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        if matches!(id, "help" | "version" | "check" | "completions") {
            continue;
        }
        let given = matches.try_get_raw(id).ok().flatten();
        let values: Vec<String> = match arg.get_action() {
            // However the variable spells it.
            ArgAction::SetTrue => vec![matches.get_flag(id).to_string()],
            _ => given
                .into_iter()
                .flatten()
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "command line".to_owned(),
            Some(ValueSource::EnvVariable) => {
                let variable = arg.get_env().unwrap_or_default();
                format!("environment, {}", variable.to_string_lossy())
            }
            _ => "default".to_owned(),
        };
        let name = name(arg);
        for value in &values {
            line(&mut text, &name, value, &source);
        }
        if values.is_empty() {
            let in_force = effective.iter().find(|(flag, _)| *flag == name);
            let value = in_force.map_or("none", |(_, value)| value);
            line(&mut text, &name, value, "default");
        }
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
