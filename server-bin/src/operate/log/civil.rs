//! The time of day in UTC, as the two formats of the access log spell it.

use std::time::SystemTime;

use crate::date::Date;

/// A time to print; all in UTC, since a log of several machines is read together.
#[derive(Clone, Copy)]
pub(super) struct Civil {
    date: Date,
    millis: u32,
}

impl Civil {
    pub(super) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            date: Date::of(since.as_secs()),
            millis: since.subsec_millis(),
        }
    }

    /// `28/Nov/2026:16:26:32 +0000`, as Apache and nginx print it.
    pub(super) fn common(&self) -> String {
        let Self { date, .. } = self;
        format!(
            "{}/{}/{}:{} +0000",
            date.day(),
            date.month(),
            date.year(),
            date.time()
        )
    }

    /// `2026-11-28T16:26:32.123Z`. RFC 3339.
    pub(super) fn rfc3339(&self) -> String {
        let Self { date, millis } = self;
        let (year, month, day) = (date.year(), date.month_number(), date.day());
        format!("{year}-{month:02}-{day}T{}.{millis:03}Z", date.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::LAST;
    use std::time::Duration;

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
