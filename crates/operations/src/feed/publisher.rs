//! A file on its way to the log: its blocks that are not there yet, a few in one append, then its end.

use std::time::{Duration, Instant};

use gauntlet_domain::Event;
use gauntlet_domain::market::{FeedAborted, FeedCompleted};
use gauntlet_feed::Source;
use gauntlet_log::NewRecord;
use gauntlet_runtime::recent::SourceProgress;

use super::Understood;
use crate::node::Node;
use crate::publish::{publish_once, record};
use crate::refusal::Refusal;

/// Blocks that one append holds.
const BLOCKS_PER_APPEND: usize = 16;

/// How a source ends.
pub(super) enum End {
    /// All of it is on the log.
    Whole,
    /// It was given up: its rows must not count.
    Aborted(String),
}

/// The record that ends a source, of which `of` is on the log.
fn end_of(of: FeedCompleted, end: &End) -> Event {
    match end {
        End::Whole => of.into(),
        End::Aborted(reason) => {
            let FeedCompleted { instrument, source, name, rows, scale, .. } = of;
            FeedAborted { instrument, source, name, rows, reason: reason.clone(), scale }.into()
        }
    }
}

/// A file on its way to the log.
pub(super) struct Publisher<'a> {
    node: &'a Node,
    request: &'a Understood,
    hash: &'a str,
    began: Instant,
    first_time: Option<i64>,
    /// How far it was published before.
    there: SourceProgress,
    /// The instrument's definition is on the log.
    is_defined: bool,
    /// Records that the next append holds, and their rows.
    waiting: Vec<NewRecord>,
    waiting_rows: i64,
    /// Blocks and rows on the log.
    pub blocks: i64,
    pub rows: i64,
    /// Rows that were not there before.
    pub new_rows: i64,
}

impl<'a> Publisher<'a> {
    /// Nothing is published yet but what is `there`. `hash` is that of the source.
    pub fn new(
        node: &'a Node,
        request: &'a Understood,
        hash: &'a str,
        there: SourceProgress,
    ) -> Publisher<'a> {
        Publisher {
            node,
            request,
            hash,
            began: Instant::now(),
            first_time: None,
            there,
            is_defined: false,
            waiting: Vec::new(),
            waiting_rows: 0,
            blocks: 0,
            rows: 0,
            new_rows: 0,
        }
    }

    /// Takes a block; publishes when enough of them wait.
    pub fn take(&mut self, source: &Source, event: &Event) -> Result<(), Refusal> {
        if !self.is_defined {
            define(self.node, self.request, source)?;
            self.is_defined = true;
        }
        let (number, count, time) = match event {
            Event::TickBlock(block) => (block.block, block.len() as i64, block.times.first().copied()),
            Event::BarBlock(block) => {
                (block.block, block.open_times.len() as i64, block.open_times.first().copied())
            }
            _ => return Ok(()),
        };
        if let (Some(factor), Some(time)) = (self.request.speed, time) {
            let first = *self.first_time.get_or_insert(time);
            let due = Duration::from_nanos(((time - first).max(0) as f64 / factor) as u64);
            pace(self.node, &self.began, due)?;
        }
        self.blocks += 1;
        if number >= self.there.next {
            self.waiting_rows += count;
            self.waiting.push(record(self.node, event, "feed")?);
        } else {
            self.rows += count;
        }
        if self.waiting.len() >= BLOCKS_PER_APPEND
            || (self.request.speed.is_some() && !self.waiting.is_empty())
        {
            self.append()?;
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), Refusal> {
        self.node.log.append(std::mem::take(&mut self.waiting))?;
        let new = std::mem::take(&mut self.waiting_rows);
        (self.rows, self.new_rows) = (self.rows + new, self.new_rows + new);
        Ok(())
    }

    /// Ends the source. What waits is published only where all of it is.
    pub fn end(&mut self, source: &Source, end: &End) -> Result<(), Refusal> {
        if let End::Aborted(_) = end {
            self.blocks -= self.waiting.len() as i64;
            (self.waiting, self.waiting_rows) = (Vec::new(), 0);
            if self.rows == 0 {
                // Nobody has heard of it.
                return Ok(());
            }
        }
        let (rows, blocks) = (self.rows + self.waiting_rows, self.blocks);
        let (instrument, hash) = (source.instrument().as_str().to_owned(), self.hash.to_owned());
        let name = source.identity().name_of(source.name());
        let of = FeedCompleted { instrument, source: hash, name, rows, blocks, scale: source.scale() };
        if !self.there.completed {
            self.waiting.push(record(self.node, &end_of(of, end), "feed")?);
        }
        self.append()
    }
}

/// Publishes the instrument's definition if it is new.
fn define(node: &Node, request: &Understood, source: &Source) -> Result<(), Refusal> {
    let instrument = &request.options.instrument;
    let definition =
        gauntlet_feed::definition(instrument, source, &request.bars, request.known.as_ref()).into();
    publish_once(node, "feed", &[definition])?;
    Ok(())
}

/// Sleeps until wall time has come as far as event time allows.
fn pace(node: &Node, began: &Instant, due: Duration) -> Result<(), Refusal> {
    while began.elapsed() < due {
        if node.is_interrupted() {
            return Err(Refusal::Interrupted);
        }
        std::thread::sleep((due - began.elapsed().min(due)).min(Duration::from_millis(50)));
    }
    Ok(())
}
