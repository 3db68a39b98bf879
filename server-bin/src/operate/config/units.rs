//! Times, sizes and rates as they are spelled on the command line.

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

const TIMES: &[(&[&str], u64)] = &[
    (&["", "s", "sec", "second", "seconds"], 1000),
    (&["ms"], 1),
    (&["m", "min", "minute", "minutes"], 60_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
];

const SIZES: &[(&[&str], u64)] = &[
    (&["", "b"], 1),
    (&["k", "kb", "kib"], 1 << 10),
    (&["m", "mb", "mib"], 1 << 20),
    (&["g", "gb", "gib"], 1 << 30),
];

fn time_from(text: &str, least: u64, range: &str) -> Result<Duration, String> {
    match quantity(text, TIMES) {
        Some(ms) if (least..=86_400_000).contains(&ms) => Ok(Duration::from_millis(ms)),
        Some(_) => Err(format!("it has to lie between {range}")),
        None => Err("a time is a number of seconds, or one with ms, s, m or h behind it, as 1.5s".into()),
    }
}

/// `90`, `1.5s`, `500ms`, `2min`, `1h`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    time_from(text, 100, "100ms and 24h")
}

/// The same, or none at all.
pub(super) fn time_or_none(text: &str) -> Result<Duration, String> {
    time_from(text, 0, "0 and 24h")
}

/// `8000`, `64k`, `10M`, `2GiB`; a k is 1024 bytes, however it is spelled.
fn size(text: &str) -> Result<u64, String> {
    quantity(text, SIZES)
        .ok_or_else(|| "a size is a number of bytes, or one with K, M or G behind it (K is 1024)".into())
}

/// The size of a request head.
pub(super) fn head_size(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 1024..=1_048_576 => Ok(bytes as u32),
        _ => Err("it has to lie between 1K and 1M".into()),
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
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
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
            "1,5s",
            "0x1",
            "99999999999999999999s",
            "18446744073709551615m",
            "1.0000000001s",
            "١s",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in ["", "k", "-1", "+1", "1t", "1k1", "18446744073709551615g", "1s"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_out_of_its_range_is_refused() {
        assert!(time("0").is_err() && time("99ms").is_err() && time("25h").is_err());
        assert!(time_or_none("0").is_ok() && time_or_none("25h").is_err());
        assert!(head_size("1023").is_err() && head_size("1025k").is_err() && head_size("1m").is_ok());
        assert!(body_size("1024g").is_err() && body_size("1023g").is_ok() && body_size("0").is_ok());
        assert!(rate("1025m").is_err() && rate("1g").is_ok() && rate("0").is_ok());
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!((permissions("660"), permissions("0600")), (Ok(0o660), Ok(0o600)));
        for bad in ["", "66", "1777", "888", "+66", "rw-"] {
            assert!(permissions(bad).is_err(), "{bad}");
        }
    }
}
