//! Text to token ids, as the model was trained on them.

use std::collections::HashSet;
use std::path::Path;

use common_core::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams};

/// The model's tokenizer: cuts at the model's limit, pads nothing.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    /// Ids that say nothing of a text: the tokenizer's own signs, and that of what it does not know.
    signs: HashSet<u32>,
}

/// How vocabularies call what is not in them.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

impl TextTokenizer {
    /// Reads `tokenizer.json`. The file's own truncation and padding are another program's settings: replaced.
    ///
    /// # Errors
    /// `Corrupt` where the file is no tokenizer.
    pub fn open(path: &Path, max_tokens: usize) -> Result<Self> {
        let unreadable = |error| {
            Error::corrupt(format!("{} is not a tokenizer; run `scripts/setup --verify`", path.display()))
                .caused_by(error)
        };
        let mut tokenizer = Tokenizer::from_file(path).map_err(unreadable)?;
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(unreadable)?;
        tokenizer.with_padding(None);
        let added = tokenizer.get_added_tokens_decoder();
        let special = added.into_iter().filter(|(_, token)| token.special).map(|(id, _)| id);
        let unknown = UNKNOWN.iter().filter_map(|name| tokenizer.token_to_id(name));
        let signs = special.chain(unknown).collect();
        Ok(Self { tokenizer, signs })
    }

    /// Token ids of `text`, special tokens included: at least 2, at most the model's limit.
    ///
    /// # Errors
    /// `InvalidInput` where the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| {
            Error::invalid_input("the text cannot be tokenized").for_caller().caused_by(error)
        })?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// Whether there is more in `ids` than the tokenizer's own signs and what it does not know.
    pub fn is_readable(&self, ids: &[i64]) -> bool {
        ids.iter().any(|&id| u32::try_from(id).is_ok_and(|id| !self.signs.contains(&id)))
    }

    /// Whether the vocabulary has anything of `text`.
    pub fn knows(&self, text: &str) -> bool {
        let encoding = self.tokenizer.encode_fast(text, false);
        encoding.is_ok_and(|encoding| encoding.get_ids().iter().any(|id| !self.signs.contains(id)))
    }
}
