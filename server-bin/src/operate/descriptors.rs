//! How many connections fit: into the limit of open files, and into the workers.

use super::admin;
use crate::sys::net::raise_descriptor_limit;
use crate::worker::slab;

/// Descriptors beside connections, their listeners and pollers: standard streams, the logs, signals, a restart, the
/// demonstration's timer, and files that are being sent.
const OTHERS: usize = 24;

/// Descriptors that are not there for connections.
pub(crate) fn reserved(workers: usize, addresses: usize, has_admin: bool) -> usize {
    // A poller and a waker; and each listener twice, so that it can be handed to the next program.
    let admin = if has_admin { admin::CONNECTIONS + 4 } else { 0 };
    OTHERS + admin + workers * (2 + 2 * addresses)
}

/// Raises the soft limit of open files to the hard one. Returns how many connections fit: `most`, or all that do
/// when there is no such wish.
pub(crate) fn connections(
    most: Option<usize>,
    workers: usize,
    addresses: usize,
    has_admin: bool,
) -> Result<usize, String> {
    let limit =
        raise_descriptor_limit().map_err(|error| format!("cannot read the limit of open files: {error}"))?;
    let slots = workers.saturating_mul(slab::MOST);
    fit(most, reserved(workers, addresses, has_admin), limit, slots)
}

/// The same, where so many files may be open, and the workers together have room for so many connections.
fn fit(most: Option<usize>, reserved: usize, limit: usize, slots: usize) -> Result<usize, String> {
    let room = limit.saturating_sub(reserved);
    match most {
        Some(most) if most > slots => Err(format!(
            "--max-connections {most} is more than these workers can hold on a system of {} bits: \
             ask for at most {slots}, or for more workers",
            usize::BITS
        )),
        Some(most) if most > room => Err(format!(
            "--max-connections {most} needs {} open files and the hard limit is {limit}: \
             raise it (ulimit -Hn) or ask for at most {room}",
            most.saturating_add(reserved)
        )),
        Some(most) => Ok(most),
        None if room == 0 => Err(format!(
            "the hard limit of {limit} open files leaves none for connections: raise it above {reserved} (ulimit -Hn)"
        )),
        None => Ok(room.min(slots)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_for_what_was_asked_is_named() {
        let many = usize::MAX;
        assert_eq!(fit(Some(900), 30, 1024, many), Ok(900));
        assert_eq!(fit(None, 30, 1024, many), Ok(994));
        let error = fit(Some(1000), 30, 1024, many).unwrap_err();
        assert!(
            error.contains("1030") && error.contains("1024") && error.contains("994"),
            "{error}"
        );
        assert!(fit(None, 30, 16, many).is_err());
    }

    #[test]
    fn workers_with_few_slots_are_not_promised_more_connections_than_they_hold() {
        // Two workers on 32 bits.
        let slots = 2 * 65_280;
        assert_eq!(fit(None, 30, 1_000_000, slots), Ok(130_560));
        assert_eq!(fit(Some(130_560), 30, 1_000_000, slots), Ok(130_560));
        let error = fit(Some(200_000), 30, 1_000_000, slots).unwrap_err();
        assert!(error.contains("200000") && error.contains("130560"), "{error}");
    }
}
