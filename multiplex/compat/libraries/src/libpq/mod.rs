//! The part of libpq that never blocks: connecting, and one query at a time.

mod ffi;

use std::io;
use std::time::Duration;

use multiplex::{Events, Interest};

use crate::{Ready, Sources};
use ffi::{Connection, Polling};

/// A server that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects with `conninfo`, runs a query, and returns the first column of its rows. Nothing here blocks but the waits.
///
/// # Errors
///
/// What libpq says, `TimedOut` after 20 seconds without a word, and those of [`Sources`].
pub fn first_column(conninfo: &str, query: &str) -> io::Result<Vec<String>> {
    let (sources, mut events) = (Sources::new()?, Events::default());
    let mut connection = Connection::start(conninfo)?;
    // PostgreSQL's documentation, PQconnectPoll: begin as if it had said that it waits for writable.
    let mut wanted = Interest::WRITABLE;
    loop {
        // Asked anew after each step: libpq goes on to the next address with another socket, perhaps under the same number.
        sources.set(connection.socket(), Some(wanted))?;
        wait(&sources, &mut events)?;
        wanted = match connection.poll()? {
            Polling::Reading => Interest::READABLE,
            Polling::Writing => Interest::WRITABLE,
            Polling::Connected => break,
        };
    }
    connection.send(query)?;
    let mut rows = Vec::new();
    loop {
        // While not all is sent, readable counts too: the server may wait until its own answer has been read.
        let wanted = if connection.flush()? {
            Interest::READABLE
        } else {
            Interest::BOTH
        };
        sources.set(connection.socket(), Some(wanted))?;
        for ready in wait(&sources, &mut events)? {
            if ready.readable {
                connection.consume()?;
            }
        }
        // It reads ahead: what it holds already, no event will tell of. So all is taken before the next wait.
        while !connection.is_busy() {
            match connection.next_result()? {
                Some(column) => rows.extend(column),
                None => {
                    sources.set(connection.socket(), None)?; // before PQfinish closes it
                    return Ok(rows);
                }
            }
        }
    }
}

fn wait(sources: &Sources, events: &mut Events) -> io::Result<Vec<Ready>> {
    let ready = sources.wait(events, Some(PATIENCE))?;
    if ready.is_empty() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(ready)
    }
}
