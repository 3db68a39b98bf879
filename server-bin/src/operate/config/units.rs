//! Times, sizes and rates as they are spelled on the command line.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Splits `1.5 MiB` into its number in billionths and its unit in small letters.
fn split(text: &str) -> Option<(u128, String)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || part.len() > 9 || part.contains('.') {
        return None;
    }
    let billionths: u128 = format!("{part:0<9}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    Some((
        u128::from(whole) * 1_000_000_000 + billionths,
        unit.trim_start().to_ascii_lowercase(),
    ))
}

/// The number times what its unit stands for, without what is behind the point; nothing for any other text, or when it
/// is too large.
fn quantity(text: &str, units: &[(&[&str], u64)]) -> Option<u64> {
    let (billionths, unit) = split(text)?;
    let (_, factor) = units.iter().find(|(names, _)| names.contains(&&unit[..]))?;
    u64::try_from(billionths.checked_mul(u128::from(*factor))? / 1_000_000_000).ok()
}

/// The time of `1h30m` or `1m 30s`, in microseconds; each part of a sum has its unit.
fn sum_of_times(text: &str) -> Option<u64> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut rest, mut total, mut is_first) = (text, 0_u64, true);
    loop {
        let unit = rest
            .find(|c: char| !is_digit(c) && c != '.')
            .unwrap_or(rest.len());
        let end = rest[unit..].find(is_digit).map_or(rest.len(), |at| unit + at);
        let (part, behind) = rest.split_at(end);
        let part = part.trim_end();
        let is_alone = is_first && behind.is_empty();
        if !is_alone && part.ends_with(is_digit) {
            return None;
        }
        total = total.checked_add(quantity(part, TIMES)?)?;
        (rest, is_first) = (behind, false);
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// In microseconds.
const TIMES: &[(&[&str], u64)] = &[
    (&["", "s", "sec", "secs", "second", "seconds"], 1_000_000),
    (&["us", "µs"], 1),
    (&["ms"], 1000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], DAY),
];
const DAY: u64 = 86_400_000_000;

const SIZES: &[(&[&str], u64)] = &[
    (&["", "b"], 1),
    (&["k", "kb", "kib"], 1 << 10),
    (&["m", "mb", "mib"], 1 << 20),
    (&["g", "gb", "gib"], 1 << 30),
    (&["t", "tb", "tib"], 1 << 40),
];

fn time_within(text: &str, range: RangeInclusive<u64>, spelled: &str) -> Result<Duration, String> {
    match sum_of_times(text) {
        Some(micros) if range.contains(&micros) => Ok(Duration::from_micros(micros)),
        Some(_) => Err(format!("it has to lie between {spelled}")),
        None => Err(
            "a time is a number of seconds, or one with us, ms, s, min, h or d behind it, as 1.5s or 1m30s"
                .into(),
        ),
    }
}

/// `90`, `1.5s`, `500ms`, `2min`, `1h`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    time_within(text, 100_000..=DAY, "100ms and 24h")
}

/// The same, or none at all.
pub(super) fn time_or_none(text: &str) -> Result<Duration, String> {
    time_within(text, 0..=DAY, "0 and 24h")
}

/// For how long connections are held back on which nothing was sent, or not at all.
pub(super) fn deferral(text: &str) -> Result<Duration, String> {
    match time_or_none(text)?.as_secs_f64() {
        0.0 | 1.0..=15.0 => time_or_none(text),
        _ => Err("it has to be 0, or lie between 1s and 15s".into()),
    }
}

/// The time of a turn: `100us`, `1ms`. A number without a unit was of microseconds once, and is of seconds elsewhere.
pub(super) fn turn_time(text: &str) -> Result<Duration, String> {
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        return Err("a turn's time needs its unit behind it: us, ms or s, as 100us".into());
    }
    time_within(text, 1..=1_000_000, "1us and 1s")
}

/// `8000`, `64k`, `10M`, `2GiB`; a k is 1024 bytes, however it is spelled.
fn size(text: &str) -> Result<u64, String> {
    quantity(text, SIZES)
        .ok_or_else(|| "a size is a number of bytes, or one with K, M, G or T behind it (K is 1024)".into())
}

/// A size as it can be given.
pub(super) fn spelled_size(bytes: u64) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    let unit = units
        .into_iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || bytes.to_string(),
        |(unit, name)| format!("{}{name}", bytes / unit),
    )
}

fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|number| digits && range.contains(number));
    number.ok_or_else(|| format!("it has to be a number from {} to {}", range.start(), range.end()))
}

/// How many threads serve.
pub(super) fn workers(text: &str) -> Result<u16, String> {
    number(text, 1..=1024).map(|number| number as u16)
}

/// A port, or 0 for any that is free.
pub(super) fn port(text: &str) -> Result<u16, String> {
    number(text, 0..=65_535).map(|number| number as u16)
}

/// How many connections there may be.
pub(super) fn connections(text: &str) -> Result<u32, String> {
    number(text, 1..=10_000_000)
}

/// How many requests a connection may make.
pub(super) fn requests(text: &str) -> Result<u32, String> {
    number(text, 1..=u32::MAX - 1)
}

/// How many requests a turn may answer.
pub(super) fn turn_requests(text: &str) -> Result<u32, String> {
    number(text, 1..=1_000_000)
}

/// How many field lines a head may have.
pub(super) fn fields(text: &str) -> Result<u16, String> {
    number(text, 1..=http_core::limits::FIELDS.into()).map(|number| number as u16)
}

/// The size of a request head.
pub(super) fn head_size(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 1024..=1_048_576 => Ok(bytes as u32),
        _ => Err("it has to lie between 1K and 1M".into()),
    }
}

/// The size of a trailer section.
pub(super) fn trailers_size(text: &str) -> Result<u16, String> {
    match size(text)? {
        bytes @ 1..=65_535 => Ok(bytes as u16),
        // As far as people round.
        65_536 => Ok(u16::MAX),
        _ => Err("it has to lie between 1 and 64K".into()),
    }
}

/// The memory of all connections.
pub(super) fn memory_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes >= 1 << 20 => Ok(bytes),
        _ => Err("it has to be 1M or more".into()),
    }
}

/// The size of a buffer of the kernel's, or 0 for its own choice.
pub(super) fn buffer_size(text: &str) -> Result<usize, String> {
    match size(text)? {
        bytes @ (0 | 4096..=1_073_741_824) => Ok(bytes as usize),
        _ => Err("it has to be 0, or lie between 4K and 1G".into()),
    }
}

/// The answers of a turn.
pub(super) fn turn_bytes(text: &str) -> Result<usize, String> {
    match size(text)? {
        bytes @ 4096..=1_073_741_824 => Ok(bytes as usize),
        _ => Err("it has to lie between 4K and 1G".into()),
    }
}

/// The size of a request body.
pub(super) fn body_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes @ 0..=0xff_ffff_ffff => Ok(bytes),
        _ => Err("it has to be less than 1024G".into()),
    }
}

/// Bytes a second.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 0..=0x4000_0000 => Ok(bytes as u32),
        _ => Err("it has to be at most 1G".into()),
    }
}

/// Permissions as chmod(1) takes them: `660`, `0660`.
pub(super) fn permissions(text: &str) -> Result<u32, String> {
    let digits = text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) if digits => Ok(mode),
        _ => Err("permissions are three octal digits, as 660".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_taken_as_people_spell_them() {
        for (text, ms) in [
            ("2", 2000),
            ("2s", 2000),
            ("2 s", 2000),
            ("2sec", 2000),
            ("1.5s", 1500),
            ("1.5", 1500),
            ("500ms", 500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("0.5H", 1_800_000),
            ("1d", 86_400_000),
            ("1hr", 3_600_000),
            ("1m30s", 90_000),
            ("1h30m", 5_400_000),
            ("1h 30min 2.5s", 5_402_500),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for (text, micros) in [
            ("100us", 100),
            ("100 µs", 100),
            ("1.5ms", 1500),
            ("0.25s", 250_000),
        ] {
            assert_eq!(turn_time(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for (text, bytes) in [
            ("7", 7),
            ("7B", 7),
            ("64k", 65_536),
            ("32K", 32_768),
            ("1KiB", 1024),
            ("2m", 2 << 20),
            ("1MiB", 1 << 20),
            ("1.5MB", 3 << 19),
            ("1g", 1 << 30),
            ("1 GiB", 1 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_or_size_is_refused() {
        for bad in [
            "",
            "s",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.2.3",
            "1e3",
            "1x",
            "1s1",
            "1 2s",
            "1s.5",
            "1m30s x",
            "1,5s",
            "0x1",
            "99999999999999999999s",
            "18446744073709551615m",
            "1.0000000001s",
            "١s",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in ["", "k", "-1", "+1", "1p", "1k1", "18446744073709551615g", "1s"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_out_of_its_range_is_refused() {
        assert!(time("0").is_err() && time("99ms").is_err() && time("25h").is_err());
        assert!(turn_time("0us").is_err() && turn_time("2s").is_err() && turn_time("1s").is_ok());
        assert!(
            turn_time("1").is_err() && turn_time("0.1").is_err(),
            "without a unit"
        );
        assert!(time_or_none("0").is_ok() && time_or_none("25h").is_err());
        assert!(
            turn_requests("0").is_err() && turn_requests("1").is_ok() && turn_requests("1000001").is_err()
        );
        assert!(turn_bytes("4095").is_err() && turn_bytes("4k").is_ok() && turn_bytes("1025m").is_err());
        assert!(head_size("1023").is_err() && head_size("1025k").is_err() && head_size("1m").is_ok());
        assert_eq!(
            (trailers_size("64k"), trailers_size("63k")),
            (Ok(65_535), Ok(64_512))
        );
        assert!(trailers_size("0").is_err() && trailers_size("65537").is_err());
        assert!(body_size("1024g").is_err() && body_size("1023g").is_ok() && body_size("0").is_ok());
        assert!(rate("1025m").is_err() && rate("1g").is_ok() && rate("0").is_ok());
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        assert_eq!(
            (workers("1"), workers("1024"), port("0")),
            (Ok(1), Ok(1024), Ok(0))
        );
        for bad in ["", "0", "1025", "x", "+1", "1.5", "99999999999999999999"] {
            assert_eq!(
                workers(bad),
                Err("it has to be a number from 1 to 1024".into()),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_size_is_spelled_as_it_can_be_given() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1025, "1025"),
            (2048, "2K"),
            (256 << 20, "256M"),
            (1 << 31, "2G"),
        ] {
            assert_eq!(spelled_size(bytes), text);
            assert_eq!(size(text), Ok(bytes));
        }
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!((permissions("660"), permissions("0600")), (Ok(0o660), Ok(0o600)));
        for bad in ["", "66", "1777", "888", "+66", "rw-"] {
            assert!(permissions(bad).is_err(), "{bad}");
        }
    }
}
