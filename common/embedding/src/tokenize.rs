//! Text to token ids, as the model was trained on them.

use std::path::Path;

use common_core::{Error, Result};
use tokenizers::{Tokenizer, TruncationParams};

/// The model's tokenizer: cuts at the model's limit, pads nothing.
pub struct TextTokenizer(Tokenizer);

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
        Ok(Self(tokenizer))
    }

    /// Token ids of `text`, special tokens included: at least 2, at most the model's limit.
    ///
    /// # Errors
    /// `InvalidInput` where the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.0.encode_fast(text, true).map_err(|error| {
            Error::invalid_input("the text cannot be tokenized").for_caller().caused_by(error)
        })?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }
}
