//! Arguments of `config diff`.

use std::path::Path;

use clap::Args;
use gauntlet_operations::Refusal;
use gauntlet_operations::config_diff::{DiffRequest, Operand};
use gauntlet_operations::feed::file_name;
use gauntlet_operations::refusal::unreadable;

/// How names of files with a document end.
const DOCUMENTS: [&str; 3] = ["yaml", "yml", "json"];

/// What to compare.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// An experiment, a run or a model by its id or name, a policy (NAME, NAME@MANDATE or NAME@HASH), or a file with a document
    /// (it ends in .yaml, or its path has a slash). Without one: keys of the node's configuration that differ from the defaults.
    #[arg(requires = "b")]
    pub a: Option<String>,
    /// What to compare it with.
    pub b: Option<String>,
    /// All keys, also those that are equal.
    #[arg(long, requires = "a")]
    pub all: bool,
}

impl DiffArgs {
    /// The comparison that is asked for; `None` where the node's configuration is.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn request(&self) -> Result<Option<DiffRequest>, Refusal> {
        let (Some(a), Some(b)) = (&self.a, &self.b) else { return Ok(None) };
        Ok(Some(DiffRequest { a: operand(a)?, b: operand(b)?, all: self.all }))
    }
}

/// A file with a document, or the name of something on the node.
fn operand(argument: &str) -> Result<Operand, Refusal> {
    let path = Path::new(argument);
    let ends_so = path.extension().is_some_and(|end| DOCUMENTS.iter().any(|known| end == *known));
    // Names may have a slash too: EUR/USD.
    if ends_so || (argument.contains('/') && path.exists()) {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        return Ok(Operand::Document { text, name: file_name(path) });
    }
    Ok(Operand::Called(argument.to_owned()))
}
