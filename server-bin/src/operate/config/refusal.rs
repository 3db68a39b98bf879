//! What is said instead of serving: a text that was asked for, or one line that names what is wrong.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use clap::error::{ContextKind, ContextValue};
use clap::{Command, Error};

use super::environment;

/// What follows from a command line that is not one to serve with.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The text was asked for: `--help`, `--version`, `--check` or `--completions`.
    Text(String),
    /// The line says what is wrong with the command line or a variable.
    Error(String),
    /// The line says why the server could not start, though nothing is wrong with the command line.
    Unable(String),
}

impl Ending {
    /// What to say to an error of clap, which is also how it says that help was asked for.
    pub(super) fn of(error: &Error, command: &Command, arguments: &[OsString]) -> Self {
        let text = error.render();
        match error.use_stderr() {
            // The styles are for a terminal that reads it, not for a file or a pager.
            false if std::io::stdout().is_terminal() => Self::Text(text.ansi().to_string()),
            false => Self::Text(text.to_string()),
            true => {
                let variable = environment::origin(error, command, arguments);
                Self::Error(one_line(&text.to_string(), variable, suggestion(error)))
            }
        }
    }

    /// A line that no flag alone is to blame for.
    pub(super) fn line(text: impl Into<String>) -> Self {
        Self::Error(format!("{}; see --help", text.into()))
    }
}

/// What may have been meant.
fn suggestion(error: &Error) -> Option<&str> {
    [ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(one) => Some(&one[..]),
            ContextValue::Strings(several) => several.first().map(|one| &one[..]),
            _ => None,
        })
}

/// clap says what is wrong in the first line, and lists what is missing or possible in the next ones. It does not say
/// that the value came from a variable.
fn one_line(text: &str, variable: Option<&str>, suggestion: Option<&str>) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut line = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(suggestion) = suggestion {
        line += &format!("; did you mean {suggestion}?");
    }
    if let Some(variable) = variable {
        line += &format!("; that is {variable} in the environment");
    }
    line + "; see --help"
}
