//! The graph for approximate nearest-neighbour search.
//!
//! Every text has up to [`DEGREE`] links to other texts, near and far ones. A beam search starts from a sample of
//! texts, follows the links of the best texts, and keeps the `width` best. One layer with a sample of entry points
//! replaces a hierarchy: it is as fast in hundreds of dimensions, and one flat array can be memory-mapped. Method:
//! Jayaram Subramanya et al., "`DiskANN`" (`NeurIPS` 2019).

use std::sync::{Mutex, PoisonError};

use crate::TextId;
use crate::codes::Probe;

/// Maximum number of links of a text.
pub const DEGREE: usize = 48;
/// Fills the unused slots after the links of a text.
pub(crate) const NONE: TextId = TextId::MAX;

/// Links and entry points.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    /// `[n, degree] u32`, with unused slots at the end of each row filled with `u32::MAX`.
    pub links: &'a [TextId],
    /// Number of slots for links per text.
    pub degree: usize,
    /// The texts from which searches start, a sample.
    pub entries: &'a [TextId],
}

/// A text with its similarity to the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The text.
    pub text: TextId,
    /// Cosine similarity, approximate or exact.
    pub similarity: f32,
}

impl Neighbour {
    /// Compares by descending similarity; ties by text, so that the order is total.
    pub fn order(a: &Self, b: &Self) -> std::cmp::Ordering {
        b.similarity.total_cmp(&a.similarity).then(a.text.cmp(&b.text))
    }
}

impl<'a> Graph<'a> {
    /// The links of a text.
    #[inline]
    pub fn links_of(&self, text: TextId) -> &'a [TextId] {
        let start = text as usize * self.degree;
        let row = &self.links[start..start + self.degree];
        let end = row.iter().position(|&link| link == NONE).unwrap_or(self.degree);
        &row[..end]
    }

    /// Beam search: returns the `width` most similar texts that it visits, best first, and passes every visited text to
    /// `seen`.
    pub fn search(
        &self,
        probe: &Probe<'_>,
        width: usize,
        visited: &mut Visited,
        mut seen: impl FnMut(Neighbour),
    ) -> Vec<Neighbour> {
        visited.clear(self.links.len() / self.degree);
        let mut best = Beam::new(width);
        let mut new: Vec<TextId> = Vec::with_capacity(self.entries.len().max(self.degree));
        let mut links = self.entries;
        loop {
            new.extend(links.iter().filter(|&&text| visited.insert(text)));
            // All codes are prefetched before the first comparison.
            for &text in &new {
                probe.prefetch(text);
            }
            for text in new.drain(..) {
                let near = Neighbour { text, similarity: probe.similarity(text) };
                seen(near);
                best.insert(near);
            }
            let Some(text) = best.next_unexpanded() else { break };
            links = self.links_of(text);
        }
        best.into_sorted()
    }
}

/// The best texts so far, best first, and whether their links were followed.
struct Beam {
    width: usize,
    entries: Vec<(Neighbour, bool)>,
    /// The links of all entries before this one were followed.
    first_open: usize,
}

impl Beam {
    fn new(width: usize) -> Self {
        Self { width, entries: Vec::with_capacity(width + 1), first_open: 0 }
    }

    fn insert(&mut self, near: Neighbour) {
        if self.entries.len() == self.width
            && self.entries.last().is_some_and(|(worst, _)| Neighbour::order(worst, &near).is_le())
        {
            return;
        }
        let index = self.entries.partition_point(|(other, _)| Neighbour::order(other, &near).is_lt());
        self.entries.insert(index, (near, false));
        self.entries.truncate(self.width);
        self.first_open = self.first_open.min(index);
    }

    fn next_unexpanded(&mut self) -> Option<TextId> {
        let index = self.first_open
            + self.entries[self.first_open.min(self.entries.len())..].iter().position(|(_, done)| !done)?;
        self.entries[index].1 = true;
        self.first_open = index + 1;
        Some(self.entries[index].0.text)
    }

    fn into_sorted(self) -> Vec<Neighbour> {
        self.entries.into_iter().map(|(near, _)| near).collect()
    }
}

/// The texts that a search has visited: one byte per text with the number of the search, so that the bytes are cleared
/// only once in 255 searches.
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

/// A pool of [`Visited`] sets for concurrent searches.
#[derive(Default)]
pub struct VisitedPool(Mutex<Vec<Visited>>);

impl VisitedPool {
    /// Runs `work` with a set from the pool.
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
