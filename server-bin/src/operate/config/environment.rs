//! The environment variables of the flags: what an empty one means, and how a wrong one is named.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, Error};

/// A command that takes a variable without a value as one that is not set, as compose files and units of systemd leave
/// it when there is nothing to say.
pub(super) fn without_empty(command: Command) -> Command {
    command.mut_args(|arg| if is_empty(&arg) { arg.env(None) } else { arg })
}

fn is_empty(arg: &Arg) -> bool {
    let value = arg.get_env().and_then(std::env::var_os);
    value.is_some_and(|value| value.is_empty())
}

/// The variable that a value came from which was refused; none when it was an argument.
pub(super) fn origin<'a>(error: &Error, command: &'a Command, arguments: &[OsString]) -> Option<&'a str> {
    let Some(ContextValue::String(refused)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // It is spelled as in the help: `--workers <N>`, `[ROOT]`.
    let arg = command.get_arguments().find(|arg| arg.to_string() == *refused)?;
    let variable = arg.get_env()?;
    let given = match arg.get_long() {
        Some(long) => arguments.iter().any(|argument| names(argument, long)),
        None => std::env::var_os(variable).is_none(),
    };
    if given { None } else { variable.to_str() }
}

/// Whether an argument is `--long` or `--long=value`.
fn names(argument: &OsStr, long: &str) -> bool {
    let rest = argument
        .to_str()
        .and_then(|argument| argument.strip_prefix("--")?.strip_prefix(long));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_names_a_flag_with_and_without_its_value() {
        assert!(names(OsStr::new("--workers"), "workers") && names(OsStr::new("--workers=2"), "workers"));
        assert!(!names(OsStr::new("--workers2"), "workers") && !names(OsStr::new("workers"), "workers"));
    }
}
