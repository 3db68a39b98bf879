//! The time of day in UTC, as the two formats of the access log spell it.

use std::time::{Duration, SystemTime};

/// The last second of the year 9999, behind which `httpdate` has no date.
const LAST: u64 = 253_402_300_799;

/// A time to print; all in UTC, since a log of several machines is read together.
#[derive(Clone, Copy)]
pub(super) struct Civil {
    text: [u8; 29],
    millis: u32,
}

impl Civil {
    pub(super) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs().min(LAST);
        // `Sat, 28 Nov 2026 16:26:32 GMT`: RFC 9110 section 5.6.7 fixes where each part stands.
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let mut text = [b'0'; 29];
        if date.len() == text.len() {
            text.copy_from_slice(date.as_bytes());
        }
        Self {
            text,
            millis: since.subsec_millis(),
        }
    }

    fn part(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(&self.text[from..to]).unwrap_or_default()
    }

    fn parts(&self) -> [&str; 4] {
        [(5, 7), (8, 11), (12, 16), (17, 25)].map(|(from, to)| self.part(from, to))
    }

    /// `28/Nov/2026:16:26:32 +0000`, as Apache and nginx print it.
    pub(super) fn common(&self) -> String {
        let [day, month, year, time] = self.parts();
        format!("{day}/{month}/{year}:{time} +0000")
    }

    /// `2026-11-28T16:26:32.123Z`. RFC 3339.
    pub(super) fn rfc3339(&self) -> String {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let [day, month, year, time] = self.parts();
        let month = MONTHS.find(month).map_or(0, |at| at / 3 + 1);
        format!("{year}-{month:02}-{day}T{time}.{:03}Z", self.millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_spelled_as_the_formats_want_it() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_883_192_007);
        let civil = Civil::of(time);
        assert_eq!(civil.common(), "28/Nov/2026:16:26:32 +0000");
        assert_eq!(civil.rfc3339(), "2026-11-28T16:26:32.007Z");
    }

    #[test]
    fn a_clock_far_from_now_ends_nothing() {
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Civil::of(early).rfc3339(), "1970-01-01T00:00:00.000Z");
        let late = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST + 1);
        assert_eq!(Civil::of(late).rfc3339(), "9999-12-31T23:59:59.000Z");
    }
}
