//! The one list of processors.
//!
//! Nothing builds upon the binary, so tests that need the whole pipeline take this file in by its path.

use std::sync::Arc;

use gauntlet_operations::Processors;
use gauntlet_operations::processors::ViewRows;

/// All of them, each kind in pipeline order.
pub fn processors() -> Processors {
    Processors {
        machines: vec![
            gauntlet_market_data::DEFINITION,
            gauntlet_experiments::DEFINITION,
            gauntlet_tuner::DEFINITION,
            gauntlet_risk::DEFINITION,
            gauntlet_selector::DEFINITION,
        ],
        workers: vec![
            Arc::new(gauntlet_market_data::Snapshots),
            Arc::new(gauntlet_trainer::Trainer::default()),
            Arc::new(gauntlet_evaluator::Evaluator),
            Arc::new(gauntlet_sensitivity_worker::Sensitivity),
            Arc::new(gauntlet_risk::RiskFigures),
            Arc::new(gauntlet_selector::Challenges),
        ],
        projection: ViewRows {
            name: gauntlet_projector::NAME,
            topics: gauntlet_projector::TOPICS,
            rows: gauntlet_projector::rows,
            series_chunk: gauntlet_projector::series_chunk,
            row_that_shows: gauntlet_projector::row_that_shows,
        },
    }
}
