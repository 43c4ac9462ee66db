//! Round the finalist: its neighbours, one axis at a time, and the nearest cliff.
//!
//! The neighbourhood is one of the strategy's parameters, at the plan's costs. Slices go along the costs as well.

use gauntlet_backtest::BacktestError;
use gauntlet_sensitivity::hypercube::{NEIGHBOURHOOD, hypercube};
use gauntlet_sensitivity::plateau::{CLIFF, KEPT, cliff, plateau};
use gauntlet_sensitivity::slices::{POINTS, Slice, SliceDesign};
use gauntlet_sensitivity::{Cube, Point, SensitivityError, Undefined};

use crate::axes::Axes;
use crate::evaluator::Evaluator;
use crate::figures::{Figures, Reason};
use crate::terrain::is_cost;

const PLATEAU: [&str; 6] =
    ["plateau", "plateau_low", "plateau_high", "plateau_within_error", "neighbours_median", "neighbours_low"];
const CLIFFS: [&str; 2] = ["cliff_distance", "cliff_radius"];
const SLICE: [&str; 3] = ["slice_range", "slice_steepest", "slice_best_at_edge"];

/// The finalist's score and its standard error.
pub(crate) struct Best {
    /// The higher, the better.
    pub(crate) score: Option<f64>,
    pub(crate) error: Result<f64, Reason>,
}

/// Runs the neighbours and sets the figures of the plateau.
pub(crate) fn neighbourhood(
    evaluator: &mut Evaluator<'_>,
    best: &Best,
    (asked, seed): (u32, u64),
    figures: &mut Figures,
    remarks: &mut Vec<String>,
) -> Result<(), BacktestError> {
    let space = evaluator.terrain.where_only(|name| !is_cost(name))?;
    // A learned model leaves as many fits to the slices.
    let count = evaluator.points_left.map_or(asked, |left| asked.min((left / 2) as u32));
    if count < asked {
        remarks.push(format!(
            "neighbourhood: {count} of {asked} points, since the model is fitted at most {} times",
            evaluator.most_fits
        ));
    }
    let points = Cube::whole(&space).and_then(|cube| {
        let centre = cube.unit_of(&evaluator.terrain.finalist).ok_or(SensitivityError::BadBox)?;
        hypercube(&Cube::around(&space, &centre, NEIGHBOURHOOD)?, count, seed)
    });
    match points {
        Ok(points) => set_plateau(best, &evaluator.scores("neighbours", &points), figures),
        Err(SensitivityError::Samples { .. }) if count < asked => {
            figures.leave(&PLATEAU, &Reason::NoFits { most: evaluator.most_fits });
        }
        Err(error) => figures.leave(&PLATEAU, &error.into()),
    }
    Ok(())
}

fn set_plateau(best: &Best, scores: &[Option<f64>], figures: &mut Figures) {
    let found = gain(best).and_then(|score| Ok(plateau(score, best.error.clone().ok(), scores, KEPT)?));
    let found = match found {
        Ok(found) => found,
        Err(reason) => return figures.leave(&PLATEAU, &reason),
    };
    figures.set("plateau", Ok(found.share));
    figures.set("plateau_low", Ok(found.interval.low));
    figures.set("plateau_high", Ok(found.interval.high));
    let within = best.error.clone().and_then(|_| found.share_within_error.ok_or(Reason::NoStandardError));
    figures.set("plateau_within_error", within);
    figures.set("neighbours_median", Ok(found.median));
    figures.set("neighbours_low", Ok(found.low));
}

/// The score of a finalist that has gained.
fn gain(best: &Best) -> Result<f64, Reason> {
    let score = best.score.ok_or(Reason::NoScore)?;
    if score > 0.0 { Ok(score) } else { Err(Reason::NoGain) }
}

/// Runs a slice along each axis through the finalist. A learned model has fewer points in each that takes fits where these run
/// out, and no slice of the last axes where that is not enough.
pub(crate) fn slices(
    evaluator: &mut Evaluator<'_>,
    axes: &mut Axes,
    remarks: &mut Vec<String>,
) -> Result<(), BacktestError> {
    let mut names: Vec<(String, bool)> = Vec::new();
    for name in axes.names() {
        names.push((name.to_owned(), is_fitted_along(evaluator, name)?));
    }
    let to_fit = names.iter().filter(|(_, is_fitted)| *is_fitted).count();
    let fewer = evaluator.points_left.map(|left| (left / to_fit.max(1) + 1) as u32);
    // An odd number, of which the finalist is one.
    let along = fewer.map_or(POINTS, |points| points.saturating_sub(1) | 1).clamp(3, POINTS);
    if along < POINTS {
        remarks.push(format!(
            "slices: of {along} points instead of {POINTS}, since the model is fitted at most {} times",
            evaluator.most_fits
        ));
    }
    let mut left_out = Vec::new();
    for (name, is_fitted) in names {
        let space = evaluator.terrain.where_only(|other| other == name)?;
        let Some(figures) = axes.get_mut(&name) else { continue };
        let along = if is_fitted { along } else { POINTS };
        let design =
            Cube::whole(&space).and_then(|cube| SliceDesign::of(&cube, &evaluator.terrain.finalist, along));
        let design = match design {
            Ok(design) => design,
            Err(error) => {
                figures.leave(&SLICE, &error.into());
                continue;
            }
        };
        if evaluator.points_left.is_some_and(|left| evaluator.to_fit(design.points()) > left) {
            figures.leave(&SLICE, &Reason::NoFits { most: evaluator.most_fits });
            left_out.push(name);
            continue;
        }
        let scores = evaluator.scores("slice", design.points());
        let slice = design.report(&scores).map(|mut slices| slices.pop());
        match slice.and_then(|slice| slice.unwrap_or(Err(Undefined::NotTestable))) {
            Ok(slice) => set_slice(slice, figures),
            Err(reason) => figures.leave(&SLICE, &reason.into()),
        }
    }
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        remarks.push(format!(
            "slices: none of {left_out}, since the model is fitted at most {} times",
            evaluator.most_fits
        ));
    }
    Ok(())
}

/// Whether points along an axis take a fit: not costs, nor what only decides how a fitted model is traded.
fn is_fitted_along(evaluator: &Evaluator<'_>, name: &str) -> Result<bool, BacktestError> {
    let space = evaluator.terrain.where_only(|other| other == name)?;
    let finalist = &evaluator.terrain.finalist;
    let design = Cube::whole(&space).and_then(|cube| SliceDesign::of(&cube, finalist, POINTS));
    Ok(design.is_ok_and(|design| evaluator.to_fit(design.points()) > 0))
}

fn set_slice(slice: Slice, figures: &mut Figures) {
    figures.set("slice_range", Ok(slice.range));
    figures.set("slice_steepest", slice.steepest.ok_or(Reason::NoOrder));
    figures.set("slice_best_at_edge", Ok(f64::from(u8::from(slice.is_best_at_edge))));
}

/// Sets the distance to the nearest cliff among everything that was evaluated, over the axes of `cube`.
pub(crate) fn cliffs(evaluator: &Evaluator<'_>, cube: &Cube, best: &Best, figures: &mut Figures) {
    let found = gain(best).and_then(|score| {
        let centre = cube.unit_of(&evaluator.terrain.finalist).ok_or(SensitivityError::BadBox)?;
        // Quantiles of the values: what is one value of a discrete axis is one place.
        let placed = evaluator.evaluated().iter().filter_map(|evaluated| {
            let unit = cube.unit_of(&evaluated.params)?;
            Some((Point { unit, params: evaluated.params.clone() }, evaluated.score))
        });
        let (points, scores): (Vec<Point>, Vec<Option<f64>>) = placed.unzip();
        Ok(cliff(&centre, score, &points, &scores, CLIFF)?)
    });
    match found {
        Ok(found) => {
            figures.set("cliff_distance", found.distance.ok_or(Reason::NoCliff));
            figures.set("cliff_radius", Ok(found.searched));
        }
        Err(reason) => figures.leave(&CLIFFS, &reason),
    }
}
