//! Requests on their way to [`Handler::done`](super::handler::Handler::done): what is remembered of each until the last
//! byte of its answer was taken by the socket.
//!
//! Texts are copied, because the head that they stand in is gone when the answer has left. A handler that does not watch
//! costs nothing here.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use http_core::{Head, Rule, Version};

use super::handler::{End, MAX_TEXT, Outcome};
use super::peer::Peer;

/// One request.
struct Record {
    method: Range<u32>,
    target: Range<u32>,
    referer: Range<u32>,
    user_agent: Range<u32>,
    version: Option<Version>,
    status: u16,
    body: u64,
    began: Instant,
    rule: Option<Rule>,
    /// The client, where the handler knows it better than the socket does.
    client: Option<SocketAddr>,
    /// Where in the unsent output its answer ends, once it has an end.
    answer_end: Option<usize>,
}

/// The requests of one connection whose answers have not left, in their order. Only the last one may be unanswered.
#[derive(Default)]
pub(crate) struct Records {
    list: Vec<Record>,
    text: Vec<u8>,
}

impl Records {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A head has come.
    pub(crate) fn begin(&mut self, head: &Head<'_>, now: Instant) {
        let record = Record {
            method: self.copy(head.method().as_str().as_bytes()),
            target: self.copy(head.target_str().as_bytes()),
            referer: self.copy(head.field("referer").unwrap_or_default()),
            user_agent: self.copy(head.field("user-agent").unwrap_or_default()),
            version: Some(head.version()),
            ..Record::unread(now)
        };
        self.list.push(record);
    }

    /// The handler knows the client's address better than the socket does.
    pub(crate) fn set_client(&mut self, client: Option<SocketAddr>) {
        if let Some(last) = self.list.last_mut() {
            last.client = client;
        }
    }

    /// An answer has begun. Without a request that waits for it, it answers a head that could not be read.
    pub(crate) fn answer(&mut self, status: u16, rule: Option<Rule>, now: Instant) {
        if self.list.last().is_none_or(|last| last.answer_end.is_some()) {
            self.list.push(Record::unread(now));
        }
        if let Some(last) = self.list.last_mut() {
            last.status = status;
            last.rule = rule;
        }
    }

    /// So many bytes of the last answer's body were handed on.
    pub(crate) fn add_body(&mut self, bytes: u64) {
        if let Some(last) = self.list.last_mut() {
            last.body += bytes;
        }
    }

    /// The last answer is whole, and ends at this place of the unsent output.
    pub(crate) fn end(&mut self, place: usize) {
        if let Some(last) = self.list.last_mut() {
            last.answer_end = Some(place);
        }
    }

    /// The first so many bytes of the output have been taken out of it.
    pub(crate) fn shift(&mut self, bytes: usize) {
        for record in &mut self.list {
            if let Some(end) = &mut record.answer_end {
                *end = end.saturating_sub(bytes);
            }
        }
    }

    /// How many answers have left, when the output has left up to this place.
    pub(crate) fn complete(&self, place: usize) -> usize {
        let has_left = |record: &&Record| record.answer_end.is_some_and(|end| end <= place);
        self.list.iter().take_while(has_left).count()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// What became of the request with this number. The socket has not taken this part of the output.
    pub(crate) fn outcome(
        &self,
        number: usize,
        peer: Peer,
        now: Instant,
        end: End,
        unsent: &Range<usize>,
    ) -> Option<Outcome<'_>> {
        let record = self.list.get(number)?;
        // An answer's body is what comes last of it.
        let behind = record
            .answer_end
            .unwrap_or(unsent.end)
            .saturating_sub(unsent.start);
        Some(Outcome {
            peer: record.client.or_else(|| peer.address()),
            method: self.part(&record.method),
            target: self.part(&record.target),
            version: record.version,
            referer: self.part(&record.referer),
            user_agent: self.part(&record.user_agent),
            status: record.status,
            bytes: record.body.saturating_sub(behind as u64),
            time: now.saturating_duration_since(record.began),
            rule: record.rule,
            end,
        })
    }

    /// Forgets the first `count`.
    pub(crate) fn forget(&mut self, count: usize) {
        if count == self.list.len() {
            self.list.clear();
            self.text.clear();
        } else {
            self.list.drain(..count);
        }
    }

    fn copy(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(&text[..text.len().min(MAX_TEXT)]);
        start..self.text.len() as u32
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }
}

impl Record {
    const fn unread(now: Instant) -> Self {
        Self {
            method: 0..0,
            target: 0..0,
            referer: 0..0,
            user_agent: 0..0,
            version: None,
            status: 0,
            body: 0,
            began: now,
            rule: None,
            client: None,
            answer_end: None,
        }
    }
}
