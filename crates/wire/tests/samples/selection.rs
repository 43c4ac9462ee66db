//! Samples of robustness, risk, selection and access.

use gauntlet_domain::access::*;
use gauntlet_domain::robustness::*;
use gauntlet_domain::selection::*;

use super::*;

fn experiment_id() -> ExperimentId {
    ExperimentId::derive(&[b"experiment"])
}

fn model_id() -> ModelId {
    ModelId::derive(&[b"model"])
}

fn reasons() -> Reasons {
    Reasons::from([("win_rate".into(), "there is nothing to test".into())])
}

fn policy() -> PolicyRef {
    PolicyRef { name: "default".into(), hash: ContentHash::of(b"gates") }
}

fn candidate() -> Candidate {
    Candidate {
        mandate: "XAUUSD".into(),
        experiment_id: experiment_id(),
        place: 2,
        model_id: model_id(),
        trial: 4,
        rank: 1,
        attempt: 1,
        version_hash: ContentHash::of(b"version"),
        verdicts_hash: ContentHash::of(b"verdicts"),
        waivers_hash: ContentHash::of(b"waivers"),
        policy: policy(),
        verdicts: vec![verdict(model_id())],
        figures: metrics(),
        undefined: reasons(),
        series: Some(ContentHash::of(b"returns")),
        submitted_by: "ann".into(),
    }
}

fn waive() -> Waive {
    Waive {
        mandate: "XAUUSD".into(),
        model_id: model_id(),
        version_hash: ContentHash::of(b"version"),
        gate: "pbo".into(),
        author: "ben".into(),
        reason: "seen and accepted".into(),
        expires: Timestamp(9),
    }
}

#[allow(clippy::too_many_lines, reason = "an arm for each record")]
pub(super) fn sample(kind: RecordKind) -> Event {
    let (experiment_id, model_id) = (experiment_id(), model_id());
    let command = EventId::derive(&[b"command"]);
    match kind {
        RecordKind::TrialFamilyRequested => TrialFamilyRequested {
            experiment_id,
            plan: plan(),
            trials: vec![FamilyTrial { trial: 4, parameters: parameters() }],
            addressee: "evaluator".into(),
        }
        .into(),
        RecordKind::TrialFamilyMeasured => TrialFamilyMeasured {
            experiment_id,
            figures: metrics(),
            undefined: reasons(),
            representatives: vec![1, 4],
            series: Some(ContentHash::of(b"series")),
        }
        .into(),
        RecordKind::SensitivityRequested => SensitivityRequested {
            experiment_id,
            model_id,
            trial: 4,
            parameters: parameters(),
            plan: plan(),
            terms: SensitivityTerms {
                methods: vec!["sobol".into()],
                samples: 512,
                neighbours: 64,
                fits: 96,
                paths: 1_000,
                stresses: vec!["costs_x2".into()],
                space: "{}".into(),
            },
        }
        .into(),
        RecordKind::SensitivityReported => SensitivityReported {
            experiment_id,
            model_id,
            trial: 4,
            value: Some(0.5),
            figures: metrics(),
            undefined: reasons(),
            axes: vec![AxisSensitivity { name: "fast".into(), figures: metrics(), undefined: reasons() }],
            stresses: vec![Stress { name: "costs_x2".into(), figures: metrics(), without_effect: false }],
            evaluations: 4_400,
            points: Some(ContentHash::of(b"points")),
            remarks: vec!["the box was halved once".into()],
        }
        .into(),
        RecordKind::RiskRequested => RiskRequested {
            experiment_id,
            model_id,
            trial: 4,
            parameters: parameters(),
            plan: plan(),
            holdout: data_ref(),
        }
        .into(),
        RecordKind::RiskMeasured => RiskMeasured {
            experiment_id,
            model_id,
            trial: 4,
            figures: metrics(),
            undefined: reasons(),
            series: Some(ContentHash::of(b"returns")),
        }
        .into(),
        RecordKind::RiskVerdictIssued => RiskVerdictIssued {
            mandate: "XAUUSD".into(),
            experiment_id,
            place: 2,
            ended: "completed".into(),
            submitted_by: "ann".into(),
            config_hash: ContentHash::of(b"document"),
            policy: policy(),
            ledger_gates: "[]".into(),
            data: Some(data_ref()),
            holdout: Some(data_ref()),
            candidates: vec![CandidateRisk {
                model_id,
                trial: 4,
                rank: 1,
                artifact: Some(ContentHash::of(b"artifact")),
                verdicts: vec![verdict(model_id)],
                figures: metrics(),
                undefined: reasons(),
                series: Some(ContentHash::of(b"returns")),
                logic: Some("7".into()),
            }],
        }
        .into(),
        RecordKind::CandidateSelected => {
            CandidateSelected { candidate: candidate(), replaces: Some(model_id) }.into()
        }
        RecordKind::CandidateRejected => {
            CandidateRejected { candidate: candidate(), failed: vec!["pbo".into()] }.into()
        }
        RecordKind::ExperimentJudged => ExperimentJudged {
            mandate: "XAUUSD".into(),
            experiment_id,
            place: 2,
            judgement: "selected".into(),
            selected: Some(model_id),
            policy: policy(),
        }
        .into(),
        RecordKind::ChallengeRequested => ChallengeRequested {
            mandate: "XAUUSD".into(),
            experiment_id,
            challenger: Contender { model_id, series: Some(ContentHash::of(b"returns")) },
            champion: Contender { model_id: ModelId::derive(&[b"champion"]), series: None },
            seed: 7,
            horizon_years: 1.0,
            switching_cost: 0.001,
        }
        .into(),
        RecordKind::ChallengeMeasured => ChallengeMeasured {
            mandate: "XAUUSD".into(),
            experiment_id,
            challenger: model_id,
            champion: ModelId::derive(&[b"champion"]),
            figures: metrics(),
            undefined: reasons(),
        }
        .into(),
        RecordKind::Waive => waive().into(),
        RecordKind::WaiverGranted => WaiverGranted { waive: waive(), command }.into(),
        RecordKind::WaiverRefused => {
            WaiverRefused { waive: waive(), command, detail: "its author submitted the model".into() }.into()
        }
        RecordKind::PolicyRegistered => PolicyRegistered {
            mandate: "XAUUSD".into(),
            name: "demonstration".into(),
            policy_hash: ContentHash::of(b"policy"),
            document: "{}".into(),
            author: "ann".into(),
        }
        .into(),
        RecordKind::TokenIssued => TokenIssued {
            token: "0123456789abcdef".into(),
            hash: ContentHash::of(b"secret"),
            name: "nightly".into(),
            person: "ann".into(),
            scopes: vec!["read".into(), "submit".into()],
            issued_by: "ann".into(),
            expires: Timestamp(9),
        }
        .into(),
        RecordKind::TokenRevoked => TokenRevoked {
            token: "0123456789abcdef".into(),
            revoked_by: "ben".into(),
            reason: "it was found in a repository".into(),
        }
        .into(),
        RecordKind::CommandAudited => CommandAudited {
            actor: "ann".into(),
            by: "token:0123456789abcdef".into(),
            action: "POST /api/v1/experiments".into(),
            key: "5f0c".into(),
            request_hash: ContentHash::of(b"document"),
            subject: experiment_id.to_string(),
            events: vec![command],
            address: "127.0.0.1".into(),
        }
        .into(),
        other => unreachable!("invariant: {} has its sample beside the others", other.name()),
    }
}
