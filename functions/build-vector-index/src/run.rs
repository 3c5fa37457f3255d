//! One run from warehouse to champion.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use common::artifact::Decision;
use common::embedding::{self, Identity, Reader};
use common::feed;
use common::index::build::GRAPH_TEXTS;
use common::index::manifest::{KIND, Origin, Quality, embedding_space};
use common::index::{BuildOptions, Builder, JobIndex, Manifest, Placement};
use common::job::{IndexedAd, embedding_text};
use common::runtime::{Invocation, Run};
use common::storage::registry::Champion;
use common::storage::staging::StagingFolder;
use common::storage::warehouse::{
    EmbeddingStore, EmbeddingTable, IndexState, Takedowns, VectorSearch, refuse_fewer,
};
use common::storage::{Access, Registry, Warehouse};
use common::{Error, ErrorKind, Result, failpoint};
use futures::StreamExt;

use crate::clustering::{self, Clustering};
use crate::context::BuildVectorIndex;
use crate::options::Options;
use crate::published::{champion, open, readable, refuse_empty};
use crate::report::{Outcome, Report};
use crate::{promote, warehouse_index};

/// Maximum share of added and removed texts for which the last graph is extended.
const MOST_CHANGED: f64 = 0.2;
const BUILDING: &str = "building the index";

/// Builds, checks and publishes an index; see the crate's documentation.
pub(crate) async fn run(context: &BuildVectorIndex, invocation: Invocation<Options>) -> Result<Report> {
    invocation.options.check()?;
    if let Some(version) = &invocation.options.promote {
        return promote::run(context, &invocation, version).await;
    }
    let access = if invocation.dry_run { Access::Read } else { Access::Write };
    let warehouse = context.storage.warehouse(access).await?;
    let work = Box::pin(work(context, &invocation, warehouse.as_ref()));
    if invocation.dry_run {
        return work.await;
    }
    Run::of(crate::FUNCTION, &invocation).recorded(warehouse.as_ref(), work).await
}

async fn work(
    context: &BuildVectorIndex,
    invocation: &Invocation<Options>,
    warehouse: &dyn Warehouse,
) -> Result<Report> {
    let identity = embedding::identity(&context.settings.model)?;
    let job = Job {
        context,
        embeddings: warehouse,
        takedowns: warehouse,
        search: warehouse,
        registry: Registry::new(context.storage.artifacts()?, KIND, "indexes"),
        table: EmbeddingTable::of_model(&identity.model_name, identity.dimension),
        identity,
        invocation,
        started: Instant::now(),
    };
    if !invocation.dry_run {
        warehouse.create_embeddings(&job.table).await?;
    }
    Box::pin(job.build()).await
}

struct Job<'a> {
    context: &'a BuildVectorIndex,
    embeddings: &'a dyn EmbeddingStore,
    takedowns: &'a dyn Takedowns,
    search: &'a dyn VectorSearch,
    registry: Registry,
    table: EmbeddingTable,
    identity: Identity,
    invocation: &'a Invocation<Options>,
    started: Instant,
}

/// What an index is built from.
struct Ground<'a> {
    state: &'a IndexState,
    /// `None` for an index without clusters.
    placement: Option<Arc<dyn Placement>>,
}

/// Opens a clustering, if there is one.
async fn placement(clustering: Option<&Clustering>) -> Result<Option<Arc<dyn Placement>>> {
    match clustering {
        Some(clustering) => Ok(Some(clustering.placement().await?.into())),
        None => Ok(None),
    }
}

impl Job<'_> {
    async fn build(&self) -> Result<Report> {
        let options = &self.invocation.options;
        let space = &self.identity.embedding_space;
        let champion = champion(&self.registry).await?;
        let state = self.embeddings.index_state(&self.table, space).await?;
        let (last, has_forgotten) = self.look_for_forgotten(self.last(champion.as_ref()).await?).await?;
        let served = last.as_ref().map(JobIndex::manifest);
        self.refuse_nothing(&state, champion.as_ref()).await?;
        if state.timestamps_out_of_range > 0 {
            tracing::warn!(
                timestamps_out_of_range = state.timestamps_out_of_range,
                "moments outside the years 1 to 9999 count as missing"
            );
        }
        let mut report = Report {
            outcome: Outcome::Unchanged,
            champion: champion.as_ref().map(|champion| champion.version.clone()),
            published: None,
            embeddings: Some(state.clone()),
            embedding_space: space.clone(),
            timestamps_out_of_range: state.timestamps_out_of_range,
            index: served.map(Into::into),
            removed_versions: Vec::new(),
            warehouse_index: None,
            seconds: 0.0,
            interrupted: false,
        };
        let clustering = clustering::champion(self.context, space).await?;
        let origin = Origin {
            state: in_words(&state),
            clustering: clustering.as_ref().map(|clustering| clustering.version.clone()),
        };
        let is_same_of = |built: &Manifest| embedding_space(built) == space && built.body.origin == origin;
        let is_same = match served {
            Some(served) if !has_forgotten => {
                is_same_of(served)
                    || self.passed_over(champion.as_ref()).await?.is_some_and(|built| is_same_of(&built))
            }
            _ => false,
        };
        if self.invocation.dry_run {
            if !is_same || options.force {
                report.outcome = Outcome::WouldBuild;
                report.index = None;
            }
        } else if !is_same || options.force {
            if !options.no_promote {
                warn_of_another_space(served, space);
            }
            let ground = Ground { state: &state, placement: placement(clustering.as_ref()).await? };
            self.publish(&mut report, champion.as_ref(), &ground, last).await?;
        }
        if !self.invocation.dry_run && !report.interrupted {
            report.removed_versions = self.registry.prune(options.keep).await?;
        }
        if !self.invocation.dry_run && !self.invocation.shutdown.is_cancelled() {
            report.warehouse_index =
                warehouse_index::refresh(self.search, &self.table, self.invocation).await?;
        }
        report.seconds = self.started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// The champion's index, or `None` if it cannot be read: a damaged champion does not prevent a new build.
    async fn last(&self, champion: Option<&Champion>) -> Result<Option<JobIndex>> {
        let Some(champion) = champion else { return Ok(None) };
        match open(&self.registry, &champion.version, &self.context.settings.index.index_dir).await {
            Ok(index) => Ok(Some(index)),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                tracing::warn!(
                    "champion {} cannot be read; building without it: {}",
                    champion.version,
                    error.chain()
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the last index contains ads that were taken down. Such an index is rebuilt, even if the tables have
    /// not changed since it or its predecessor was built.
    async fn look_for_forgotten(&self, last: Option<JobIndex>) -> Result<(Option<JobIndex>, bool)> {
        let Some(last) = last else { return Ok((None, false)) };
        let tombstones = self.takedowns.tombstones().await?;
        feed::blocking("comparing the index with the tombstones", move || {
            let has_forgotten = tombstones.iter().any(|ad| last.row_of(&ad.source, &ad.job_id).is_some());
            Ok((Some(last), has_forgotten))
        })
        .await
    }

    /// The version that an operator rolled back from: it is not built again.
    async fn passed_over(&self, champion: Option<&Champion>) -> Result<Option<Manifest>> {
        let Some(version) = champion.and_then(|champion| champion.instead_of.as_ref()) else {
            return Ok(None);
        };
        readable(self.registry.manifest(version).await)
    }

    /// Refuses to replace a non-empty index with an empty one: the table may be in the middle of a
    /// replacement, or belong to another model.
    async fn refuse_nothing(&self, state: &IndexState, champion: Option<&Champion>) -> Result<()> {
        if state.ads > 0 || self.invocation.options.allow_empty {
            return Ok(());
        }
        let table = &self.table.name;
        if state.rows > 0 {
            let why = format!("none of the {} ads in {table} is in cleaned_jobs", state.rows);
            return refuse_empty(&self.registry, champion, &why).await;
        }
        let spaces = self.embeddings.embedding_spaces(&self.table).await?;
        if let Some((space, rows)) = spaces.first() {
            return Err(Error::not_found(format!(
                "{table} has {rows} rows of {space} and none of {}: run embed-new-jobs with this model, or set EMBEDDING_MODEL to the other one",
                self.identity.embedding_space
            )));
        }
        refuse_empty(&self.registry, champion, &format!("{table} is empty")).await
    }

    async fn refuse_fewer(&self, seen: u64, counted: u64) -> Result<()> {
        let space = &self.identity.embedding_space;
        let recount = async { Ok(self.embeddings.index_state(&self.table, space).await?.ads) };
        refuse_fewer(seen, counted, recount).await.map_err(|error| {
            error
                .context(format!("reading {}", self.table.name))
                .remedy("the index is not published; run again")
        })
    }

    async fn publish(
        &self,
        report: &mut Report,
        champion: Option<&Champion>,
        ground: &Ground<'_>,
        last: Option<JobIndex>,
    ) -> Result<()> {
        let options = &self.invocation.options;
        let parent = &self.context.settings.index.index_dir;
        let mut folder = StagingFolder::create(parent).await?;
        let last = last.filter(|_| !options.full);
        let mut filled = self.fill(folder.path(), ground, last).await?;
        if let Some(grown) = &filled
            && grown.body.grown_from.is_some()
            && Quality::of(grown).recall_at_10 < options.min_recall
        {
            // Rebuilds by itself, because there may be no operator to set --full.
            let recall = Quality::of(grown).recall_at_10;
            tracing::warn!("recall@10 of the index grown from the last one is {recall:.4}: it is rebuilt");
            folder = StagingFolder::create(parent).await?;
            filled = self.fill(folder.path(), ground, None).await?;
        }
        let Some(mut manifest) = filled else {
            report.outcome = Outcome::Interrupted;
            report.interrupted = true;
            return Ok(());
        };
        if manifest.rows == 0 && !options.allow_empty {
            refuse_empty(&self.registry, champion, &format!("no ad in {} is left", self.table.name)).await?;
        }
        let recall = Quality::of(&manifest).recall_at_10;
        if recall < options.min_recall {
            return Err(Error::internal(format!(
                "recall@10 is {recall:.4}, less than {}: the index is not published; allow less with --min-recall",
                options.min_recall
            )));
        }
        if manifest.body.texts > manifest.body.largest_texts {
            tracing::warn!(
                "the index has {} texts, more than the {} that one instance is meant for: serve with SEARCH=warehouse",
                manifest.body.texts,
                manifest.body.largest_texts
            );
        }
        manifest.version = self.registry.claim().await?;
        manifest.decision = Some(self.decision(recall));
        manifest.write(folder.path())?;
        self.registry.publish(&manifest.version, folder.path()).await?;
        report.published = Some(manifest.version.clone());
        if !options.no_promote {
            self.registry.promote(&manifest.version, champion).await?;
            report.champion = Some(manifest.version.clone());
        }
        report.index = Some((&manifest).into());
        report.outcome = Outcome::Published;
        Ok(())
    }

    fn decision(&self, recall: f64) -> Decision {
        let options = &self.invocation.options;
        let reason = if options.no_promote {
            "--no-promote".to_owned()
        } else {
            format!("recall@10 is {recall:.4}, at least {}", options.min_recall)
        };
        Decision { promoted: !options.no_promote, reason }
    }

    /// Adds every ad to an index in `folder`; `None` if the run was stopped.
    async fn fill(
        &self,
        folder: &Path,
        ground: &Ground<'_>,
        last: Option<JobIndex>,
    ) -> Result<Option<Manifest>> {
        let state = ground.state;
        let options = BuildOptions {
            embedding_space: self.identity.embedding_space.clone(),
            model_version: self.identity.model_version.clone(),
            dimension: self.identity.dimension,
            code_version: crate::FUNCTION.version.to_owned(),
            state: in_words(state),
            graph_texts: self.invocation.options.graph_texts.unwrap_or(GRAPH_TEXTS),
            most_changed: MOST_CHANGED,
        };
        let in_folder = {
            let place =
                format!("cannot build an index in {}", self.context.settings.index.index_dir.display());
            move |error: Error| error.context(&place)
        };
        let Invocation { progress, shutdown, .. } = self.invocation;
        progress.start(state.ads, "ads");
        // After a stop, the stream ends early.
        let pages = self
            .embeddings
            .scan_ads(&self.table, &self.identity.embedding_space)
            .take_until(shutdown.cancelled())
            .inspect(|page| progress.advance(page.as_ref().map_or(0, Vec::len) as u64));
        let (folder, failed, of_model) =
            (folder.to_owned(), in_folder.clone(), self.context.settings.model.clone());
        let builder = feed::into_thread(BUILDING, 2, pages, move |pages| {
            let reader = embedding::reader(&of_model)?;
            let mut builder = Builder::new(&folder, options).map_err(&failed)?;
            while let Some(page) = pages.next_blocking()? {
                failpoint::reach("index::add");
                page.into_iter().try_for_each(|ad| add(&mut builder, &reader, ad)).map_err(&failed)?;
            }
            failpoint::reach("index::add");
            Ok(builder)
        });
        let builder = builder.await?;
        if shutdown.is_cancelled() {
            return Ok(None);
        }
        self.refuse_fewer(builder.read(), state.ads).await?;
        let threads = self.context.settings.build.threads.count();
        let placement = ground.placement.clone();
        let manifest = feed::blocking(BUILDING, move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(|error| Error::internal("cannot start threads").caused_by(error))?;
            pool.install(|| {
                failpoint::reach("index::finish");
                builder.finish(last.as_ref(), placement.as_deref())
            })
            .map_err(in_folder)
        });
        let manifest = manifest.await?;
        failpoint::reach("index::publish");
        progress.finish();
        Ok(Some(manifest))
    }
}

/// Adds an ad to the index, unless the model cannot read its text.
fn add(builder: &mut Builder, reader: &Reader, ad: IndexedAd) -> Result<()> {
    let (title, description) = (ad.job_title.as_deref(), ad.job_description.as_deref());
    if embedding_text(title, description).is_none() || reader.reads_any(title, description) {
        return builder.add(ad);
    }
    builder.leave_out();
    Ok(())
}

/// Warns if the next champion has another embedding space: a service finds out only when it searches by text.
fn warn_of_another_space(served: Option<&Manifest>, space: &str) {
    if let Some(served) = served.filter(|served| embedding_space(served) != space) {
        tracing::warn!(
            "{} is of {}, and the next champion is of {space}: services with another model cannot search by text until they are \
             restarted with this one",
            served.version,
            embedding_space(served)
        );
    }
}

/// A string that identifies a state of the embeddings.
fn in_words(state: &IndexState) -> String {
    serde_json::json!(state).to_string()
}
