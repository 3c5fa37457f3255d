//! Defects of real descriptions: wrong encodings, unusual characters, blank texts, emoji.

use super::dice::Dice;

/// Adds at most one defect to a description.
pub(super) fn add_defects(mut text: String, dice: &mut Dice) -> String {
    match dice.below(1_000) {
        0..25 => decorate(&mut text, dice),
        // Typographic quotes, intact and after decoding UTF-8 as Windows-1252.
        25..175 => text = text.replace('\'', "\u{2019}"),
        175..187 => text = text.replace('\'', "â€™").replace("• ", "â€¢ "),
        187..207 => text = text.replace('\n', "\r\n"),
        207..227 => text = text.replace(' ', "\u{a0}"),
        227..239 => text = text.replacen(' ', " \u{200b}", 3),
        239..247 => text = text.replace(". ", ".\t"),
        247..253 => text.push_str("  \n\n "),
        253..257 => text = full_width(&text),
        257..261 => text = format!("\u{202b}{text}\u{202c}"),
        261..269 => text = text.replace('e', "e\u{301}").chars().take(600).collect(),
        _ => {}
    }
    text
}

/// A description of only white space.
pub(super) fn blank(dice: &mut Dice) -> &'static str {
    const BLANKS: [&str; 5] = [" ", "\n", "\t \n", "\u{a0}", "   "];
    dice.word(&BLANKS)
}

fn decorate(text: &mut String, dice: &mut Dice) {
    const SIGNS: [&str; 8] = ["🔥", "✨", "🚀", "👩‍🍳", "💼", "🎉", "📍", "👉🏽"];
    let sign = dice.pick(&SIGNS);
    *text = format!("{sign} {} {sign}", text.trim_end());
    if dice.happens(400) {
        *text = text.replace("\n- ", &format!("\n{} ", dice.pick(&SIGNS)));
    }
}

/// Replaces the first characters by their full-width forms.
fn full_width(text: &str) -> String {
    const SHIFTED: usize = 60;
    let widened = text.chars().take(SHIFTED).map(|c| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c),
        _ => c,
    });
    widened.chain(text.chars().skip(SHIFTED)).collect()
}
