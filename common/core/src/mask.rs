//! Masking of stated pay: a model that predicts pay must not read it in the text.
//!
//! An amount is pay if a currency, a `k`, a period (`per annum`, `/hr`) or a word such as `salary` is near. In doubt it
//! is masked where these are near; years, percentages, phone numbers and what numbers count (`5 years`, `300 staff`)
//! are kept. Only the amount with its currency is replaced: `per month` remains.

mod tokens;

use std::borrow::Cow;
use std::ops::Range;

use tokens::{Kind, Number, Period, Token, tokens};

pub use tokens::MASK;

/// Words between a word of pay and an amount that it may refer to.
const REACH: u8 = 6;
/// The same, after an amount.
const REACH_OF_AMOUNT: u8 = 2;
/// Words between an amount and what follows it: `5,000 SGD gross per month`.
const LOOK_AHEAD: usize = 4;
/// The largest ratio between the ends of a range.
const MAX_RATIO: f64 = 10.0;

/// Replaces each statement of pay by [`MASK`]. Masking twice changes nothing more. Takes time linear in the length.
pub fn mask_pay(text: &str) -> Cow<'_, str> {
    let spans = spans(text);
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        masked.push_str(&text[at..span.start]);
        if masked.ends_with(char::is_alphanumeric) {
            masked.push(' ');
        }
        masked.push_str(MASK);
        if text[span.end..].starts_with(char::is_alphanumeric) {
            masked.push(' ');
        }
        at = span.end;
    }
    masked.push_str(&text[at..]);
    Cow::Owned(masked)
}

/// Whether `text` states pay: whether [`mask_pay`] changes it.
pub fn states_pay(text: &str) -> bool {
    !spans(text).is_empty()
}

/// The spans that state pay, in bytes, in order.
fn spans(text: &str) -> Vec<Range<usize>> {
    // Fast path: every amount has a digit.
    if !text.contains(|c: char| c.is_numeric()) {
        return Vec::new();
    }
    let tokens = tokens(text);
    let mut spans = Vec::new();
    let mut context = Context::default();
    let mut at = 0;
    while at < tokens.len() {
        let Some(amount) = Amount::at(&tokens, at) else {
            context.pass(tokens[at].kind);
            at += 1;
            continue;
        };
        if amount.is_pay(text, &tokens, context) {
            let start = amount.tokens.start;
            spans.push(tokens[start].start..tokens[amount.tokens.end - 1].end);
            context = Context::AFTER_AMOUNT;
        } else {
            for token in &tokens[at..amount.tokens.end] {
                context.pass(token.kind);
            }
        }
        at = amount.tokens.end;
    }
    spans
}

/// What precedes an amount.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    /// Words that may still come before an amount of pay.
    reach: u8,
    /// Whether a word of pay is directly before, as in `salary of up to`.
    is_direct: bool,
    /// Whether the last word makes a following number a name.
    is_name: bool,
}

impl Context {
    const AFTER_AMOUNT: Self = Self { reach: REACH_OF_AMOUNT, is_direct: false, is_name: false };

    fn pass(&mut self, kind: Kind) {
        match kind {
            Kind::Pay => *self = Self { reach: REACH, is_direct: true, is_name: false },
            Kind::Masked => *self = Self::AFTER_AMOUNT,
            Kind::Stop => *self = Self::default(),
            Kind::Dash | Kind::Slash | Kind::Dot | Kind::Blank | Kind::Mark | Kind::Sign => {}
            Kind::Link | Kind::To | Kind::And | Kind::Code | Kind::Per | Kind::Adverb(_) | Kind::Noun(_) => {
                self.reach = self.reach.saturating_sub(1);
                self.is_name = false;
            }
            _ => {
                self.reach = self.reach.saturating_sub(1);
                self.is_direct = false;
                self.is_name = kind == Kind::Name;
            }
        }
    }
}

/// A number or a range of numbers, with its currencies.
#[derive(Debug)]
struct Amount {
    tokens: Range<usize>,
    /// The largest end, in units.
    value: f64,
    first: Number,
    last: Number,
    has_currency: bool,
    has_kilo: bool,
    is_range: bool,
}

/// One end of a range.
#[allow(clippy::struct_field_names)] // Where the end's tokens end.
struct End {
    number: Number,
    /// In units.
    value: f64,
    has_currency: bool,
    has_kilo: bool,
    /// The token after the end.
    end: usize,
}

impl End {
    /// The end that begins at `at`: currencies, number, `k`, currencies.
    fn at(tokens: &[Token], at: usize) -> Option<Self> {
        let mut place = at;
        // `SGD $`, `Rs.`, `SGD:`
        while is_currency(kind(tokens, place)) {
            place += 1;
            if matches!(kind(tokens, place), Some(Kind::Dot | Kind::Mark)) && place > at {
                let next = kind(tokens, place + 1);
                place += usize::from(is_currency(next) || matches!(next, Some(Kind::Number(_))));
            }
        }
        let mut has_currency = place > at;
        let Some(Kind::Number(mut number)) = kind(tokens, place) else { return None };
        place += 1;
        if has_currency {
            // 30 000 and 30, 000
            let comma = usize::from(kind(tokens, place) == Some(Kind::Mark));
            if number.digits <= 3
                && let Some(Kind::Number(next)) = kind(tokens, place + comma)
                && next.digits == 3
                && next.value.fract() == 0.0
                && tokens[place + comma].is_apart
                && tokens[place].start - tokens[place - 1].end <= 1
            {
                number = Number { value: number.value * 1000.0 + next.value, is_grouped: true, ..number };
                place += comma + 1;
            }
        }
        let has_kilo = kind(tokens, place) == Some(Kind::Kilo) && number.digits <= 4;
        place += usize::from(has_kilo);
        let value = if has_kilo && number.digits <= 3 { number.value * 1000.0 } else { number.value };
        // A currency after the number, unless it belongs to the next one.
        let mut after = place;
        while is_currency(kind(tokens, after)) {
            after += 1;
        }
        if after > place && !matches!(kind(tokens, after), Some(Kind::Number(_))) {
            has_currency = true;
            place = after;
        }
        Some(Self { number, value, has_currency, has_kilo, end: place })
    }
}

impl Amount {
    /// The amount that begins at `at`.
    fn at(tokens: &[Token], at: usize) -> Option<Self> {
        let first = End::at(tokens, at)?;
        let mut amount = Self {
            tokens: at..first.end,
            value: first.value,
            first: first.number,
            last: first.number,
            has_currency: first.has_currency,
            has_kilo: first.has_kilo,
            is_range: false,
        };
        let mut value = first.value;
        while let Some(next) = amount.next_end(tokens, value) {
            value = next.value;
            amount.tokens.end = next.end;
            amount.value = amount.value.max(next.value);
            amount.last = next.number;
            amount.has_currency |= next.has_currency;
            amount.has_kilo |= next.has_kilo;
            amount.is_range = true;
        }
        Some(amount)
    }

    /// The other end of a range whose end so far is `value`.
    fn next_end(&self, tokens: &[Token], value: f64) -> Option<End> {
        let mut place = self.tokens.end;
        while matches!(kind(tokens, place), Some(Kind::Dash | Kind::Slash | Kind::To | Kind::And)) {
            place += 1;
        }
        // A range has one or two signs between its ends: `3000 -- 4500`.
        if place == self.tokens.end || place - self.tokens.end > 2 {
            return None;
        }
        let next = End::at(tokens, place)?;
        if matches!(kind(tokens, next.end), Some(Kind::Unit | Kind::Mega)) {
            return None;
        }
        // 30-40k
        let low = if next.has_kilo && value < 1000.0 { value * 1000.0 } else { value };
        (low <= next.value * MAX_RATIO && next.value <= low * MAX_RATIO).then_some(next)
    }

    fn is_pay(&self, text: &str, tokens: &[Token], context: Context) -> bool {
        let after = kind(tokens, self.tokens.end);
        if after == Some(Kind::Mega) {
            return false;
        }
        if self.has_currency {
            return after != Some(Kind::Unit) || !tokens[self.tokens.end].is_apart || self.value >= 100.0;
        }
        if after == Some(Kind::Unit) {
            return false;
        }
        if self.has_kilo {
            return true;
        }
        if self.is_phone(tokens) {
            return false;
        }
        let is_glued = tokens.get(self.tokens.end).is_some_and(|next| !next.is_apart)
            && matches!(after, Some(Kind::Other | Kind::Name | Kind::Noun(_)));
        let (period, is_pay_next) = self.follows(tokens);
        if let Some(period) = period {
            return plausible(period).contains(&self.value);
        }
        if is_glued || context.is_name || self.value > 1_000_000.0 {
            return false;
        }
        let is_year = !self.first.is_grouped
            && self.first.value.fract() == 0.0
            && (1900.0..2100.0).contains(&self.value);
        let is_large = self.value >= 500.0 && !is_year;
        let is_rate = self.last.is_cents && (3.0..500.0).contains(&self.value);
        (is_pay_next && is_large)
            || (context.reach > 0 && (is_large || is_rate))
            || (context.is_direct && self.value >= 100.0)
            || (self.is_range
                && self.first.is_grouped == self.last.is_grouped
                && self.is_round(if self.first.is_grouped { 1000.0 } else { 10_000.0 }))
            || (self.first.is_grouped && self.is_round(10_000.0) && self.is_title(text, tokens))
            || (is_large
                && self.tokens.start.checked_sub(1).and_then(|at| kind(tokens, at)) == Some(Kind::Blank))
    }

    /// Whether every end is a multiple of 100 from `least` to 300,000.
    fn is_round(&self, least: f64) -> bool {
        let is = |value: f64| value % 100.0 == 0.0 && (least..=300_000.0).contains(&value);
        is(self.first.value) && is(self.last.value)
    }

    /// Whether the amount stands by itself, as in a title (`Nurse 30,000 London`, `Manager up to 45,000`): a sentence
    /// that counts something goes on in lower case.
    fn is_title(&self, text: &str, tokens: &[Token]) -> bool {
        let stands = |token: Option<&Token>, may_link: bool| {
            token.is_none_or(|token| match token.kind {
                Kind::Link | Kind::To => may_link,
                Kind::Number(_) => false,
                _ => !text[token.start..].starts_with(char::is_lowercase),
            })
        };
        stands(self.tokens.start.checked_sub(1).and_then(|at| tokens.get(at)), true)
            && stands(tokens.get(self.tokens.end), false)
    }

    /// Whether the number is a part of a telephone number: long, or beside another number.
    fn is_phone(&self, tokens: &[Token]) -> bool {
        let is_bare = |number: Number| !number.is_grouped && (number.has_zero || number.digits > 3);
        // A masked amount counts as it did before, so that masking twice changes nothing more.
        let is_number = |place: Option<usize>| match place.and_then(|place| kind(tokens, place)) {
            Some(Kind::Number(number)) => !number.is_grouped && number.digits > 2,
            of => of == Some(Kind::Masked),
        };
        let is_long = |number: Number| !number.is_grouped && number.digits > 6;
        let start = self.tokens.start;
        is_long(self.first)
            || is_long(self.last)
            || (self.first.has_zero && self.first.digits > 3)
            || (is_bare(self.first) && is_number(start.checked_sub(1)))
            || (is_bare(self.last) && is_number(Some(self.tokens.end)))
    }

    /// The period that follows, and whether a word of pay follows.
    #[allow(clippy::explicit_counter_loop)] // Some arms move the place further.
    fn follows(&self, tokens: &[Token]) -> (Option<Period>, bool) {
        let mut place = self.tokens.end;
        let mut is_pay = false;
        for _ in 0..LOOK_AHEAD {
            match kind(tokens, place) {
                Some(Kind::Adverb(period)) => return (Some(period), is_pay),
                Some(Kind::Per | Kind::Slash) => {
                    return match kind(tokens, place + 1) {
                        Some(Kind::Noun(period)) => (Some(period), is_pay),
                        _ => (None, is_pay),
                    };
                }
                // p.a., p/h
                Some(Kind::P) => {
                    let dot = usize::from(matches!(kind(tokens, place + 1), Some(Kind::Dot | Kind::Slash)));
                    return match kind(tokens, place + 1 + dot) {
                        Some(Kind::Noun(period)) => (Some(period), is_pay),
                        Some(Kind::Per) => (Some(Period::Year), is_pay),
                        Some(Kind::Mega) => (Some(Period::Month), is_pay),
                        _ => (None, is_pay),
                    };
                }
                Some(Kind::Pay | Kind::Extra) => is_pay = true,
                Some(Kind::Mark | Kind::Dash | Kind::Code | Kind::Sign) => {}
                _ => break,
            }
            place += 1;
        }
        (None, is_pay)
    }
}

/// Amounts that may be pay for a period.
fn plausible(period: Period) -> Range<f64> {
    match period {
        Period::Hour => 3.0..2_000.0,
        Period::Day => 20.0..10_000.0,
        Period::Week => 100.0..20_000.0,
        Period::Month => 200.0..200_000.0,
        Period::Year => 3_000.0..2_000_000.0,
    }
}

fn kind(tokens: &[Token], place: usize) -> Option<Kind> {
    tokens.get(place).map(|token| token.kind)
}

fn is_currency(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::Sign | Kind::Code))
}

#[cfg(test)]
mod tests;
