//! Times, sizes and rates as they are spelled on the command line.

use std::time::Duration;

/// The number in front and what its unit stands for, multiplied; nothing for any other text, or when it is too large.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    // A sign is no part of it, though `parse` takes one.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let (_, factor) = units.iter().find(|(unit, _)| *unit == &text[number.len()..])?;
    digits.then(|| number.parse::<u64>().ok()?.checked_mul(*factor))?
}

/// `90`, `90s`, `500ms`, `2m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    match quantity(text, &[("", 1000), ("s", 1000), ("ms", 1), ("m", 60_000)]) {
        Some(ms @ 100..=86_400_000) => Ok(Duration::from_millis(ms)),
        Some(_) => Err("it has to lie between 100ms and 1440m".into()),
        None => Err("a time is a number of seconds, or one with ms, s or m behind it".into()),
    }
}

/// `8000`, `64k`, `10m`, `2g`.
fn size(text: &str) -> Result<u64, String> {
    quantity(text, &[("", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)])
        .ok_or_else(|| "a size is a number of bytes, or one with k, m or g behind it".into())
}

/// The size of a request head.
pub(super) fn head_size(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 1024..=1_048_576 => Ok(bytes as u32),
        _ => Err("it has to lie between 1k and 1m".into()),
    }
}

/// The size of a request body.
pub(super) fn body_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes @ 0..=0xff_ffff_ffff => Ok(bytes),
        _ => Err("it has to be less than 1024g".into()),
    }
}

/// Bytes a second.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 0..=0x4000_0000 => Ok(bytes as u32),
        _ => Err("it has to be at most 1g".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("2"), Ok(Duration::from_secs(2)));
        assert_eq!(time("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for (text, bytes) in [("7", 7), ("64k", 65_536), ("2m", 2 << 20), ("1g", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes));
        }
        for bad in [
            "",
            "s",
            "-1",
            "+1",
            "1h",
            "1.5",
            "0",
            "1 s",
            "99999999999999999999s",
            "18446744073709551615m",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in ["", "k", "-1", "+1", "1K", "1t", "1k1", "18446744073709551615g"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_out_of_its_range_is_refused() {
        assert!(time("99ms").is_err() && time("1441m").is_err());
        assert!(head_size("1023").is_err() && head_size("1025k").is_err() && head_size("1m").is_ok());
        assert!(body_size("1024g").is_err() && body_size("1023g").is_ok() && body_size("0").is_ok());
        assert!(rate("1025m").is_err() && rate("1g").is_ok() && rate("0").is_ok());
    }
}
