//! The calls, each held to what the model says of it.

use super::{Final, Session};
use http_core::{Body, FieldBlock, Misuse, ResponseHead};

const STATUSES: [u16; 16] = [
    100, 101, 102, 103, 199, 200, 204, 205, 206, 304, 404, 500, 599, 600, 99, 0,
];

impl Session<'_> {
    /// Holds a result to what the model says.
    #[track_caller]
    fn expect(result: Result<(), Misuse>, legal: bool, what: &str) -> Result<(), Misuse> {
        assert_eq!(result.is_ok(), legal, "{what}: {result:?}");
        result
    }

    fn may_interim(&mut self) -> bool {
        let cycle = self.last();
        cycle.minor > 0 && !cycle.refused && cycle.last.is_none()
    }

    pub(super) fn interim(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let legal = self.may_interim() && (100..200).contains(&status) && status != 101;
        let head = ResponseHead::new(status);
        Self::expect(self.conn.interim(&mut self.out, &head), legal, "interim")?;
        self.last().interims.push(status);
        Ok(())
    }

    pub(super) fn continue_100(&mut self) -> Result<(), Misuse> {
        let legal = self.may_interim();
        Self::expect(self.conn.continue_100(&mut self.out), legal, "continue_100")?;
        self.last().interims.push(100);
        Ok(())
    }

    /// Whether a final response may begin, and whether it would have a body.
    fn may_begin(&mut self, status: u16, length: Option<u64>) -> (bool, bool) {
        let cycle = self.last();
        let fits = (200..600).contains(&status)
            && !(cycle.method == "CONNECT" && status < 300 && !cycle.refused)
            && !(cycle.refused && status < 400)
            && !(status == 204 && length.is_some_and(|n| n > 0))
            && !(status == 205 && length != Some(0));
        let has_body = cycle.method != "HEAD" && !matches!(status, 204 | 205 | 304);
        (cycle.last.is_none() && !cycle.switched && fits, has_body)
    }

    fn begin(&mut self, status: u16, length: Option<u64>, has_body: bool) {
        let cycle = self.last();
        // Without a length HTTP/1.0 and the client of a refused request read until the close.
        cycle.close |= length.is_none() && has_body && (cycle.minor == 0 || cycle.refused);
        let close = cycle.close;
        cycle.last = Some(Final {
            status,
            length,
            data: Vec::new(),
            has_body,
            close,
            ended: false,
            trailers: false,
        });
    }

    pub(super) fn respond(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let length = self.tape.pick(&[None, Some(0), Some(5), Some(3)]);
        let (legal, has_body) = self.may_begin(status, length);
        let body = length.map_or(Body::Stream, Body::Known);
        let mut head = ResponseHead::new(status);
        head.push("x-kind", "respond").expect("a legal field");
        Self::expect(
            self.conn.respond(&mut self.out, &head, body),
            legal,
            &format!("respond {status} {length:?}"),
        )?;
        self.begin(status, length, has_body);
        Ok(())
    }

    pub(super) fn reply(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let body = self.tape.pick(&[&b""[..], b"12345", b"HTTP/1.1 200 OK\r\n\r\n"]);
        let length = Some(body.len() as u64);
        let (legal, has_body) = self.may_begin(status, length);
        let head = ResponseHead::new(status);
        Self::expect(
            self.conn.reply(&mut self.out, &head, body),
            legal,
            &format!("reply {status} {}", body.len()),
        )?;
        self.begin(status, length, has_body);
        let last = self.last().last.as_mut().expect("just begun");
        last.data.extend_from_slice(if has_body { body } else { b"" });
        last.ended = true;
        Ok(())
    }

    /// Whether `n` more bytes of a body may be sent; `None` where the model leaves it open.
    fn may_send(&mut self, n: u64) -> Option<bool> {
        match &self.last().last {
            None => Some(false),
            Some(last) if last.ended => Some(false),
            Some(last) if !last.has_body => (n > 0).then_some(false),
            Some(last) => Some(
                last.length
                    .is_none_or(|length| n <= length - last.data.len() as u64),
            ),
        }
    }

    pub(super) fn data(&mut self) -> Result<(), Misuse> {
        let bytes = self.tape.pick(&[&b""[..], b"a", b"12345", b"0\r\n\r\n"]);
        let legal = self.may_send(bytes.len() as u64);
        let before = self.out.len();
        let result = self.conn.data(&mut self.out, bytes);
        if let Some(legal) = legal {
            assert_eq!(result.is_ok(), legal, "data of {} bytes: {result:?}", bytes.len());
        } else {
            assert_eq!(self.out.len(), before, "a response without a body got one");
        }
        result?;
        if let Some(last) = &mut self.last().last {
            last.data.extend_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn sent(&mut self) -> Result<(), Misuse> {
        let n = self.tape.pick(&[0u64, 1, 5, u64::MAX]);
        let cycle = self.last();
        let chunked = cycle
            .last
            .as_ref()
            .is_some_and(|l| l.length.is_none() && cycle.minor > 0 && !cycle.refused);
        let endless = n == u64::MAX && cycle.last.as_ref().is_some_and(|l| l.length.is_none());
        if endless {
            return Ok(());
        }
        let legal = if chunked { Some(false) } else { self.may_send(n) };
        let result = self.conn.sent(n);
        if let Some(legal) = legal.filter(|_| n > 0) {
            assert_eq!(result.is_ok(), legal, "sent {n}: {result:?}");
        }
        result?;
        // The caller writes them itself, here and now.
        let bytes = vec![b'S'; usize::try_from(n).expect("few")];
        self.out.extend(&bytes);
        if let Some(last) = &mut self.last().last {
            last.data.extend(bytes);
        }
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Misuse> {
        let legal = self.last().last.as_ref().is_some_and(|last| {
            !last.ended
                && (!last.has_body || last.length.is_none_or(|length| last.data.len() as u64 == length))
        });
        let trailers = self.tape.byte() % 2 == 1;
        let counted = self
            .last()
            .last
            .as_ref()
            .is_some_and(|last| last.has_body && last.length.is_some());
        let mut block = FieldBlock::new();
        block.push("x-trailer", "1").expect("a legal field");
        let result = self.conn.end(&mut self.out, trailers.then_some(&block));
        Self::expect(result, legal && !(trailers && counted), "end")?;
        let last = self.last().last.as_mut().expect("it was under way");
        last.ended = true;
        last.trailers = trailers;
        Ok(())
    }

    pub(super) fn upgrade(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&[101, 200, 204, 404]);
        let named = self.tape.byte().is_multiple_of(2);
        let mut head = ResponseHead::new(status);
        if named {
            head.push("upgrade", "other/1").expect("a legal field");
        }
        let cycle = self.last();
        let asked = match status {
            101 => cycle.upgrade && named,
            200..300 => cycle.method == "CONNECT",
            _ => false,
        };
        let legal = asked && cycle.last.is_none() && cycle.unfed.is_empty() && !cycle.refused;
        Self::expect(
            self.conn.upgrade(&mut self.out, &head),
            legal,
            &format!("upgrade {status}"),
        )?;
        let cycle = self.last();
        cycle.switched = true;
        cycle.interims.push(status);
        Ok(())
    }

    /// Asks for a close, or feeds the rest of the body.
    pub(super) fn close_or_feed(&mut self) {
        if self.tape.byte().is_multiple_of(2) {
            self.conn.close_after_response();
            // A response that was begun has said already how the connection goes on.
            self.last().close = true;
        } else {
            self.feed_body();
        }
    }

    /// Ends the response in the plainest legal way, if the calls so far did not.
    pub(super) fn finish_plainly(&mut self) {
        if self.last().switched {
            return;
        }
        if self.last().last.is_none() {
            let (_, has_body) = self.may_begin(500, Some(2));
            self.conn
                .respond(&mut self.out, &ResponseHead::new(500), Body::Known(2))
                .expect("500 is always legal");
            self.begin(500, Some(2), has_body);
        }
        let last = self.last().last.as_ref().expect("begun");
        let missing = last
            .length
            .map_or(0, |length| length - last.data.len().min(length as usize) as u64);
        let (ended, has_body) = (last.ended, last.has_body);
        if !ended {
            if has_body && missing > 0 {
                let bytes = vec![b'x'; missing as usize];
                self.conn.data(&mut self.out, &bytes).expect("what is missing");
                self.last().last.as_mut().expect("begun").data.extend(bytes);
            }
            self.conn
                .end(&mut self.out, None)
                .expect("a complete body may end");
            self.last().last.as_mut().expect("begun").ended = true;
        }
        assert!(self.conn.response_ended());
    }
}
