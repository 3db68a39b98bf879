//! Bodies that come in lumps by chance: each is cut off when it falls behind its least rate, and only then.

use std::time::{Duration, SystemTime};

use http_core::Head;

use super::rig::{Incoming, READABLE, Rig};
use crate::driver::settings::Settings;
use crate::driver::tests::random::Random;
use crate::handler::{Context, Decision};

/// Sends a body in random lumps after random pauses. Returns when the connection gave up, in milliseconds since the head,
/// and how many bytes had arrived by then.
fn trickle(
    rig: &mut Rig,
    random: &mut Random,
    mut lump: impl FnMut(&mut Random, u64) -> usize,
) -> Option<(u64, u64)> {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    rig.wire().incoming.push_back(Incoming::Bytes(post.into()));
    rig.turn(READABLE);
    let (mut elapsed, mut arrived) = (0, 0);
    for _ in 0..2000 {
        let pause = 1 + random.below(19_000) as u64;
        rig.kit
            .begin(rig.kit.lent.now + Duration::from_millis(pause), || {
                SystemTime::UNIX_EPOCH
            });
        elapsed += pause;
        if rig.connection.deadline(&rig.kit) <= rig.kit.lent.now {
            rig.connection.expire(0, &mut rig.inlet, &mut rig.kit);
            return Some((elapsed, arrived));
        }
        let size = lump(random, pause);
        arrived += size as u64;
        if size > 0 {
            rig.wire().incoming.push_back(Incoming::Bytes(vec![b'x'; size]));
            rig.turn(READABLE);
        }
    }
    None
}

#[test]
fn bodies_are_cut_off_when_they_fall_behind_their_rate_and_only_then() {
    for seed in 0..200 {
        let mut random = Random::new(seed + 1);
        let rate = 1 + random.below(2000);
        let settings = Settings {
            min_body_rate: rate as u32,
            worker_memory: usize::MAX,
            ..Settings::default()
        };
        let limits = http_core::Limits {
            body: u64::MAX,
            ..Default::default()
        };
        let rig = || {
            let handler = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(u64::MAX, |_, _| "all".into());
            Rig::with(
                handler,
                Settings {
                    limits,
                    ..settings.clone()
                },
            )
        };
        // What is worth each pause is enough.
        let enough = |_: &mut Random, pause: u64| (rate as u64 * pause).div_ceil(1000) as usize;
        assert_eq!(trickle(&mut rig(), &mut random, enough), None, "seed {seed}");
        // Half of that on the average is not, and nobody is held for longer than the bytes are worth.
        let half = |random: &mut Random, pause: u64| random.below(rate * pause as usize / 1000 + 1);
        let (elapsed, arrived) = trickle(&mut rig(), &mut random, half).expect("an end");
        let worth = arrived * 1000 / rate as u64 + 20_000;
        assert!(
            elapsed <= worth + 19_000,
            "seed {seed}: {elapsed} ms, {worth} are paid for"
        );
    }
}
