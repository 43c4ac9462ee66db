//! Tables of robustness, risk and selection.

use super::{Table, boolean, double, long, text, time};

/// Sensitivity analyses.
pub static SENSITIVITY: Table = Table {
    name: "sensitivity",
    partition_key: &[text("model_id")],
    clustering: &[text("part"), text("name")], // whole | axis | stress, and its name
    columns: &[
        text("experiment_id"),
        double("value"),
        text("figures"),
        text("undefined"),
        long("evaluations"),
        text("points"),
        text("remarks"),
        boolean("without_effect"),
    ],
    doc: "What became of the score of a finalist when things were moved: the whole, a parameter, or a stress; points is a file on the lake",
};

/// Risk figures.
pub static RISK_FIGURES: Table = Table {
    name: "risk_figures",
    partition_key: &[text("model_id")],
    clustering: &[],
    columns: &[text("experiment_id"), text("figures"), text("undefined"), text("series")],
    doc: "The risk of a finalist by figure, losses positive and per bar; series is a file on the lake",
};

/// Decisions about finalists.
pub static SELECTIONS: Table = Table {
    name: "selections",
    partition_key: &[text("mandate")],
    clustering: &[long("place"), long("rank"), text("model_id")],
    columns: &[
        text("experiment_id"),
        text("decision"), // selected | rejected
        long("attempt"),
        text("failed"),
        text("version_hash"),
        text("verdicts_hash"),
        text("waivers_hash"),
        text("policy"),
        text("policy_hash"),
        text("replaces"),
        text("figures"),
        text("undefined"),
        text("submitted_by"),
    ],
    doc: "The last decision about a finalist, in the order of its mandate; failed are the gates that it did not pass",
};

/// Waivers.
pub static WAIVERS: Table = Table {
    name: "waivers",
    partition_key: &[text("model_id")],
    clustering: &[text("command")],
    columns: &[
        text("mandate"),
        text("gate"),
        text("version_hash"),
        text("author"),
        text("reason"),
        time("expires"),
        boolean("granted"),
        text("detail"),
    ],
    doc: "What a person wanted set aside, and whether it was; detail says why not",
};

/// Policies.
pub static POLICIES: Table = Table {
    name: "policies",
    partition_key: &[text("mandate")],
    clustering: &[text("name"), text("policy_hash")],
    columns: &[text("document"), text("author")],
    doc: "A policy that a mandate has registered, as canonical JSON",
};
