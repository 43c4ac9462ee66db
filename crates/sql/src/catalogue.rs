//! Which tables there are: `ticks`, `bars`, `snapshot_bars`, `log`, every list and view by its name, and in the schema `events` a table
//! of each record. A table is made when a statement names it. What somebody may not see is not there for them.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use gauntlet_domain::topics::{self, ACCESS, AUDIT};
use gauntlet_domain::{RecordKind, Topic};
use gauntlet_log::Positions;
use gauntlet_operations::archiving::stretches::column_of;
use gauntlet_operations::{Node, page};

use crate::bars::Bars;
use crate::events::Events;
use crate::table::{Provider, Scanned, Table};
use crate::ticks::Ticks;
use crate::views::{SnapshotBars, View};

/// The name of the catalogue, and of the schema that needs no name.
pub const CATALOGUE: &str = "gauntlet";
pub const PUBLIC: &str = "public";
const EVENTS: &str = "events";

/// Tables that are no list.
const OWN: [&str; 4] = ["ticks", "bars", "snapshot_bars", "log"];
/// Lists of who may ask and who asked, and the topics that they are made of.
const OF_ACCESS: [&str; 2] = ["tokens", "audit"];
const ACCESS_TOPICS: [Topic; 2] = [ACCESS, AUDIT];

/// What a query may see.
#[derive(Clone)]
pub struct Scope {
    pub node: Arc<Node>,
    /// Records before these positions.
    pub before: Arc<Positions>,
    /// Also who may ask, and who asked.
    pub sees_access: bool,
    pub scanned: Arc<Scanned>,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl Scope {
    fn topics(&self) -> impl Iterator<Item = &'static Topic> {
        let sees_access = self.sees_access;
        topics::ALL
            .iter()
            .filter(move |topic| sees_access || ACCESS_TOPICS.iter().all(|access| access.name != topic.name))
    }

    fn kinds(&self) -> impl Iterator<Item = RecordKind> {
        self.topics().flat_map(|topic| topic.records())
    }

    fn provider(&self, table: impl Table) -> Arc<dyn TableProvider> {
        Arc::new(Provider { table: Arc::new(table), scanned: self.scanned.clone() })
    }

    fn public(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let (node, before) = (self.node.clone(), self.before.clone());
        Some(match name {
            "ticks" => self.provider(Ticks::new(node, before)),
            "bars" => self.provider(Bars::new(node, before)),
            "snapshot_bars" => self.provider(SnapshotBars::new(node)),
            "log" => self.provider(Events::all(node, self.topics().collect(), before)),
            name if OF_ACCESS.contains(&name) && !self.sees_access => return None,
            name => self.provider(View::new(node, page::listed(name)?)),
        })
    }

    fn event(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let kind = self.kinds().find(|kind| column_of(kind.name()) == name)?;
        Some(self.provider(Events::of(self.node.clone(), kind, self.before.clone())))
    }
}

#[derive(Debug)]
pub struct Catalogue(pub Scope);

#[derive(Debug)]
struct Public(Scope);

#[derive(Debug)]
struct OfEvents(Scope);

impl CatalogProvider for Catalogue {
    fn schema_names(&self) -> Vec<String> {
        vec![PUBLIC.to_owned(), EVENTS.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            PUBLIC => Some(Arc::new(Public(self.0.clone()))),
            EVENTS => Some(Arc::new(OfEvents(self.0.clone()))),
            _ => None,
        }
    }
}

#[async_trait]
impl SchemaProvider for Public {
    fn table_names(&self) -> Vec<String> {
        let lists = page::names().filter(|name| self.0.sees_access || !OF_ACCESS.contains(name));
        OWN.into_iter().chain(lists).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.public(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}

#[async_trait]
impl SchemaProvider for OfEvents {
    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.kinds().map(|kind| column_of(kind.name())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.event(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}
