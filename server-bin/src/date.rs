//! Dates as HTTP spells them, and their parts. No clock ends a thread: `httpdate` panics beyond the year 9999, and is asked
//! for nothing behind it.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// The last second of the year 9999: there is no date behind it (RFC 9110 section 5.6.7).
pub(crate) const LAST: u64 = 253_402_300_799;

/// A second, spelled as an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date([u8; 29]);

impl Date {
    /// The date of so many seconds since the epoch; of the last one that there is for later ones.
    pub(crate) fn of(seconds: u64) -> Self {
        let mut text = [b' '; 29];
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
        // It has 29 bytes, always.
        let _ = write!(&mut text[..], "{}", httpdate::HttpDate::from(time));
        Self(text)
    }

    pub(crate) fn bytes(&self) -> &[u8; 29] {
        &self.0
    }

    pub(crate) fn day(&self) -> &str {
        self.part(5, 7)
    }

    /// The month's name, of three letters.
    pub(crate) fn month(&self) -> &str {
        self.part(8, 11)
    }

    /// The month's number, from 1.
    pub(crate) fn month_number(&self) -> usize {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        MONTHS.find(self.month()).map_or(0, |at| at / 3 + 1)
    }

    pub(crate) fn year(&self) -> &str {
        self.part(12, 16)
    }

    /// Hours, minutes and seconds, as `08:49:37`.
    pub(crate) fn time(&self) -> &str {
        self.part(17, 25)
    }

    // RFC 9110 section 5.6.7 fixes where each part stands.
    fn part(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(&self.0[from..to]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_its_parts_are_those_of_the_rfc() {
        let date = Date::of(784_111_777);
        assert_eq!(date.bytes(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!((date.day(), date.month(), date.year()), ("06", "Nov", "1994"));
        assert_eq!((date.month_number(), date.time()), (11, "08:49:37"));
        assert_eq!(Date::of(0).bytes(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        let months = (0..12).map(|month| Date::of(month * 30 * 86_400 + 15 * 86_400).month_number());
        assert!(months.eq(1..=12));
    }

    #[test]
    fn a_clock_that_is_wrong_by_ages_costs_the_date_and_not_the_thread() {
        for late in [LAST, LAST + 1, 2 * LAST, u64::MAX] {
            assert_eq!(Date::of(late).bytes(), b"Fri, 31 Dec 9999 23:59:59 GMT");
        }
    }
}
