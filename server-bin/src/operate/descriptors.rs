//! How many connections the limit of open files allows.

use crate::sys::net::raise_descriptor_limit;

/// Descriptors beside connections, their listeners and pollers: standard streams, signals, the demonstration's
/// timer, and files that are being sent.
const OTHERS: usize = 16;

/// Descriptors that are not there for connections.
pub(crate) fn reserved(workers: usize, addresses: usize) -> usize {
    OTHERS + workers * (2 + addresses)
}

/// Raises the soft limit of open files to the hard one, and answers how many connections fit into it: `most`, or all
/// that do when there is no such wish.
pub(crate) fn connections(most: Option<usize>, reserved: usize) -> Result<usize, String> {
    let limit =
        raise_descriptor_limit().map_err(|error| format!("cannot read the limit of open files: {error}"))?;
    fit(most, reserved, limit)
}

fn fit(most: Option<usize>, reserved: usize, limit: usize) -> Result<usize, String> {
    let room = limit.saturating_sub(reserved);
    match most {
        Some(most) if most > room => Err(format!(
            "--max-connections {most} needs {} open files and the hard limit is {limit}: \
             raise it (ulimit -Hn) or ask for at most {room}",
            most.saturating_add(reserved)
        )),
        Some(most) => Ok(most),
        None if room == 0 => Err(format!(
            "the hard limit of {limit} open files leaves none for connections: raise it above {reserved} (ulimit -Hn)"
        )),
        None => Ok(room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_for_what_was_asked_is_named() {
        assert_eq!(fit(Some(900), 30, 1024), Ok(900));
        assert_eq!(fit(None, 30, 1024), Ok(994));
        let error = fit(Some(1000), 30, 1024).unwrap_err();
        assert!(
            error.contains("1030") && error.contains("1024") && error.contains("994"),
            "{error}"
        );
        assert!(fit(None, 30, 16).is_err());
    }
}
