//! Converts text to the token ids of a model.

use std::collections::HashSet;
use std::path::Path;

use common_core::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams};

/// The tokenizer of a model. It truncates to the limit of the model and does not pad.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    /// Ids of special tokens and of the unknown token, which carry no information about a text.
    special: HashSet<u32>,
}

/// Names of the unknown token in vocabularies.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

impl TextTokenizer {
    /// Reads `tokenizer.json`, and overrides its settings of truncation and padding.
    ///
    /// # Errors
    /// `Corrupt` if the file is not a tokenizer.
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
        let special = special.chain(unknown).collect();
        Ok(Self { tokenizer, special })
    }

    /// The token ids of `text` including special tokens: at least 2, at most the limit of the model.
    ///
    /// # Errors
    /// `InvalidInput` if the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| {
            Error::invalid_input("the text cannot be tokenized").for_caller().caused_by(error)
        })?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// Returns whether `ids` contain a token other than special tokens and the unknown token.
    pub fn is_readable(&self, ids: &[i64]) -> bool {
        ids.iter().any(|&id| u32::try_from(id).is_ok_and(|id| !self.special.contains(&id)))
    }

    /// Returns whether the vocabulary contains a token of `text`.
    pub fn knows(&self, text: &str) -> bool {
        let encoding = self.tokenizer.encode_fast(text, false);
        encoding.is_ok_and(|encoding| encoding.get_ids().iter().any(|id| !self.special.contains(id)))
    }
}
