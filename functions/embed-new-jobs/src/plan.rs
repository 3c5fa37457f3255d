//! Which ads of a page need what: a vector, a vector that another ad has already, a refresh, or nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use common::embedding::Reader;
use common::job::{ContentHash, JobKey, Timestamp, embedding_text};
use common::pay::Unread;
use common::storage::warehouse::{Candidate, EmbeddingStore, EmbeddingTable, FilterColumns, SharedRow};
use common::{Result, feed};

/// Texts that are on their way from the plan to the warehouse, so that none is computed twice.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<ContentHash>>>);

impl InFlight {
    fn insert(&self, hash: ContentHash) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }

    fn contains(&self, hash: ContentHash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&hash)
    }

    /// Forgets texts that have arrived, or never will.
    pub(crate) fn remove<'a>(&self, hashes: impl Iterator<Item = &'a ContentHash>) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.for_each(|hash| {
            set.remove(hash);
        });
    }
}

/// An ad whose text the model must read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    pub(crate) key: JobKey,
    pub(crate) text: String,
    pub(crate) content_hash: ContentHash,
    pub(crate) filters: FilterColumns,
}

/// What a page asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PagePlan {
    /// The model must read these.
    pub(crate) compute: Vec<Pending>,
    /// Their text is on its way to the warehouse for another ad: they wait for that row.
    pub(crate) wait: Vec<SharedRow>,
    /// So many ads have been given the vector that another ad had of their text (in a dry run: would be).
    pub(crate) shared: u64,
    /// The text is the same; what the ad says besides has changed.
    pub(crate) refresh: Vec<SharedRow>,
    /// There is no text any more, or none that the model can read, and a vector of an old one.
    pub(crate) remove: Vec<JobKey>,
    /// Nothing to do.
    pub(crate) unchanged: u64,
    /// No text to embed.
    pub(crate) skipped: u64,
    /// Pay that no filter can compare.
    pub(crate) unread_pay: Unread,
    /// Text of which the model can read nothing.
    pub(crate) unreadable: u64,
    /// Whether ads were left out because the run's limit is reached.
    pub(crate) limit_reached: bool,
}

/// Decides for every page of a run.
pub(crate) struct Planner<'a> {
    pub(crate) embeddings: &'a dyn EmbeddingStore,
    pub(crate) table: &'a EmbeddingTable,
    pub(crate) space: &'a str,
    pub(crate) reader: Arc<Reader>,
    /// Embed again what is current: then only vectors written since this moment count as known.
    pub(crate) force_since: Option<Timestamp>,
    pub(crate) dry_run: bool,
    /// How many ads this run may still give a vector.
    pub(crate) left: u64,
    pub(crate) in_flight: InFlight,
}

impl Planner<'_> {
    /// What `page` asks for. Ads whose text another ad has are served here: later, that ad may have another text. The
    /// texts in `compute` count as in flight from now on.
    pub(crate) async fn plan(&mut self, page: Vec<Candidate>) -> Result<PagePlan> {
        let mut plan = PagePlan::default();
        let mut pending = Vec::new();
        let reader = Arc::clone(&self.reader);
        let read = move || Ok(page.into_iter().map(|ad| text_of(&reader, ad)).collect::<Vec<_>>());
        for (ad, text) in feed::blocking("reading a page of ads", read).await? {
            plan.unread_pay.observe(ad.pay.min, ad.pay.max, ad.pay.currency.as_deref());
            self.sort_out(ad, text, &mut plan, &mut pending);
        }
        plan.limit_reached = pending.len() as u64 > self.left;
        pending.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= pending.len() as u64;
        // In this order: a text that leaves the flight after the first look is in the warehouse at the second.
        let mut seen = HashSet::new();
        let (repeated, fresh): (Vec<_>, Vec<_>) = pending.into_iter().partition(|ad: &Pending| {
            self.in_flight.contains(ad.content_hash) || !seen.insert(ad.content_hash)
        });
        plan.wait = repeated.iter().map(shared).collect();
        plan.compute = self.share(fresh, &mut plan.shared).await?;
        for ad in &plan.compute {
            self.in_flight.insert(ad.content_hash);
        }
        Ok(plan)
    }

    /// Gives the ads whose text has a vector that vector; returns the others.
    async fn share(&self, fresh: Vec<Pending>, count: &mut u64) -> Result<Vec<Pending>> {
        let hashes: Vec<ContentHash> = fresh.iter().map(|ad| ad.content_hash).collect();
        let known = self.embeddings.known_texts(self.table, self.space, &hashes, self.force_since).await?;
        let (known, mut compute): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|ad| known.contains(&ad.content_hash));
        *count = known.len() as u64;
        if known.is_empty() || self.dry_run {
            return Ok(compute);
        }
        let rows = known.iter().map(shared).collect();
        let without =
            self.embeddings.share_embeddings(self.table, self.space, rows, self.force_since).await?;
        *count -= without.len() as u64;
        compute.extend(known.into_iter().filter(|ad| without.contains(&ad.key)));
        Ok(compute)
    }

    fn sort_out(&self, ad: Candidate, text: Text, plan: &mut PagePlan, pending: &mut Vec<Pending>) {
        let text = match text {
            Text::Readable(text) => text,
            without => {
                *if without == Text::None { &mut plan.skipped } else { &mut plan.unreadable } += 1;
                if ad.stored.is_some() {
                    plan.remove.push(ad.key);
                }
                return;
            }
        };
        let content_hash = ContentHash::of(&text);
        let pending_ad = Pending { key: ad.key, text, content_hash, filters: ad.filters };
        let current = ad.stored.filter(|stored| {
            self.force_since.is_none()
                && stored.embedding_space == self.space
                && stored.content_hash == content_hash.to_string()
        });
        match current {
            Some(stored) if stored.filters == pending_ad.filters => plan.unchanged += 1,
            Some(_) => plan.refresh.push(shared(&pending_ad)),
            None => pending.push(pending_ad),
        }
    }
}

/// What there is of an ad to embed.
#[derive(Debug, PartialEq, Eq)]
enum Text {
    None,
    /// The model can read nothing of it.
    Unreadable,
    Readable(String),
}

fn text_of(reader: &Reader, ad: Candidate) -> (Candidate, Text) {
    let text = match embedding_text(ad.title.as_deref(), ad.description.as_deref()) {
        None => Text::None,
        Some(text) if reader.reads_any(ad.title.as_deref(), ad.description.as_deref()) => {
            Text::Readable(text)
        }
        Some(_) => Text::Unreadable,
    };
    (ad, text)
}

fn shared(ad: &Pending) -> SharedRow {
    SharedRow { key: ad.key.clone(), content_hash: ad.content_hash, filters: ad.filters.clone() }
}
