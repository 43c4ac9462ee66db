//! Searches that were stored without settings: they propose what they always did, to the last bit. The digests were
//! made by the version that had no settings.

use gauntlet_search::{Ask, Choice, Direction, Observation, Outcome, Parameters, SamplerKind, Search, Space};
use serde_json::json;

fn spaces() -> [Space; 3] {
    [
        json!({
            "fast": { "int": [5, 60] },
            "slow": { "int": [20, 400], "when": "slow > fast" },
            "stop_atr": { "float": [1.0, 8.0], "log": true },
            "kind": { "categorical": ["a", "b"] },
        }),
        json!({
            "x": { "float": [-5, 10] },
            "n": { "int": [1, 500], "log": true },
            "w": { "float": [0.0, 1.0], "step": 0.05 },
            "fixed": 7,
        }),
        json!({ "only": { "int": [5, 60] } }),
    ]
    .map(|document| Space::from_json(&document).unwrap())
}

/// Every kind of outcome.
fn outcome(trial: u64, params: &Parameters) -> Outcome {
    let numbers = params.values().filter_map(|value| value.as_number());
    let value: f64 = numbers.map(|x| (x / 10.0 - 1.0).powi(2)).sum();
    match trial % 9 {
        4 => Outcome::Failed,
        6 => Outcome::Pruned(Some(value)),
        7 => Outcome::Pruned(None),
        _ => Outcome::Completed(value),
    }
}

/// FNV-1a over the proposals of 150 trials with a lag of 5, in both directions.
fn digest(hash: u64, sampler: &str, space: &Space) -> u64 {
    let sampler: Choice<SamplerKind> = sampler.parse().unwrap();
    let mut hash = hash;
    for direction in [Direction::Minimize, Direction::Maximize] {
        let mut search = Search::new(space.clone(), &sampler, direction, 11, 5).unwrap();
        let mut asked = Vec::new();
        while asked.len() < 150 {
            match search.ask() {
                Ask::Trial(params) => {
                    let text = serde_json::to_string(&params).unwrap();
                    hash = text.bytes().fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
                    asked.push(params);
                }
                Ask::Wait => {
                    let trial = search.observations().len() as u64;
                    let params: Parameters = asked[trial as usize].clone();
                    let outcome = outcome(trial, &params);
                    search.observe(Observation { trial, params, outcome });
                }
                Ask::Exhausted => break,
            }
        }
    }
    hash
}

#[test]
fn a_stored_search_proposes_what_it_always_did() {
    let expected: [(&str, [u64; 3]); 4] = [
        ("tpe", [0x5fab_0e2a_5b4b_c444, 0xa54e_ef70_84a0_0586, 0x1a98_0bc5_ab2e_c21b]),
        ("random", [0x025c_e5b4_b117_2f0b, 0x58aa_c7e3_94ae_2837, 0xa1c7_3872_1800_0a2f]),
        ("sobol", [0xbd52_d3ac_ffba_42a1, 0x07eb_a925_0e1e_6871, 0x7885_e625_71db_25bb]),
        ("grid", [0x2a0d_c3fc_878e_a279, 0x240a_bda5_9e9c_164b, 0x382d_cb94_b811_342b]),
    ];
    for (name, expected) in expected {
        let mut hash = 0xcbf2_9ce4_8422_2325;
        for (space, expected) in spaces().iter().zip(expected) {
            hash = digest(hash, name, space);
            assert_eq!(hash, expected, "{name}: {hash:016x}");
        }
    }
}
