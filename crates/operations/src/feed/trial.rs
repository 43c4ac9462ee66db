//! A file cleaned on trial, in this process: the same machine as in the pipeline, over this file alone. `feed` watches it to
//! stop before a wrong reading is published, `feed --dry-run` shows what it says.

use std::collections::{BTreeMap, VecDeque};

use gauntlet_domain::market::{FeedCompleted, InstrumentDefined};
use gauntlet_domain::{Event, Input};
use gauntlet_feed::{Block, FeedError, Source};
use gauntlet_market_data::MarketData;
use gauntlet_processor::machine::Machine as _;

use super::Understood;
use super::breaker::{Breaker, Trip};

/// Rows that are cleaned before the first block is published.
pub const TRIED_ROWS: i64 = 100_000;

/// Rows by what came of them, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Left out.
    pub rejected: BTreeMap<String, i64>,
    /// Put right or flagged.
    pub corrected: BTreeMap<String, i64>,
    /// Silences.
    pub gaps: i64,
}

/// The trial of one file.
pub struct Trial {
    machine: MarketData,
    breaker: Breaker,
    /// What came of the rows so far.
    pub tally: Tally,
    /// Rows and blocks that were taken in.
    pub rows: i64,
    blocks: i64,
}

impl Trial {
    /// Begins it.
    pub fn new(definition: InstrumentDefined) -> Trial {
        let mut machine = MarketData::default();
        machine.step(Input { event: &definition.into(), writer: "local" });
        Trial { machine, breaker: Breaker::default(), tally: Tally::default(), rows: 0, blocks: 0 }
    }

    /// Takes in a block, with the numbers of rows that have no value. Gives a reason to stop at once.
    pub fn take(&mut self, block: &Event, missing: &[i64]) -> Option<Trip> {
        let rows = match block {
            Event::TickBlock(block) => &block.rows,
            Event::BarBlock(block) => &block.rows,
            _ => return None,
        };
        self.rows += rows.len() as i64;
        self.blocks += 1;
        self.breaker.block(rows, missing);
        self.step(block)
    }

    /// Ends the file: what waits is decided. Gives a reason not to publish it.
    pub fn end(&mut self, source: &Source) -> Option<Trip> {
        let end = FeedCompleted {
            instrument: source.instrument().as_str().to_owned(),
            source: source.source_hash().to_string(),
            name: source.name().to_owned(),
            rows: self.rows,
            blocks: self.blocks,
            scale: source.scale(),
        };
        self.step(&end.into()).or_else(|| self.breaker.share())
    }

    /// Whether too large a share of the rows so far was refused.
    pub fn share(&self) -> Option<Trip> {
        self.breaker.share()
    }

    fn step(&mut self, event: &Event) -> Option<Trip> {
        let mut trip = None;
        for output in self.machine.step(Input { event, writer: "local" }) {
            match output.event {
                Event::TickRejected(rejected) => {
                    trip = trip.or(self.breaker.refused(&rejected));
                    *self.tally.rejected.entry(rejected.reason).or_default() += rejected.rows.len() as i64;
                }
                Event::TickCorrected(corrected) => {
                    *self.tally.corrected.entry(corrected.reason).or_default() += corrected.rows.len() as i64;
                }
                Event::GapDetected(gap) => self.tally.gaps += gap.count,
                _ => {}
            }
        }
        trip
    }
}

/// A block that passed, or why no more comes.
pub enum Next {
    /// A block to publish.
    Block(Event),
    /// The end of the file.
    End,
    /// Too many rows were refused.
    Stopped(Trip),
}

/// The blocks of a file, each given out once the rows of the trial, or the file's end, have shown that it was read rightly;
/// what comes behind the trial is watched on the way.
pub struct Watched<'a> {
    source: &'a mut Source,
    request: &'a Understood,
    trial: Option<Trial>,
    held: VecDeque<Event>,
    /// The rows of the trial have passed, or the file has ended.
    passed: bool,
    ended: bool,
}

impl<'a> Watched<'a> {
    /// Over a source at its beginning.
    pub fn new(source: &'a mut Source, request: &'a Understood) -> Watched<'a> {
        Watched { source, request, trial: None, held: VecDeque::new(), passed: false, ended: false }
    }

    /// The source.
    pub fn source(&self) -> &Source {
        self.source
    }

    /// What came of the rows of this file alone.
    pub fn tally(&self) -> Tally {
        self.trial.as_ref().map(|trial| trial.tally.clone()).unwrap_or_default()
    }

    /// The next block.
    pub fn next(&mut self) -> Result<Next, FeedError> {
        while !self.passed {
            if let Some(trip) = self.read()? {
                return Ok(Next::Stopped(trip));
            }
        }
        if self.held.is_empty()
            && !self.ended
            && let Some(trip) = self.read()?
        {
            return Ok(Next::Stopped(trip));
        }
        Ok(self.held.pop_front().map_or(Next::End, Next::Block))
    }

    /// Reads a block and cleans it. Gives a reason to stop.
    fn read(&mut self) -> Result<Option<Trip>, FeedError> {
        let block = self.source.next_block()?;
        let trial = match &mut self.trial {
            Some(trial) => trial,
            None => {
                let instrument = self.source.instrument().clone();
                let definition = gauntlet_feed::definition(
                    &instrument,
                    self.source,
                    &self.request.bars,
                    self.request.known.as_ref(),
                );
                self.trial.insert(Trial::new(definition))
            }
        };
        let trip = match block {
            None => {
                (self.passed, self.ended) = (true, true);
                trial.end(self.source)
            }
            Some(block) => {
                let event = match block {
                    Block::Ticks(block) => Event::from(block),
                    Block::Bars(block) => Event::from(block),
                };
                let run = trial.take(&event, self.source.missing());
                self.held.push_back(event);
                self.passed |= trial.rows >= TRIED_ROWS;
                run.or_else(|| if self.passed { trial.share() } else { None })
            }
        };
        Ok(trip.filter(|_| !self.request.accepts_losses))
    }
}
