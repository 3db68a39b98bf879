//! The requests of a load: always the same one, or one of many that are popular by Zipf's law.

use super::Expected;

/// A request's bytes, and what has to come back.
#[derive(Clone)]
pub struct Request {
    /// As they go over the wire.
    pub bytes: Vec<u8>,
    /// What a right answer looks like.
    pub expected: Expected,
}

impl Request {
    /// Makes a GET with the three fields of a plain client.
    pub fn get(path: &str, length: u64) -> Self {
        Self::with_fields(
            path,
            "",
            Expected {
                status: 200,
                length: Some(length),
            },
        )
    }

    /// Makes a GET with more fields, each ended by CRLF.
    pub fn with_fields(path: &str, fields: &str, expected: Expected) -> Self {
        let bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n{fields}\r\n"
        );
        Self {
            bytes: bytes.into_bytes(),
            expected,
        }
    }
}

/// A source of requests.
pub enum Requests {
    /// Always this one.
    Same(Request),
    /// The first of them most often: the one of rank `r` as often as `1 / r`.
    Zipf {
        /// By rank.
        all: Vec<Request>,
        /// The sums of the weights up to each rank.
        sums: Vec<f64>,
        /// Where the generator of random numbers stands.
        seed: u64,
    },
}

impl Requests {
    /// Makes a source that takes the first of `all` most often.
    pub fn zipf(all: Vec<Request>) -> Self {
        let sums = (1..=all.len()).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        Self::Zipf {
            sums: sums.collect(),
            all,
            seed: 1,
        }
    }

    /// Returns the next request.
    pub fn pick(&mut self) -> &Request {
        match self {
            Self::Same(request) => request,
            Self::Zipf { all, sums, seed } => {
                let last = sums.last().copied().unwrap_or_default();
                let at = random(seed) * last;
                &all[sums.partition_point(|sum| *sum < at).min(all.len() - 1)]
            }
        }
    }
}

/// A number from 0 to 1: xorshift64*, whose upper 53 bits are the good ones.
fn random(seed: &mut u64) -> f64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    (seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_zipfs_law_the_first_of_ten_comes_ten_times_as_often_as_the_last() {
        let all = (0..10).map(|n| Request::get(&format!("/{n}"), n)).collect();
        let mut requests = Requests::zipf(all);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[requests.pick().expected.length.expect("each has one") as usize] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[9]);
        assert!((9.0..11.0).contains(&ratio), "{counts:?}");
        assert!(counts.is_sorted_by(|a, b| a > b), "{counts:?}");
    }
}
