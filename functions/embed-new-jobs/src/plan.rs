//! Decides what each ad of a page needs: a new vector, the existing vector of another ad, a refresh, or nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use common::embedding::Reader;
use common::job::{ContentHash, JobKey, Timestamp, embedding_text};
use common::mask::{mask_pay, states_pay};
use common::pay::Unread;
use common::storage::warehouse::{Candidate, EmbeddingStore, EmbeddingTable, FilterColumns, SharedRow};
use common::{Result, feed};

/// Texts that are planned but not yet written to the warehouse, so that no text is embedded twice.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<ContentHash>>>);

impl InFlight {
    fn insert(&self, hash: ContentHash) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }

    fn contains(&self, hash: ContentHash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&hash)
    }

    /// Removes texts that have been written or have failed.
    pub(crate) fn remove<'a>(&self, hashes: impl Iterator<Item = &'a ContentHash>) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.for_each(|hash| {
            set.remove(hash);
        });
    }
}

/// An ad to embed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    pub(crate) key: JobKey,
    pub(crate) text: String,
    pub(crate) content_hash: ContentHash,
    pub(crate) filters: FilterColumns,
}

/// The work for a page of ads.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PagePlan {
    /// Ads to embed.
    pub(crate) compute: Vec<Pending>,
    /// Ads whose text is in flight for another ad: they wait for the row of that ad.
    pub(crate) wait: Vec<SharedRow>,
    /// Ads that reused an existing vector (in a dry run: that would reuse one).
    pub(crate) shared: u64,
    /// Ads with an unchanged text whose other columns changed.
    pub(crate) refresh: Vec<SharedRow>,
    /// Ads with a stored vector that no longer have a readable text.
    pub(crate) remove: Vec<JobKey>,
    /// Ads with a current embedding.
    pub(crate) unchanged: u64,
    /// Ads without text, or without stated pay if the recipe masks it.
    pub(crate) skipped: u64,
    /// Ads whose pay cannot be compared by filters.
    pub(crate) unread_pay: Unread,
    /// Ads with a text of which the model recognizes no token.
    pub(crate) unreadable: u64,
    /// Whether ads were left out because the limit of the run is reached.
    pub(crate) limit_reached: bool,
}

/// Which text of an ad is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// The embedding text.
    Plain,
    /// The embedding text with stated pay masked, only of ads that state pay.
    Masked,
}

/// Plans the pages of a run.
pub(crate) struct Planner<'a> {
    pub(crate) embeddings: &'a dyn EmbeddingStore,
    pub(crate) table: &'a EmbeddingTable,
    pub(crate) space: &'a str,
    pub(crate) recipe: Recipe,
    pub(crate) reader: Arc<Reader>,
    /// In a run with `force`: only vectors written since this time are current.
    pub(crate) force_since: Option<Timestamp>,
    pub(crate) dry_run: bool,
    /// The number of ads that the limit of the run still allows.
    pub(crate) remaining: u64,
    pub(crate) in_flight: InFlight,
}

impl Planner<'_> {
    /// Plans the work for `page`. Copies existing vectors to ads with the same text immediately, because the text of
    /// the other ad may change later. Marks the texts in `compute` as in flight.
    pub(crate) async fn plan(&mut self, page: Vec<Candidate>) -> Result<PagePlan> {
        let mut plan = PagePlan::default();
        let mut pending = Vec::new();
        let (recipe, reader) = (self.recipe, Arc::clone(&self.reader));
        let read = move || Ok(page.into_iter().map(|ad| (recipe.text(&reader, &ad), ad)).collect::<Vec<_>>());
        for (text, ad) in feed::blocking("reading a page of ads", read).await? {
            plan.unread_pay.observe(ad.pay.min, ad.pay.max, ad.pay.currency.as_deref());
            self.classify(ad, text, &mut plan, &mut pending);
        }
        plan.limit_reached = pending.len() as u64 > self.remaining;
        pending.truncate(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= pending.len() as u64;
        // Check the texts in flight before the warehouse: a text that leaves in between is then found in the warehouse.
        let mut seen = HashSet::new();
        let (repeated, fresh): (Vec<_>, Vec<_>) = pending.into_iter().partition(|ad: &Pending| {
            self.in_flight.contains(ad.content_hash) || !seen.insert(ad.content_hash)
        });
        plan.wait = repeated.iter().map(shared_row).collect();
        plan.compute = self.share(fresh, &mut plan.shared).await?;
        for ad in &plan.compute {
            self.in_flight.insert(ad.content_hash);
        }
        Ok(plan)
    }

    /// Copies existing vectors to ads with the same text; returns the other ads.
    async fn share(&self, fresh: Vec<Pending>, count: &mut u64) -> Result<Vec<Pending>> {
        let hashes: Vec<ContentHash> = fresh.iter().map(|ad| ad.content_hash).collect();
        let known = self.embeddings.known_texts(self.table, self.space, &hashes, self.force_since).await?;
        let (known, mut compute): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|ad| known.contains(&ad.content_hash));
        *count = known.len() as u64;
        if known.is_empty() || self.dry_run {
            return Ok(compute);
        }
        let rows = known.iter().map(shared_row).collect();
        let without =
            self.embeddings.share_embeddings(self.table, self.space, rows, self.force_since).await?;
        *count -= without.len() as u64;
        compute.extend(known.into_iter().filter(|ad| without.contains(&ad.key)));
        Ok(compute)
    }

    fn classify(&self, ad: Candidate, text: Text, plan: &mut PagePlan, pending: &mut Vec<Pending>) {
        let text = match text {
            Text::Readable(text) => text,
            missing => {
                *if missing == Text::None { &mut plan.skipped } else { &mut plan.unreadable } += 1;
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
            Some(_) => plan.refresh.push(shared_row(&pending_ad)),
            None => pending.push(pending_ad),
        }
    }
}

/// The text of an ad to embed.
#[derive(Debug, PartialEq, Eq)]
enum Text {
    None,
    /// The model recognizes no token of the text.
    Unreadable,
    Readable(String),
}

impl Recipe {
    fn text(self, reader: &Reader, ad: &Candidate) -> Text {
        let (title, description) = (ad.title.as_deref(), ad.description.as_deref());
        let Some(text) = embedding_text(title, description) else { return Text::None };
        let (text, is_readable) = match self {
            Self::Plain => (text, reader.reads_any(title, description)),
            Self::Masked if !states_pay(&text) => return Text::None,
            Self::Masked => {
                let masked = mask_pay(&text).into_owned();
                let is_readable = reader.reads(&masked);
                (masked, is_readable)
            }
        };
        if is_readable { Text::Readable(text) } else { Text::Unreadable }
    }
}

fn shared_row(ad: &Pending) -> SharedRow {
    SharedRow { key: ad.key.clone(), content_hash: ad.content_hash, filters: ad.filters.clone() }
}
