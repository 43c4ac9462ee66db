//! Figures of each axis, in the order of the space.

use gauntlet_domain::robustness::AxisSensitivity;
use gauntlet_sensitivity::Cube;

use crate::figures::{AXIS_FIGURES, Figures, Reason};

/// One entry for each parameter that varies.
pub(crate) struct Axes(Vec<(String, Figures)>);

impl Axes {
    /// Nothing found yet.
    pub(crate) fn of(cube: &Cube) -> Axes {
        Axes(cube.axes().map(|axis| (axis.name.clone(), Figures::unasked(&AXIS_FIGURES))).collect())
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The figures of an axis.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Figures> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, figures)| figures)
    }

    /// Gives several figures of all axes that `of` takes the same reason.
    pub(crate) fn leave(&mut self, of: impl Fn(&str) -> bool, names: &[&str], reason: &Reason) {
        let some = self.0.iter_mut().filter(|(name, _)| of(name));
        some.for_each(|(_, figures)| figures.leave(names, reason));
    }

    /// As the report has them.
    pub(crate) fn into_report(self) -> Vec<AxisSensitivity> {
        let axis = |(name, figures): (String, Figures)| {
            let (figures, undefined) = figures.into_parts();
            AxisSensitivity { name, figures, undefined }
        };
        self.0.into_iter().map(axis).collect()
    }
}
