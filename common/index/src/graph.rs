//! The graph that finds neighbours among many texts without looking at most of them.
//!
//! Every text has up to [`DEGREE`] links to others, some near and some far. A search starts at the best of a sample of texts and
//! walks to whatever is nearer, keeping the `width` best seen. One layer and a sample instead of a hierarchy: as fast in
//! hundreds of dimensions, and one flat array to map. Method: Jayaram Subramanya et al., "`DiskANN`" (`NeurIPS` 2019).

use std::sync::{Mutex, PoisonError};

use crate::TextId;
use crate::codes::Probe;

/// The most links of a text.
pub const DEGREE: usize = 48;
/// The end of a text's links.
pub(crate) const NONE: TextId = TextId::MAX;

/// Links and starting points.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    /// `[n, degree] u32`, each row filled up with `u32::MAX`.
    pub links: &'a [TextId],
    /// Places for links a text.
    pub degree: usize,
    /// Where searches start: a sample of the texts.
    pub entries: &'a [TextId],
}

/// A text and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The text.
    pub text: TextId,
    /// Cosine similarity, nearly or exactly.
    pub similarity: f32,
}

impl Near {
    /// Best first, and always in the same order.
    pub fn order(a: &Self, b: &Self) -> std::cmp::Ordering {
        b.similarity.total_cmp(&a.similarity).then(a.text.cmp(&b.text))
    }
}

impl<'a> Graph<'a> {
    /// The links of one text.
    #[inline]
    pub fn links_of(&self, text: TextId) -> &'a [TextId] {
        let start = text as usize * self.degree;
        let row = &self.links[start..start + self.degree];
        let end = row.iter().position(|&link| link == NONE).unwrap_or(self.degree);
        &row[..end]
    }

    /// Walks towards the probe, and gives every text that was looked at to `seen`; returns the `width` best, best first.
    pub fn walk(
        &self,
        probe: &Probe<'_>,
        width: usize,
        visited: &mut Visited,
        mut seen: impl FnMut(Near),
    ) -> Vec<Near> {
        visited.clear(self.links.len() / self.degree);
        let mut best = Beam::new(width);
        let mut new: Vec<TextId> = Vec::with_capacity(self.entries.len().max(self.degree));
        let mut links = self.entries;
        loop {
            new.extend(links.iter().filter(|&&text| visited.insert(text)));
            // All are asked for before the first is waited for.
            for &text in &new {
                probe.prefetch(text);
            }
            for text in new.drain(..) {
                let near = Near { text, similarity: probe.similarity(text) };
                seen(near);
                best.offer(near);
            }
            let Some(text) = best.next() else { break };
            links = self.links_of(text);
        }
        best.into_sorted()
    }
}

/// The best texts seen so far, best first, and which of them have been walked from.
struct Beam {
    width: usize,
    entries: Vec<(Near, bool)>,
    /// No entry before this one is left to walk from.
    first_open: usize,
}

impl Beam {
    fn new(width: usize) -> Self {
        Self { width, entries: Vec::with_capacity(width + 1), first_open: 0 }
    }

    fn offer(&mut self, near: Near) {
        if self.entries.len() == self.width
            && self.entries.last().is_some_and(|(worst, _)| Near::order(worst, &near).is_le())
        {
            return;
        }
        let place = self.entries.partition_point(|(other, _)| Near::order(other, &near).is_lt());
        self.entries.insert(place, (near, false));
        self.entries.truncate(self.width);
        self.first_open = self.first_open.min(place);
    }

    fn next(&mut self) -> Option<TextId> {
        let place = self.first_open
            + self.entries[self.first_open.min(self.entries.len())..].iter().position(|(_, done)| !done)?;
        self.entries[place].1 = true;
        self.first_open = place + 1;
        Some(self.entries[place].0.text)
    }

    fn into_sorted(self) -> Vec<Near> {
        self.entries.into_iter().map(|(near, _)| near).collect()
    }
}

/// Which texts a walk has looked at: a byte a text, so that clearing is needed once in 255 walks.
#[derive(Default)]
pub struct Visited {
    marks: Vec<u8>,
    mark: u8,
}

impl Visited {
    fn clear(&mut self, texts: usize) {
        if self.mark == u8::MAX || self.marks.len() != texts {
            self.marks.clear();
            self.marks.resize(texts, 0);
            self.mark = 0;
        }
        self.mark += 1;
    }

    #[inline]
    fn insert(&mut self, text: TextId) -> bool {
        let mark = &mut self.marks[text as usize];
        let is_new = *mark != self.mark;
        *mark = self.mark;
        is_new
    }
}

/// What walks need and leave behind for the next.
#[derive(Default)]
pub struct VisitedPool(Mutex<Vec<Visited>>);

impl VisitedPool {
    /// Lends one to `work`.
    pub fn with<T>(&self, work: impl FnOnce(&mut Visited) -> T) -> T {
        let mut visited = self.lock().pop().unwrap_or_default();
        let value = work(&mut visited);
        self.lock().push(visited);
        value
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Visited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
