//! Codec, views, lake and spans. Each is embedded unless its section of the configuration names a service.

use std::sync::Arc;

use gauntlet_config::Config;
use gauntlet_lake::Lake;
use gauntlet_runtime::spans::Spans;
use gauntlet_views::{EmbeddedStore, ViewStore};
use gauntlet_wire::Codec;

use super::{Fill, remote};
use crate::refusal::Refusal;

/// What there is beside the log.
pub struct Stores {
    /// The codec.
    pub codec: Codec,
    /// The views.
    pub views: Arc<dyn ViewStore>,
    /// The lake.
    pub lake: Arc<Lake>,
    /// Where finished spans go, if the configuration names a collector.
    pub spans: Option<Arc<dyn Spans>>,
    config: Config,
}

impl Stores {
    /// Opens files, or connects; `embedded` opens the views of the directory where no other store is named.
    pub fn open(
        config: &Config,
        embedded: impl FnOnce() -> Result<EmbeddedStore, Refusal>,
    ) -> Result<Stores, Refusal> {
        let views: Arc<dyn ViewStore> =
            if config.cql.nodes.is_empty() { Arc::new(embedded()?) } else { remote::views(config)? };
        let codec = if config.registry.url.is_empty() { Codec::default() } else { remote::codec(config)? };
        let lake = Arc::new(match config.lake.url.as_str() {
            "" => Lake::open(config.dir.join("lake"))?,
            url if url.starts_with("file:") => Lake::open_url(url)?,
            _ => remote::lake(config)?,
        });
        Ok(Stores { codec, views, lake, spans: super::spans(config)?, config: config.clone() })
    }

    /// Whether the views are a file of this machine.
    pub fn are_views_embedded(&self) -> bool {
        self.config.cql.nodes.is_empty()
    }

    /// Makes the views again, which a node knows as `views`. Embedded ones are dropped first; on a cluster new tables are
    /// filled beside the old ones and take their place when they have caught up.
    pub fn rebuild_views(&self, views: Arc<dyn ViewStore>, fill: Fill<'_>) -> Result<(), Refusal> {
        if self.are_views_embedded() {
            views.clear()?;
            fill(views)
        } else {
            remote::rebuild_views(&self.config, fill)
        }
    }
}
