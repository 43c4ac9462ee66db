//! A box of a space, seen as the unit cube: coordinates to parameters and back.

use gauntlet_domain::experiment::Parameters;
use gauntlet_search::{Domain, Parameter, Space};

use crate::error::SensitivityError;

/// A point to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// One coordinate an axis: a quantile of its domain, from 0 to 1.
    pub unit: Vec<f64>,
    /// The assignment, with parameters that do not vary.
    pub params: Parameters,
}

/// A box of a space: an interval of quantiles for each parameter that varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Cube {
    space: Space,
    /// Places of the axes among the space's parameters.
    axes: Vec<usize>,
    bounds: Vec<[f64; 2]>,
}

impl Cube {
    /// The whole space.
    pub fn whole(space: &Space) -> Result<Self, SensitivityError> {
        let parameters = space.parameters().iter().enumerate();
        let axes: Vec<usize> =
            parameters.filter(|(_, p)| p.domain.count() != Some(1)).map(|(i, _)| i).collect();
        if axes.is_empty() {
            return Err(SensitivityError::NothingVaries);
        }
        Ok(Self { space: space.clone(), bounds: vec![[0.0, 1.0]; axes.len()], axes })
    }

    /// The box ±`radius` round a centre (one quantile an axis), cut at the bounds of the space.
    pub fn around(space: &Space, centre: &[f64], radius: f64) -> Result<Self, SensitivityError> {
        let mut cube = Self::whole(space)?;
        let inside = |u: &f64| (0.0..=1.0).contains(u);
        if centre.len() != cube.axes.len() || !centre.iter().all(inside) || radius.is_nan() || radius <= 0.0 {
            return Err(SensitivityError::BadBox);
        }
        cube.bounds = centre.iter().map(|u| [(u - radius).max(0.0), (u + radius).min(1.0)]).collect();
        Ok(cube)
    }

    /// The box that is ±`radius` round a centre along the axes that conditions name, and the whole space along the others.
    pub(crate) fn where_conditions_cut(
        space: &Space,
        centre: &[f64],
        radius: f64,
    ) -> Result<Self, SensitivityError> {
        let mut cube = Self::around(space, centre, radius)?;
        let conditions = || space.parameters().iter().filter_map(|parameter| parameter.when.as_ref());
        for (axis, bounds) in cube.axes.iter().zip(&mut cube.bounds) {
            let name = space.parameters()[*axis].name.as_str();
            if !conditions().any(|condition| condition.names().contains(name)) {
                *bounds = [0.0, 1.0];
            }
        }
        Ok(cube)
    }

    /// The parameters that vary, in the space's order.
    pub fn axes(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.axes.iter().map(|&axis| &self.space.parameters()[axis])
    }

    /// How many axes there are: at least one.
    pub fn dimensions(&self) -> usize {
        self.axes.len()
    }

    /// Lowest and highest quantile of each axis.
    pub fn bounds(&self) -> &[[f64; 2]] {
        &self.bounds
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The point at coordinates of the box, one an axis, each from 0 to 1. Whether it satisfies the conditions is not asked.
    pub fn point(&self, within: &[f64]) -> Point {
        let scaled = within.iter().zip(&self.bounds);
        self.at(scaled.map(|(v, [low, high])| low + v * (high - low)).collect())
    }

    /// The point at quantiles of the space, one an axis.
    pub fn at(&self, unit: Vec<f64>) -> Point {
        let mut next = self.axes.iter().zip(&unit).peekable();
        let parameters = self.space.parameters().iter().enumerate();
        let params = parameters.map(|(place, parameter)| {
            let u = next.next_if(|(axis, _)| **axis == place).map_or(0.0, |(_, u)| *u);
            (parameter.name.clone(), parameter.domain.at(u))
        });
        let params = params.collect();
        Point { unit, params }
    }

    /// Quantiles of an assignment, one an axis ([`Domain::quantile_of`]); `None` for what is no point of the space.
    pub fn unit_of(&self, params: &Parameters) -> Option<Vec<f64>> {
        if !self.space.contains(params) {
            return None;
        }
        self.axes().map(|axis| axis.domain.quantile_of(params.get(&axis.name)?)).collect()
    }

    /// Whether a point satisfies the conditions of the space.
    pub fn is_feasible(&self, point: &Point) -> bool {
        self.space.satisfies(&point.params)
    }

    /// First place and number of the values of a discrete axis in the box; `None` for a continuous one.
    pub(crate) fn places(&self, axis: usize) -> Option<(u128, u128)> {
        let domain: &Domain = &self.space.parameters()[self.axes[axis]].domain;
        domain.count()?;
        let [first, last] = self.bounds[axis].map(|u| domain.place(&domain.at(u)));
        Some((first?, last? - first? + 1))
    }

    /// Whether the box holds more than one value of an axis.
    pub(crate) fn is_resolved(&self, axis: usize) -> bool {
        self.places(axis).is_none_or(|(_, count)| count > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(document: serde_json::Value) -> Space {
        Space::from_json(&document).unwrap()
    }

    #[test]
    fn every_value_of_a_discrete_axis_comes_back_and_has_the_same_share() {
        let cube = Cube::whole(&space(serde_json::json!({
            "fast": { "int": [5, 11], "step": 2 }, "fixed": 3, "kind": { "categorical": ["a", "b", "c"] },
            "lots": { "int": [1, 60], "log": true }, "stop": { "float": [0.1, 0.5], "step": 0.1 },
        })))
        .unwrap();
        assert_eq!(cube.dimensions(), 4);
        let mut compared = 0;
        for (axis, parameter) in cube.axes().enumerate() {
            let count = parameter.domain.count().unwrap();
            for place in 0..count {
                let value = parameter.domain.grid_value(place);
                let u = parameter.domain.quantile_of(&value).unwrap();
                assert_eq!(parameter.domain.at(u), value);
                compared += 1;
            }
            assert_eq!(cube.places(axis), Some((0, count)));
        }
        assert_eq!(compared, 4 + 3 + 60 + 5);
        let point = cube.at(vec![0.99, 0.34, 0.0, 1.0]);
        let shown = serde_json::to_value(&point.params).unwrap();
        assert_eq!(shown, serde_json::json!({"fast": 11, "fixed": 3, "kind": "b", "lots": 1, "stop": 0.5}));
        assert_eq!(cube.unit_of(&point.params).unwrap()[..2], [0.875, 0.5]);
    }

    #[test]
    fn a_logarithmic_axis_has_its_geometric_mean_in_the_middle() {
        let cube = Cube::whole(&space(serde_json::json!({"x": {"float": [1, 100], "log": true}}))).unwrap();
        let point = cube.point(&[0.5]);
        let x: f64 = serde_json::to_value(&point.params).unwrap()["x"].as_f64().unwrap();
        assert!((x - 10.0).abs() < 1e-12 && cube.places(0).is_none());
        assert!((cube.unit_of(&point.params).unwrap()[0] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_box_is_cut_at_the_bounds_and_a_wrong_one_is_refused() {
        let space = space(serde_json::json!({"n": {"int": [0, 9]}}));
        let cube = Cube::around(&space, &[0.05], 0.1).unwrap();
        assert_eq!((cube.bounds()[0][0], cube.places(0)), (0.0, Some((0, 2))));
        assert!(!Cube::around(&space, &[0.05], 0.01).unwrap().is_resolved(0));
        for (centre, radius) in [(&[0.5, 0.5][..], 0.1), (&[1.5], 0.1), (&[0.5], 0.0), (&[0.5], f64::NAN)] {
            assert_eq!(Cube::around(&space, centre, radius), Err(SensitivityError::BadBox));
        }
        let fixed = Space::from_json(&serde_json::json!({"n": 3, "m": {"int": [2, 2]}})).unwrap();
        assert_eq!(Cube::whole(&fixed), Err(SensitivityError::NothingVaries));
    }
}
