//! Detects unreadable texts, of which the model knows no token. They are not embedded, because all of them would get
//! the same vector.

use std::fmt;

use common_core::fold::is_visible;
use common_core::job::embedding_text;
use common_core::{Error, Result};

use crate::model::ModelPackage;
use crate::settings::ModelSettings;
use crate::tokenize::TextTokenizer;

/// Maximum length of a word in characters: `WordPiece` tokenizers treat longer words as unknown.
const MAX_WORD_CHARS: usize = 100;

/// Detects texts that the configured model cannot read, without loading the model.
pub struct Reader {
    /// `None` for a remote model, whose vocabulary is not available.
    tokenizer: Option<TextTokenizer>,
}

/// Opens the reader of the configured model.
///
/// # Errors
/// `NotFound` or `Corrupt` if the model package is missing or altered, `Configuration` if the model is unknown.
pub fn reader(settings: &ModelSettings) -> Result<Reader> {
    #[cfg(feature = "gcp")]
    if let Some(name) = settings.embedding_model.as_str().strip_prefix(crate::vertex::PREFIX) {
        crate::vertex::identity(name)?;
        return Ok(Reader { tokenizer: None });
    }
    let package = ModelPackage::open(&settings.model_dir, settings.embedding_model.as_str())?;
    let tokenizer = TextTokenizer::open(&package.tokenizer()?, package.max_tokens)?;
    Ok(Reader { tokenizer: Some(tokenizer) })
}

impl Reader {
    /// Returns whether the model knows a token of the title or the description. They are tested separately, because the
    /// full stop that joins them in the embedding text is a token too.
    pub fn reads_any(&self, title: Option<&str>, description: Option<&str>) -> bool {
        // Only the part of the description that is embedded.
        let description = description.and_then(|text| embedding_text(None, Some(text)));
        [title, description.as_deref()].into_iter().flatten().any(|text| self.reads(text))
    }

    /// Returns whether the model knows a token of `text`. For a remote model, returns whether `text` has a visible
    /// character.
    pub fn reads(&self, text: &str) -> bool {
        let Some(tokenizer) = &self.tokenizer else { return is_visible(text) };
        // Tokenizers split at white space first, so that one known word is sufficient.
        text.split_whitespace().any(is_plain) || text.split_whitespace().any(|word| tokenizer.knows(word))
    }
}

/// Returns whether a word is known without asking the tokenizer: vocabularies contain all ASCII letters and digits.
fn is_plain(word: &str) -> bool {
    word.len() <= MAX_WORD_CHARS
        && word.is_ascii()
        && word.bytes().any(|byte| byte.is_ascii_alphanumeric())
        // Special tokens such as [UNK] contain brackets.
        && !word.contains(['[', '<'])
}

/// The cause of the error of an unreadable text, which [`is_unreadable`] detects.
#[derive(Debug)]
struct Unreadable;

const MESSAGE: &str = "the model has no token for the text";

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MESSAGE)
    }
}

impl std::error::Error for Unreadable {}

/// The error of an embedder for an unreadable text.
pub(crate) fn unreadable() -> Error {
    Error::invalid_input(MESSAGE).caused_by(Unreadable)
}

/// Returns whether `error` is the error of an embedder for an unreadable text.
pub fn is_unreadable(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Unreadable>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_words_are_known_without_a_tokenizer() {
        for word in ["Cook", "c++", "R&D", "2024", "(a)"] {
            assert!(is_plain(word), "{word}");
        }
        let long = "x".repeat(101);
        for word in ["", "---", "é", "[UNK]", "销", &long] {
            assert!(!is_plain(word), "{word}");
        }
    }

    #[test]
    fn errors_of_unreadable_texts_are_distinguished() {
        let error = unreadable();
        assert!(is_unreadable(&error) && error.chain() == MESSAGE, "{}", error.chain());
        assert!(!is_unreadable(&Error::invalid_input(MESSAGE)));
    }

    #[test]
    fn without_a_vocabulary_visible_texts_are_readable() {
        let reader = Reader { tokenizer: None };
        assert!(reader.reads("销售") && reader.reads("🔥"));
        assert!(!reader.reads("\u{200b}\u{feff} \u{0}"));
    }
}
