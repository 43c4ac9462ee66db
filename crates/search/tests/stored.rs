//! A stored search proposes what it always did, to the last bit. The digests of searches without settings were made by the
//! version that had none; those of today's default sampler by the version that computed the density of every candidate.

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

/// FNV-1a over the proposals of so many trials with a lag of 5, in both directions.
fn digest(hash: u64, sampler: &str, space: &Space, trials: usize) -> u64 {
    let sampler: Choice<SamplerKind> = sampler.parse().unwrap();
    let mut hash = hash;
    for direction in [Direction::Minimize, Direction::Maximize] {
        let mut search = Search::new(space.clone(), &sampler, direction, 11, 5).unwrap();
        let mut asked = Vec::new();
        while asked.len() < trials {
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
            hash = digest(hash, name, space, 150);
            assert_eq!(hash, expected, "{name}: {hash:016x}");
        }
    }
}

/// Integers, stepped floats and categories; with conditions, logarithms, few points and very many.
fn discrete_spaces() -> [Space; 5] {
    [
        json!({
            "fast": { "int": [5, 60] },
            "slow": { "int": [20, 400], "when": "slow > 2 * fast" },
            "width": { "float": [0.1, 4.0], "step": 0.05, "when": "width < 2 or kind == 'a'" },
            "kind": { "categorical": ["a", "b", "c"] },
            "fixed": 7,
        }),
        json!({
            "a": { "int": [1, 600], "log": true },
            "b": { "int": [10, 1000], "log": true },
            "c": { "int": [2, 50_000], "log": true },
        }),
        json!({ "a": { "int": [0, 9] }, "b": { "int": [0, 9] }, "c": { "int": [0, 99], "step": 10 } }),
        json!({ "a": { "int": [-1_000_000, 1_000_000] }, "b": { "int": [0, 1_000_000_000], "step": 1_000 } }),
        json!({
            "a": { "categorical": ["p", "q", "r", "s", "t", "u"] },
            "b": { "categorical": [1, 2.5, -3, 10, 20, 40] },
            "c": { "categorical": ["p", "q", "r", "s", "t", "u", "v", "w"] },
            "d": { "categorical": [true, false] },
        }),
    ]
    .map(|document| Space::from_json(&document).unwrap())
}

/// Of one estimate for all parameters more trials than it has kernels.
#[test]
fn todays_sampler_proposes_what_it_always_did() {
    let expected: [(&str, usize, [u64; 8]); 2] = [
        (
            "tpe()",
            400,
            [
                0x16d3_90a2_bce6_00f1,
                0x3119_ea06_e49a_d2c4,
                0xf769_9b68_bbfe_b2b8,
                0xe1a3_b8a3_c7cd_1ddb,
                0x9504_1760_0f5f_34a8,
                0xab96_6dd4_4007_0946,
                0xb91f_e674_1afd_aa5c,
                0xa8de_5e73_b4c8_af72,
            ],
        ),
        (
            "tpe(multivariate=false)",
            150,
            [
                0x762b_9ef7_5af4_a3ad,
                0x8e3d_e3e0_b70a_90c1,
                0xf250_caba_8275_8ebd,
                0xb534_b519_c256_23b2,
                0x68c2_49da_79c6_4166,
                0x20c0_aaa4_0457_d3b5,
                0x0db2_87c9_0a16_4db0,
                0x9d41_b18e_65c5_c663,
            ],
        ),
    ];
    for (name, trials, expected) in expected {
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut found = Vec::new();
        for space in spaces().iter().chain(&discrete_spaces()) {
            hash = digest(hash, name, space, trials);
            found.push(hash);
        }
        assert_eq!(found, expected, "{name}: {found:016x?}");
    }
}
