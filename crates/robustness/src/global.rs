//! Over the whole space: Sobol indices, elementary effects, PAWN.
//!
//! Of a rule over strategy and costs together. Of a learned model over the costs alone, which takes no fits: its own decisions
//! are traded again.

use gauntlet_backtest::BacktestError;
use gauntlet_domain::spec::SensitivityMethod;
use gauntlet_search::Space;
use gauntlet_sensitivity::morris::{LEVELS, MorrisDesign, MorrisIndex, TRAJECTORIES};
use gauntlet_sensitivity::pawn::{PawnDesign, PawnIndex, SAMPLES};
use gauntlet_sensitivity::sobol::{SobolDesign, SobolIndex};
use gauntlet_sensitivity::{Cube, Interval, SensitivityError, Undefined};

use crate::axes::Axes;
use crate::evaluator::Evaluator;
use crate::figures::{Figures, Reason};
use crate::terrain::is_cost;

const SOBOL: [&str; 6] = [
    "sobol_first",
    "sobol_first_low",
    "sobol_first_high",
    "sobol_total",
    "sobol_total_low",
    "sobol_total_high",
];
const MORRIS: [&str; 5] =
    ["morris_mu", "morris_mu_star", "morris_mu_star_low", "morris_mu_star_high", "morris_sigma"];
const PAWN: [&str; 3] = ["pawn_median", "pawn_max", "pawn_dummy"];

/// What a method needs and fills.
pub(crate) struct Global<'e, 'a> {
    pub(crate) evaluator: &'e mut Evaluator<'a>,
    pub(crate) seed: u64,
    pub(crate) axes: &'e mut Axes,
    pub(crate) figures: &'e mut Figures,
    pub(crate) remarks: &'e mut Vec<String>,
}

impl Global<'_, '_> {
    /// Runs the methods that are asked for.
    pub(crate) fn run(&mut self, methods: &[SensitivityMethod], rows: u32) -> Result<(), BacktestError> {
        let learned = self.evaluator.is_learned();
        let space = self.evaluator.terrain.where_only(|name| !learned || is_cost(name))?;
        if learned && !methods.is_empty() {
            let methods: Vec<&str> = methods.iter().map(|method| method.name()).collect();
            self.remarks.push(format!(
                "{}: over the costs alone, since the model is fitted at most {} times",
                methods.join(", "),
                self.evaluator.most_fits
            ));
        }
        for method in methods {
            let (names, done): (&[&str], _) = match method {
                SensitivityMethod::Sobol => (&SOBOL, self.sobol(&space, rows)),
                SensitivityMethod::Morris => (&MORRIS, self.morris(&space)),
                SensitivityMethod::Pawn => (&PAWN, self.pawn(&space)),
            };
            if let Err(reason) = done {
                if *method == SensitivityMethod::Sobol {
                    self.figures.set("sobol_converged", Err(reason.clone()));
                }
                self.axes.leave(|_| true, names, &reason);
                self.remarks.push(format!("{method}: {reason}"));
            }
            if learned {
                self.axes.leave(
                    |axis| !is_cost(axis),
                    names,
                    &Reason::NoFits { most: self.evaluator.most_fits },
                );
            }
        }
        Ok(())
    }

    fn sobol(&mut self, space: &Space, rows: u32) -> Result<(), Reason> {
        let whole = Cube::whole(space)?;
        let centre = whole.unit_of(&self.evaluator.terrain.finalist).ok_or(SensitivityError::BadBox)?;
        let design = SobolDesign::new(space, Some(&centre), rows, self.seed)?;
        if design.cube() != &whole {
            let sides = design.cube().axes().zip(design.cube().bounds());
            let sides: Vec<String> = sides
                .filter(|(_, [low, high])| *low > 0.0 || *high < 1.0)
                .map(|(axis, [low, high])| format!("{} {low:.4} to {high:.4}", axis.name))
                .collect();
            let sides = sides.join(", ");
            self.remarks.push(format!(
                "sobol: conditions cut the space, so its indices hold in a smaller box (quantiles): {sides}"
            ));
        }
        let scores = self.evaluator.scores("sobol", design.points());
        let report = design.report(&scores)?;
        self.figures.set("sobol_converged", Ok(f64::from(u8::from(report.converged))));
        self.fill(design.cube(), &report.indices, &SOBOL, |figures, index: &SobolIndex| {
            figures.set("sobol_first", Ok(index.first));
            set_interval(figures, ["sobol_first_low", "sobol_first_high"], index.first_interval);
            figures.set("sobol_total", Ok(index.total));
            set_interval(figures, ["sobol_total_low", "sobol_total_high"], index.total_interval);
        });
        Ok(())
    }

    fn morris(&mut self, space: &Space) -> Result<(), Reason> {
        let cube = Cube::whole(space)?;
        // As many candidates as trajectories: random ones, whose mean effects have no bias.
        let design = MorrisDesign::new(&cube, TRAJECTORIES, TRAJECTORIES, LEVELS, self.seed)?;
        let scores = self.evaluator.scores("morris", design.points());
        let report = design.report(&scores)?;
        self.fill(&cube, &report.indices, &MORRIS, |figures, index: &MorrisIndex| {
            figures.set("morris_mu", Ok(index.mu));
            figures.set("morris_mu_star", Ok(index.mu_star));
            set_interval(figures, ["morris_mu_star_low", "morris_mu_star_high"], index.mu_star_interval);
            figures.set("morris_sigma", Ok(index.sigma));
        });
        Ok(())
    }

    fn pawn(&mut self, space: &Space) -> Result<(), Reason> {
        let cube = Cube::whole(space)?;
        let design = PawnDesign::new(&cube, SAMPLES, self.seed)?;
        let scores = self.evaluator.scores("pawn", design.points());
        let report = design.report(&scores)?;
        let dummy = report.threshold.median;
        self.fill(&cube, &report.indices, &PAWN, |figures, index: &PawnIndex| {
            figures.set("pawn_median", Ok(index.median));
            figures.set("pawn_max", Ok(index.max));
            figures.set("pawn_dummy", Ok(dummy));
        });
        Ok(())
    }

    /// Sets the figures of the axes of a design.
    fn fill<T>(
        &mut self,
        cube: &Cube,
        indices: &[Result<T, Undefined>],
        names: &[&str],
        set: impl Fn(&mut Figures, &T),
    ) {
        for (axis, index) in cube.axes().zip(indices) {
            let Some(figures) = self.axes.get_mut(&axis.name) else { continue };
            match index {
                Ok(index) => set(figures, index),
                Err(reason) => figures.leave(names, &(*reason).into()),
            }
        }
    }
}

fn set_interval(figures: &mut Figures, [low, high]: [&str; 2], interval: Result<Interval, Undefined>) {
    figures.set(low, interval.map(|interval| interval.low).map_err(Reason::from));
    figures.set(high, interval.map(|interval| interval.high).map_err(Reason::from));
}
