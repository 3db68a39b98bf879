//! The calls of libpq.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::RawFd;

use pq_sys::{ExecStatusType, PGconn, PostgresPollingStatusType};

/// A connection that never blocks. It is closed when this is dropped.
pub(super) struct Connection {
    raw: *mut PGconn,
}

/// What `PQconnectPoll` waits for.
pub(super) enum Polling {
    Reading,
    Writing,
    Connected,
}

impl Connection {
    /// PQconnectStart.
    pub(super) fn start(conninfo: &str) -> io::Result<Self> {
        let conninfo = CString::new(conninfo)?;
        // SAFETY: `conninfo` ends with a zero byte and lives until the call returns.
        let raw = unsafe { pq_sys::PQconnectStart(conninfo.as_ptr()) };
        if raw.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let connection = Self { raw };
        // SAFETY: `raw` is a connection that was not finished.
        match unsafe { pq_sys::PQstatus(raw) } {
            pq_sys::ConnStatusType::CONNECTION_BAD => Err(connection.error()),
            _ => Ok(connection),
        }
    }

    /// PQconnectPoll; after the last one nothing blocks any more.
    pub(super) fn poll(&mut self) -> io::Result<Polling> {
        // SAFETY: `raw` is a connection that was not finished.
        match unsafe { pq_sys::PQconnectPoll(self.raw) } {
            PostgresPollingStatusType::PGRES_POLLING_READING => Ok(Polling::Reading),
            PostgresPollingStatusType::PGRES_POLLING_WRITING => Ok(Polling::Writing),
            PostgresPollingStatusType::PGRES_POLLING_OK => {
                // SAFETY: `raw` is a connection that was not finished.
                self.is_good(unsafe { pq_sys::PQsetnonblocking(self.raw, 1) } == 0)?;
                Ok(Polling::Connected)
            }
            _ => Err(self.error()),
        }
    }

    /// PQsocket: -1 if there is none.
    pub(super) fn socket(&self) -> RawFd {
        // SAFETY: `raw` is a connection that was not finished.
        unsafe { pq_sys::PQsocket(self.raw) }
    }

    /// PQsendQuery.
    pub(super) fn send(&mut self, query: &str) -> io::Result<()> {
        let query = CString::new(query)?;
        // SAFETY: `raw` is a connection that was not finished, and `query` ends with a zero byte.
        self.is_good(unsafe { pq_sys::PQsendQuery(self.raw, query.as_ptr()) } == 1)
    }

    /// PQflush: true if all was sent.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        // SAFETY: `raw` is a connection that was not finished.
        match unsafe { pq_sys::PQflush(self.raw) } {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(self.error()),
        }
    }

    /// PQconsumeInput.
    pub(super) fn consume(&mut self) -> io::Result<()> {
        // SAFETY: `raw` is a connection that was not finished.
        self.is_good(unsafe { pq_sys::PQconsumeInput(self.raw) } == 1)
    }

    /// PQisBusy: true if the next result would block.
    pub(super) fn is_busy(&self) -> bool {
        // SAFETY: `raw` is a connection that was not finished.
        unsafe { pq_sys::PQisBusy(self.raw) == 1 }
    }

    /// PQgetResult: the first column of the next result, or none after the last one.
    pub(super) fn next_result(&mut self) -> io::Result<Option<Vec<String>>> {
        // SAFETY: `raw` is a connection that was not finished.
        let result = unsafe { pq_sys::PQgetResult(self.raw) };
        if result.is_null() {
            return Ok(None);
        }
        // SAFETY: `result` was not cleared.
        let status = unsafe { pq_sys::PQresultStatus(result) };
        // SAFETY: `result` was not cleared.
        let rows = unsafe { pq_sys::PQntuples(result) };
        let column = (0..rows)
            // SAFETY: `result` was not cleared, and has this row and a first column, or libpq gives an empty string.
            .map(|row| text(unsafe { pq_sys::PQgetvalue(result, row, 0) }))
            .collect();
        // SAFETY: `result` was not cleared, and is not used after this.
        unsafe { pq_sys::PQclear(result) };
        match status {
            ExecStatusType::PGRES_TUPLES_OK | ExecStatusType::PGRES_COMMAND_OK => Ok(Some(column)),
            _ => Err(self.error()),
        }
    }

    fn is_good(&self, good: bool) -> io::Result<()> {
        if good { Ok(()) } else { Err(self.error()) }
    }

    fn error(&self) -> io::Error {
        // SAFETY: `raw` is a connection that was not finished.
        io::Error::other(text(unsafe { pq_sys::PQerrorMessage(self.raw) }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `raw` is a connection that was not finished, and is not used after this.
        unsafe { pq_sys::PQfinish(self.raw) };
    }
}

/// A copy of a string of libpq's.
fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: libpq's strings end with a zero byte, and this one is of something that was not cleared.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
