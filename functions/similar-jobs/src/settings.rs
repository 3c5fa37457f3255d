//! Settings of the service.

use std::time::Duration;

use common::embedding::EmbeddingSettings;
use common::index::settings::IndexSettings;
use common::prediction::settings::ChampionSettings;
use common::runtime::settings::ServingSettings;
use common::settings::Whole;
use common::storage::settings::StorageSettings;
use common::{compose_settings, settings, string_enum};

string_enum! {
    /// What is searched.
    pub(crate) enum Search {
        /// The index artifact.
        "index" => Index,
        /// The warehouse.
        "warehouse" => Warehouse,
    }
}

settings! {
    /// What is searched.
    pub(crate) struct SearchSettings, "How" {
        /// What is searched: index, warehouse
        pub search: Search = "index", flag "search WHAT";
        /// How often to look for a newer index, in seconds
        pub index_poll_s: Whole<1, 86_400> = "10", flag "index-poll-s S";
    }
}

compose_settings! {
    /// The service's settings, without those of the process.
    pub(crate) struct ServiceSettings {
        /// Where rows and artifacts are stored.
        pub storage: StorageSettings,
        /// Limits of the load.
        pub serving: ServingSettings,
        /// What is searched.
        pub search: SearchSettings,
        /// Where local copies of indexes are stored.
        pub index: IndexSettings,
        /// Where local copies of models are stored.
        pub champions: ChampionSettings,
        /// The model that embeds texts.
        pub embedding: EmbeddingSettings,
    }
}

impl ServiceSettings {
    /// Maximum duration of a request.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.serving.request_deadline_ms.get())
    }

    /// Interval of checks for a newer index.
    pub(crate) fn index_poll(&self) -> Duration {
        Duration::from_secs(self.search.index_poll_s.get())
    }

    /// The model that embeds texts; the dataset's project pays for Vertex AI unless another project is set.
    pub(crate) fn embedding(&self) -> EmbeddingSettings {
        self.embedding.clone().or_project(self.storage.warehouse_url.project())
    }
}
