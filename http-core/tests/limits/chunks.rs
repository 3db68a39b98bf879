//! The limits of what stands around the data of chunks.

use crate::support::{Stop, drive, every_cut};
use crate::{post, post_head, refused, taken};
use http_core::{Limits, Rule};

#[test]
fn sixteen_digits_are_a_chunk_size_and_seventeen_are_not() {
    let unlimited = Limits {
        body: u64::MAX,
        ..Limits::default()
    };
    let waits = every_cut(unlimited, &post("1234567890abcdef\r\na"));
    assert_eq!(waits.stop, Stop::NeedMore);
    for digits in ["1234567890abcdef0", "0001234567890abcdef0"] {
        let by = post_head() + digits.len();
        refused(unlimited, &post(digits), Rule::ChunkSizeOverflow, by);
    }
}

#[test]
fn leading_zeros_of_a_chunk_size_are_taken_as_long_as_its_line_is_worth_a_byte_of_data() {
    let zeros = |n: usize| "0".repeat(n);
    let many = format!("{}1\r\na\r\n{}\r\n\r\n", zeros(1000), zeros(1000));
    taken(Limits::default(), &post(&many));
    let limits = Limits {
        chunk_overhead: 40,
        ..Limits::default()
    };
    // With n zeros and a digit the line owes n + 1 + 2 + 2 and earns 18.
    let first = |n: usize| post(&format!("{}1\r\na\r\n0\r\n\r\n", zeros(n)));
    taken(limits, &first(53));
    refused(
        limits,
        &first(54),
        Rule::ChunkOverhead,
        first(54).len() - "\na\r\n0\r\n\r\n".len() + 1,
    );
    let last = |n: usize| post(&format!("{}\r\n\r\n", zeros(n)));
    taken(limits, &last(56));
    refused(limits, &last(57), Rule::ChunkOverhead, post_head() + 57);
    refused(limits, &post(&zeros(4000)), Rule::ChunkOverhead, post_head() + 57);
    let none = Limits {
        chunk_overhead: 0,
        ..Limits::default()
    };
    taken(none, &post("01\r\na\r\n00\r\n\r\n"));
}

#[test]
fn chunk_extensions_at_their_limit_are_taken_and_one_byte_more_is_refused() {
    let limits = Limits {
        chunk_extensions: 40,
        ..Limits::default()
    };
    // They are counted over the whole body: 20 bytes on the first chunk, the rest on the second.
    let body = |second: usize| {
        post(&format!(
            "1;{}\r\na\r\n1;{}\r\nb\r\n0\r\n\r\n",
            "x".repeat(19),
            "y".repeat(second - 1)
        ))
    };
    taken(limits, &body(20));
    let by = post_head() + "1;\r\na\r\n1;".len() + 19 + 20;
    refused(limits, &body(21), Rule::ChunkExtensionsTooLong, by);
    let endless = post(&format!("1;{}", "x".repeat(4000)));
    refused(
        limits,
        &endless,
        Rule::ChunkExtensionsTooLong,
        post_head() + 1 + 41,
    );
}

#[test]
fn the_largest_limit_of_chunk_extensions_is_a_limit_too() {
    let limits = Limits {
        chunk_extensions: u16::MAX,
        ..Limits::default()
    };
    let line = post(&format!("1;{}", "x".repeat(usize::from(u16::MAX))));
    let at_limit = line.len() - 1;
    let stop = drive(limits, &line[..at_limit], [at_limit]).outcome.stop;
    assert_eq!(stop, Stop::NeedMore);
    let stop = drive(limits, &line, [line.len()]).outcome.stop;
    let rule = Rule::ChunkExtensionsTooLong;
    assert_eq!(
        stop,
        Stop::Rejected {
            rule: format!("{rule:?}"),
            status: rule.status(),
        }
    );
}

#[test]
fn one_byte_chunks_pass_until_their_overhead_is_out_of_proportion() {
    let limits = Limits {
        chunk_overhead: 100,
        ..Limits::default()
    };
    // A plain one-byte chunk earns its framing: it is what an honest sender may send.
    taken(limits, &post(&format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(1000))));
    // One with an extension of no use does not; at some point it is refused, and long before the body limit.
    let wasteful = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n";
    taken(limits, &post(&format!("{wasteful}0\r\n\r\n")));
    let many = post(&format!("{}0\r\n\r\n", wasteful.repeat(200)));
    let stop = every_cut(limits, &many).stop;
    assert_eq!(
        stop,
        Stop::Rejected {
            rule: "ChunkOverhead".into(),
            status: 400,
        }
    );
    let mut earlier = limits;
    earlier.chunk_overhead = 50;
    let at = |limits| drive(limits, &many, 1..=many.len()).decided_at;
    assert!(at(earlier) < at(limits), "a smaller limit decides earlier");
}
