//! Which texts a model can read at all: the others have no vector, because all of theirs would be the same.

use std::fmt;

use common_core::fold::is_visible;
use common_core::job::embedding_text;
use common_core::{Error, Result};

use crate::model::ModelPackage;
use crate::settings::ModelSettings;
use crate::tokenize::TextTokenizer;

/// Words of more characters are unknown to tokenizers of BERT's kind, however plain they are.
const LONGEST_WORD: usize = 100;

/// Tells texts that the configured model can read from those it cannot, without loading the model.
pub struct Reader {
    /// None where the model is another machine's, which says nothing of its vocabulary.
    tokenizer: Option<TextTokenizer>,
}

/// Opens the reader of the configured model.
///
/// # Errors
/// `NotFound` and `Corrupt` where the model package is missing or altered, `Configuration` for a model that is not known.
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
    /// Whether the model knows anything of a title or a description. Asked of each alone, because the full stop that joins them in the
    /// embedding text is a token of its own.
    pub fn reads_any(&self, title: Option<&str>, description: Option<&str>) -> bool {
        // The part of a description that enters the text.
        let description = description.and_then(|text| embedding_text(None, Some(text)));
        [title, description.as_deref()].into_iter().flatten().any(|text| self.reads(text))
    }

    /// Whether the model knows anything of `text`: a word, a part of one, a character.
    pub fn reads(&self, text: &str) -> bool {
        let Some(tokenizer) = &self.tokenizer else { return is_visible(text) };
        // Tokenizers cut at white space first, so that one word that is known is enough.
        text.split_whitespace().any(is_plain) || text.split_whitespace().any(|word| tokenizer.knows(word))
    }
}

/// Whether a word is certainly known: every ASCII letter and digit is.
fn is_plain(word: &str) -> bool {
    word.len() <= LONGEST_WORD
        && word.is_ascii()
        && word.bytes().any(|byte| byte.is_ascii_alphanumeric())
        // The tokenizer's own signs, such as [UNK], look so.
        && !word.contains(['[', '<'])
}

/// The cause of an error that says so.
#[derive(Debug)]
struct Unreadable;

const SENTENCE: &str = "the model can read nothing of the text";

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SENTENCE)
    }
}

impl std::error::Error for Unreadable {}

/// What an embedder says of a text that it cannot read.
pub(crate) fn unreadable() -> Error {
    Error::invalid_input(SENTENCE).caused_by(Unreadable)
}

/// Whether an embedder says that it cannot read a text.
pub fn is_unreadable(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Unreadable>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_is_known_without_a_tokenizer() {
        for word in ["Cook", "c++", "R&D", "2024", "(a)"] {
            assert!(is_plain(word), "{word}");
        }
        let long = "x".repeat(101);
        for word in ["", "---", "é", "[UNK]", "销", &long] {
            assert!(!is_plain(word), "{word}");
        }
    }

    #[test]
    fn an_unreadable_text_is_told_from_other_faults() {
        let error = unreadable();
        assert!(is_unreadable(&error) && error.chain() == SENTENCE, "{}", error.chain());
        assert!(!is_unreadable(&Error::invalid_input(SENTENCE)));
    }

    #[test]
    fn without_a_vocabulary_what_is_seen_can_be_read() {
        let reader = Reader { tokenizer: None };
        assert!(reader.reads("销售") && reader.reads("🔥"));
        assert!(!reader.reads("\u{200b}\u{feff} \u{0}"));
    }
}
