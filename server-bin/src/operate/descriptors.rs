//! How many connections fit: into the limit of open files, and into the workers.

use super::admin;
use crate::sys::net::raise_descriptor_limit;
use crate::worker::slab;

/// Descriptors beside connections, their listeners and pollers: standard streams, the logs, a restart, the demonstration's timer,
/// and the root that all workers share.
const OTHERS: usize = 24;

/// What a worker that serves files holds beside those that it sends: a root of its own, when the path of the root leads elsewhere
/// by now; a directory and a name in it, while they are looked at; and these twice and a link, while a listing is read beside it.
const OF_FILES: usize = 6;

/// What each connection may hold open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Each {
    /// Its socket.
    Socket,
    /// Its socket, and the file that it is sent for as long as it reads it: were these not counted, half the limit in
    /// slow readers would leave no descriptor for anybody's file.
    SocketAndFile,
}

impl Each {
    fn descriptors(self) -> usize {
        match self {
            Self::Socket => 1,
            Self::SocketAndFile => 2,
        }
    }
}

/// Descriptors that are not there for connections.
pub(crate) fn reserved(workers: usize, addresses: usize, has_admin: bool, each: Each) -> usize {
    // A poller and a waker; and each listener twice, so that it can be handed to the next program.
    let admin = if has_admin { admin::CONNECTIONS + 4 } else { 0 };
    let files = match each {
        Each::Socket => 0,
        Each::SocketAndFile => OF_FILES,
    };
    OTHERS + admin + workers * (2 + 2 * addresses + files)
}

/// Raises the soft limit of open files to the hard one. Returns how many connections fit: `most`, or all that do
/// when there is no such wish.
pub(crate) fn connections(
    most: Option<usize>,
    workers: usize,
    addresses: usize,
    has_admin: bool,
    each: Each,
) -> Result<usize, String> {
    let limit =
        raise_descriptor_limit().map_err(|error| format!("cannot read the limit of open files: {error}"))?;
    let slots = workers.saturating_mul(slab::MOST);
    fit(
        most,
        reserved(workers, addresses, has_admin, each),
        limit,
        slots,
        each,
    )
}

/// The same, where so many files may be open, and the workers together have room for so many connections.
fn fit(
    most: Option<usize>,
    reserved: usize,
    limit: usize,
    slots: usize,
    each: Each,
) -> Result<usize, String> {
    let room = limit.saturating_sub(reserved) / each.descriptors();
    match most {
        Some(most) if most > slots => Err(format!(
            "--max-connections {most} is more than these workers can hold on a system of {} bits: \
             ask for at most {slots}, or for more workers",
            usize::BITS
        )),
        Some(most) if most > room => Err(format!(
            "--max-connections {most} needs {} open files{} and the hard limit is {limit}: \
             raise it (ulimit -Hn) or ask for at most {room}",
            most.saturating_mul(each.descriptors()).saturating_add(reserved),
            match each {
                Each::Socket => "",
                Each::SocketAndFile => ", as each client may be sent a file,",
            }
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
        let fit = |most, reserved, limit| fit(most, reserved, limit, many, Each::Socket);
        assert_eq!(fit(Some(900), 30, 1024), Ok(900));
        assert_eq!(fit(None, 30, 1024), Ok(994));
        let error = fit(Some(1000), 30, 1024).unwrap_err();
        assert!(
            error.contains("1030") && error.contains("1024") && error.contains("994"),
            "{error}"
        );
        assert!(fit(None, 30, 16).is_err());
    }

    #[test]
    fn each_connection_is_left_a_descriptor_for_the_file_that_it_is_sent() {
        let fit = |most| fit(most, 30, 1024, usize::MAX, Each::SocketAndFile);
        assert_eq!(fit(None), Ok(497));
        assert_eq!(fit(Some(497)), Ok(497));
        let error = fit(Some(498)).unwrap_err();
        assert!(error.contains("1026") && error.contains("at most 497"), "{error}");
    }

    #[test]
    fn workers_with_few_slots_are_not_promised_more_connections_than_they_hold() {
        // Two workers on 32 bits.
        let slots = 2 * 65_280;
        let fit = |most| fit(most, 30, 1_000_000, slots, Each::Socket);
        assert_eq!(fit(None), Ok(130_560));
        assert_eq!(fit(Some(130_560)), Ok(130_560));
        let error = fit(Some(200_000)).unwrap_err();
        assert!(error.contains("200000") && error.contains("130560"), "{error}");
    }
}
