//! What may run, and how far: one statement that reads, on threads of its own, within limits of time, memory, rows and bytes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures_util::StreamExt;
use gauntlet_config::SqlConfig;
use gauntlet_domain::topics;
use gauntlet_log::{Positions, TopicPartition};
use gauntlet_operations::{Node, Refusal};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;

use crate::catalogue::{CATALOGUE, Catalogue, PUBLIC, Scope};
use crate::error::SqlError;
use crate::functions;
use crate::table::Scanned;

/// Bytes of a statement at most.
const LONGEST: usize = 64 << 10;
/// Batches that wait for whoever takes the answer.
const AHEAD: usize = 2;
/// How often a query is asked whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Operators, brackets and keywords of a statement at most: its plan may be as deep, and is walked to its depth.
const MOST_DEPTH: usize = 1_000;
/// Bytes of stack for that, of which only those that are used are there.
const STACK: usize = 32 << 20;
/// Functions that make much of little at once, beyond what the memory of a query is counted by.
const NOT_OFFERED: [&str; 9] = [
    "array_repeat",
    "array_resize",
    "generate_series",
    "list_repeat",
    "list_resize",
    "lpad",
    "range",
    "repeat",
    "rpad",
];

/// How much one query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time until the answer is complete, without the time in which nobody takes it.
    pub time: Duration,
    /// Bytes of memory for sorting, joining and grouping.
    pub memory: usize,
    /// Bytes on disk for what does not fit into that.
    pub spill: u64,
    /// Rows of the answer.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
}

impl From<SqlConfig> for Limits {
    fn from(config: SqlConfig) -> Limits {
        let SqlConfig { seconds, memory_mb, spill_mb, rows, answer_mb, .. } = config;
        Limits {
            time: Duration::from_secs(seconds.into()),
            memory: (memory_mb as usize) << 20,
            spill: u64::from(spill_mb) << 20,
            rows: rows.into(),
            bytes: u64::from(answer_mb) << 20,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// One statement.
    pub text: String,
    /// Rows that are given at most; all when left out.
    pub limit: Option<usize>,
    /// Whether who asks may see who may ask, and who asked.
    pub sees_access: bool,
}

/// What a query took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Rows of the answer.
    pub rows: u64,
    /// Bytes of the answer in memory.
    pub bytes: u64,
    /// Rows that were read.
    pub rows_read: u64,
    /// Bytes that were read, as they are in memory.
    pub bytes_read: u64,
}

/// Where queries run.
pub struct Gate {
    /// Until it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    limits: Limits,
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Nobody waits for what is still being computed, wherever this is dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

enum Step {
    Schema(SchemaRef),
    Batch(RecordBatch),
}

/// An answer that is being computed. Dropping it ends the query.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The log as the answer has it.
    pub positions: Arc<Positions>,
    steps: mpsc::Receiver<Result<Step, SqlError>>,
    /// The first batch, taken before anything of the answer is handed out.
    first: Option<RecordBatch>,
    task: tokio::task::JoinHandle<()>,
    /// All rows have been taken.
    is_complete: bool,
    /// Ends what reads for it.
    ended: Arc<AtomicBool>,
    handle: Handle,
    limits: Limits,
    waited: Duration,
    scanned: Arc<Scanned>,
    done: Done,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

impl Gate {
    /// With threads for as many cores as there are.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(limits: Limits) -> Result<Gate, SqlError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("sql")
            .thread_stack_size(STACK)
            .enable_time()
            .build()
            .map_err(|error| {
                SqlError::Source(Refusal::Outside(format!("no threads for queries: {error}")))
            })?;
        let handle = runtime.handle().clone();
        Ok(Gate { runtime: Some(runtime), handle, limits })
    }

    /// Begins a query, and waits until its first rows are there: what is wrong with it is said here. Blocks.
    ///
    /// # Errors
    /// Everything that [`SqlError`] names.
    pub fn ask(&self, node: &Node, query: &Query, stop: &AtomicBool) -> Result<Answer, SqlError> {
        if query.text.len() > LONGEST {
            return Err(SqlError::Statement(format!("a statement has {LONGEST} bytes at most")));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let node = Arc::new(node.until(ended.clone()));
        let positions = Arc::new(ends(&node)?);
        let scanned = Arc::new(Scanned::default());
        let scope = Scope {
            node,
            before: positions.clone(),
            sees_access: query.sees_access,
            scanned: scanned.clone(),
        };
        let (to, steps) = mpsc::channel(AHEAD);
        let (query, limits) = (query.clone(), self.limits);
        let task = self.handle.spawn(async move {
            if let Err(error) = run(&query, scope, limits, &to).await {
                // Nobody listens any more when this fails.
                let _ = to.send(Err(error)).await;
            }
        });
        let mut answer = Answer {
            schema: Arc::new(datafusion::arrow::datatypes::Schema::empty()),
            positions,
            steps,
            first: None,
            task,
            is_complete: false,
            ended,
            handle: self.handle.clone(),
            limits,
            waited: Duration::ZERO,
            scanned,
            done: Done::default(),
        };
        match answer.step(stop)? {
            Some(Step::Schema(schema)) => answer.schema = schema,
            _ => return Err(SqlError::Broken("it has ended without columns".into())),
        }
        answer.first = answer.next(stop)?;
        Ok(answer)
    }
}

impl Answer {
    /// The next rows; none behind the last ones. Blocks.
    ///
    /// # Errors
    /// What the query says, and what it took too much of.
    pub fn next(&mut self, stop: &AtomicBool) -> Result<Option<RecordBatch>, SqlError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let batch = match self.step(stop)? {
            Some(Step::Batch(batch)) => batch,
            Some(Step::Schema(_)) | None => return Ok(None),
        };
        self.done.rows += batch.num_rows() as u64;
        self.done.bytes += batch.get_array_memory_size() as u64;
        let Limits { rows, bytes, .. } = self.limits;
        if self.done.rows > rows {
            return Err(SqlError::Limit {
                what: format!("the answer has more than {rows} rows"),
                key: "sql.rows",
            });
        }
        if self.done.bytes > bytes {
            return Err(SqlError::Limit {
                what: format!("the answer has more than {} MB", bytes >> 20),
                key: "sql.answer_mb",
            });
        }
        Ok(Some(batch))
    }

    /// What it has taken so far.
    pub fn done(&self) -> Done {
        let (rows_read, bytes_read) = self.scanned.so_far();
        Done { rows_read, bytes_read, ..self.done }
    }

    fn step(&mut self, stop: &AtomicBool) -> Result<Option<Step>, SqlError> {
        while !self.is_complete {
            if stop.load(Ordering::Relaxed) {
                return Err(SqlError::Cancelled);
            }
            if self.waited >= self.limits.time {
                return Err(SqlError::Time(self.limits.time));
            }
            let began = Instant::now();
            let next = self.steps.recv();
            let step = self.handle.block_on(async { tokio::time::timeout(LOOK_EVERY, next).await });
            self.waited += began.elapsed();
            match step {
                Ok(Some(step)) => return step.map(Some),
                Ok(None) if self.has_panicked() => {
                    return Err(SqlError::Broken("it has panicked: see what is logged".into()));
                }
                Ok(None) => self.is_complete = true,
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Whether the channel was closed by a panic, and not by the end of the rows.
    fn has_panicked(&mut self) -> bool {
        self.handle.block_on(&mut self.task).is_err()
    }
}

/// Where the log ends.
fn ends(node: &Node) -> Result<Positions, Refusal> {
    let mut ends = Positions::new();
    for topic in topics::ALL {
        for partition in 0..node.log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let (_, end) = node.log.bounds(&place)?;
            ends.insert(place, end);
        }
    }
    Ok(ends)
}

/// Plans and runs a statement.
async fn run(
    query: &Query,
    scope: Scope,
    limits: Limits,
    to: &mpsc::Sender<Result<Step, SqlError>>,
) -> Result<(), SqlError> {
    let said = |error| SqlError::of(&error);
    let context = context(scope, limits)?;
    let plan = plan(&context, &query.text).await?;
    // What is told of a plan is no table that could be cut.
    let is_told =
        matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_));
    let mut rows = context.execute_logical_plan(plan).await.map_err(said)?;
    if query.limit.is_some() && !is_told {
        rows = rows.limit(0, query.limit).map_err(said)?;
    }
    let schema: SchemaRef = Arc::new(rows.schema().as_arrow().clone());
    require_names(&schema)?;
    let mut stream = rows.execute_stream().await.map_err(said)?;
    // Nobody listens any more when sending fails.
    if to.send(Ok(Step::Schema(schema))).await.is_err() {
        return Ok(());
    }
    while let Some(batch) = stream.next().await {
        if to.send(Ok(Step::Batch(batch.map_err(said)?))).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A session that sees our tables and nothing else.
fn context(scope: Scope, limits: Limits) -> Result<SessionContext, SqlError> {
    let said = |error| SqlError::of(&error);
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::OsTmpDirectory)
        .with_max_temp_directory_size(limits.spill);
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(said)?;
    // No file of this machine can be named.
    environment.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref()).map_err(said)?;
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOGUE, PUBLIC)
        .with_information_schema(true);
    let context = SessionContext::new_with_config_rt(config, environment);
    context.register_catalog(CATALOGUE, Arc::new(Catalogue(scope)));
    for name in NOT_OFFERED {
        context.deregister_udf(name);
    }
    for function in functions::all() {
        context.register_udf(function);
    }
    Ok(context)
}

/// The plan of a statement that reads.
async fn plan(context: &SessionContext, text: &str) -> Result<LogicalPlan, SqlError> {
    require_shallow(text)?;
    let state = context.state();
    let statement = state.sql_to_statement(text, &Dialect::Generic).map_err(|error| SqlError::of(&error))?;
    require_query(&statement)?;
    let plan = state.statement_to_plan(statement).await.map_err(|error| SqlError::of(&error))?;
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan).map_err(|error| SqlError::NotAQuery(error.strip_backtrace()))?;
    Ok(plan)
}

/// Refuses what nests deeper than can be walked. Lists of values do not count.
fn require_shallow(text: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let tokens = tokens.map_err(|error| SqlError::Statement(format!("SQL error: {error}")))?;
    let is_flat = |token: &Token| match token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword,
        Token::Number(..) | Token::Comma | Token::Whitespace(_) | Token::Period | Token::EOF => true,
        other => other.to_string().starts_with('\''),
    };
    let deep = tokens.iter().filter(|token| !is_flat(token)).count();
    if deep <= MOST_DEPTH {
        return Ok(());
    }
    Err(SqlError::Statement(format!(
        "the statement has {deep} operators and keywords, {MOST_DEPTH} at most: a long list of values belongs into IN (…)"
    )))
}

fn require_query(statement: &Statement) -> Result<(), SqlError> {
    let of_ast = |ast: &Ast| match ast {
        Ast::Query(_) | Ast::ShowTables { .. } | Ast::ShowColumns { .. } | Ast::ExplainTable { .. } => Ok(()),
        Ast::Explain { statement, .. } if matches!(**statement, Ast::Query(_)) => Ok(()),
        other => Err(SqlError::NotAQuery(first_words(&other.to_string()))),
    };
    match statement {
        Statement::Statement(ast) => of_ast(ast),
        Statement::Explain(explain) => require_query(&explain.statement),
        other => Err(SqlError::NotAQuery(first_words(&other.to_string()))),
    }
}

fn first_words(text: &str) -> String {
    format!("'{}' is refused", text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Files and documents need names that tell columns apart.
fn require_names(schema: &SchemaRef) -> Result<(), SqlError> {
    let mut names = BTreeSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        None => Ok(()),
        Some(field) => Err(SqlError::Statement(format!(
            "two columns are called {}: give them names with AS",
            field.name()
        ))),
    }
}
