//! What the service reads.

use std::time::Duration;

use common::embedding::EmbeddingSettings;
use common::index::settings::IndexSettings;
use common::runtime::settings::ServingSettings;
use common::settings::Whole;
use common::storage::settings::StorageSettings;
use common::{compose_settings, settings, string_enum};

string_enum! {
    /// What similar ads are looked up in.
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
    /// What the service reads, besides the settings of the process.
    pub(crate) struct ServiceSettings {
        /// Where rows and artifacts are.
        pub storage: StorageSettings,
        /// How much it takes on.
        pub serving: ServingSettings,
        /// What is searched.
        pub search: SearchSettings,
        /// Where indexes are kept.
        pub index: IndexSettings,
        /// What embeds texts.
        pub embedding: EmbeddingSettings,
    }
}

impl ServiceSettings {
    /// The longest that one request is worked on.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.serving.request_deadline_ms.get())
    }

    /// How often to look for a newer index.
    pub(crate) fn index_poll(&self) -> Duration {
        Duration::from_secs(self.search.index_poll_s.get())
    }

    /// What embeds texts; the dataset's project pays for Vertex AI where no other is named.
    pub(crate) fn embedding(&self) -> EmbeddingSettings {
        self.embedding.clone().or_project(self.storage.warehouse_url.project())
    }
}
