//! The schedule of faults, and changes of messages.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fault::{Fault, SEEDED};
use super::message::Kind;

/// Maximum number of consecutive faults: less than the minimum number of attempts of a client.
const MAX_CONSECUTIVE_FAULTS: u32 = 3;

/// The requests that forced faults apply to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    All,
    Uploads,
    /// Uploads of content, without the start and the status of a resumable upload.
    Content,
}

/// What happens to the next requests.
pub(super) struct Schedule {
    random: ChaCha8Rng,
    /// One request in `one_in` fails; 0 for none.
    one_in: u32,
    /// Faults of the next requests in reverse order, before the random ones.
    forced: Vec<Fault>,
    /// The requests that `forced` applies to.
    forced_on: Scope,
    consecutive: u32,
    pub(super) injected: Vec<Fault>,
    /// Requests that contain these bytes get a 400.
    pub(super) refused_content: Option<Vec<u8>>,
    /// Whether all connections are closed.
    pub(super) is_cut: bool,
    /// Whether 404 and 412 responses are replaced by those of Cloud Storage.
    pub(super) has_gcs_messages: bool,
    /// Replacements in requests and responses.
    pub(super) replacements: Vec<Replacement>,
}

impl Schedule {
    pub(super) fn new(seed: u64, one_in: u32) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            one_in,
            forced: Vec::new(),
            forced_on: Scope::All,
            consecutive: 0,
            injected: Vec::new(),
            refused_content: None,
            is_cut: false,
            has_gcs_messages: false,
            replacements: Vec::new(),
        }
    }

    /// Replaces the forced faults.
    pub(super) fn force(&mut self, faults: &[Fault], forced_on: Scope) {
        self.forced = faults.iter().rev().copied().collect();
        self.forced_on = forced_on;
    }

    /// Chooses the fault of a request.
    pub(super) fn next(&mut self, kind: Kind) -> Option<Fault> {
        let forced_on = self.forced_on;
        let is_affected = |fault: &mut Fault| match (fault, forced_on) {
            (Fault::CutUpload { .. }, _) | (_, Scope::Content) => kind == Kind::Content,
            (_, Scope::Uploads) => kind != Kind::Other,
            (_, Scope::All) => true,
        };
        let fault = match self.forced.pop_if(is_affected) {
            _ if self.is_cut => Some(Fault::CutBefore),
            Some(fault) => Some(fault),
            None => (self.one_in > 0
                && self.consecutive < MAX_CONSECUTIVE_FAULTS
                && self.random.random_ratio(1, self.one_in))
            .then(|| SEEDED[self.random.random_range(0..SEEDED.len())]),
        };
        self.consecutive = if fault.is_some() { self.consecutive + 1 } else { 0 };
        self.injected.extend(fault);
        fault
    }

    /// Keeps a fault that did not happen for the next request.
    pub(super) fn put_back(&mut self, fault: Fault) {
        self.forced.push(fault);
        if let Some(place) = self.injected.iter().rposition(|injected| *injected == fault) {
            self.injected.remove(place);
        }
    }

    /// Applies the replacements to a message.
    pub(super) fn replace(&self, message: &mut [u8]) {
        for replacement in &self.replacements {
            replacement.apply(message);
        }
    }

    /// Whether a request is to be refused.
    pub(super) fn refuses(&self, request: &[u8]) -> bool {
        self.refused_content.as_ref().is_some_and(|text| contains(request, text))
    }
}

/// Replaces `from` by `to`, which has the same length, in messages that contain `marker`.
pub(super) struct Replacement {
    pub(super) marker: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

impl Replacement {
    /// Applies the replacement. The length does not change, so that `Content-Length` stays correct.
    fn apply(&self, bytes: &mut [u8]) {
        let (from, to) = (self.from.as_bytes(), self.to.as_bytes());
        if !contains(bytes, self.marker.as_bytes()) {
            return;
        }
        for start in 0..(bytes.len() + 1).saturating_sub(from.len()) {
            if bytes[start..].starts_with(from) {
                bytes[start..start + to.len()].copy_from_slice(to);
            }
        }
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
