//! Tokens of a text for the rules of masking: numbers, currencies, and classes of words.

/// Word that stands for masked pay: one word for n-grams, known pieces for the models' tokenizers, and not a word of
/// any ad.
pub const MASK: &str = "paymasked";

/// Period of pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// Class of a word or a sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Speaks of pay.
    Pay,
    /// May stand between a word of pay and its amount: `salary of up to`.
    Link,
    /// `to`, which is also between the ends of a range.
    To,
    /// `and`, which is between the ends of a range.
    And,
    /// Name of a currency.
    Code,
    /// Sign of a currency.
    Sign,
    /// `per`, `a`, `each`, or a slash before a period.
    Per,
    /// `month`, a period after [`Kind::Per`].
    Noun(Period),
    /// `monthly`, `pcm`: a period by itself.
    Adverb(Period),
    /// The letter `p`, with which `p.a.` begins.
    P,
    /// `k`, `thousand`.
    Kilo,
    /// `million` and more: not pay.
    Mega,
    /// What a number counts, such as `days`; also a percent sign.
    Unit,
    /// Speaks of pay only after an amount: `30,000 plus benefits`.
    Extra,
    /// Comes before a number that is a name, such as `ISO 9001`.
    Name,
    Other,
    Number(Number),
    /// [`MASK`].
    Masked,
    /// Signs that are in a range.
    Dash,
    Slash,
    Dot,
    /// The end of a sentence.
    Stop,
    /// `*`, and `?` beside another one: what is left of a redacted or broken sign.
    Blank,
    /// Any other sign.
    Mark,
}

/// A number with its digits' form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// Number of digits before the decimal point.
    pub(super) digits: usize,
    /// Whether thousands are separated.
    pub(super) is_grouped: bool,
    /// Whether there are exactly two decimals.
    pub(super) is_cents: bool,
    /// Whether it begins with zero.
    pub(super) has_zero: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether white space precedes.
    pub(super) is_apart: bool,
}

/// The tokens of `text`, without white space; in linear time.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let (mut at, mut is_apart) = (0, true);
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
            is_apart = true;
            continue;
        }
        let kind = if digit(c).is_some() {
            let (number, end) = number(text, at);
            at = end;
            Kind::Number(number)
        } else if c.is_alphabetic() {
            let (kind, end) = word(text, at, tokens.last().filter(|_| !is_apart));
            at = end;
            kind
        } else {
            at += c.len_utf8();
            sign(c, &text[at..], tokens.last())
        };
        let mut token = Token { kind, start, end: at, is_apart };
        // `S$`, `US$`: the letters belong to the sign.
        if kind == Kind::Sign
            && !is_apart
            && let Some(last) = tokens.last()
            && is_before_dollar(&text[last.start..last.end])
        {
            token = Token { start: last.start, is_apart: last.is_apart, ..token };
            tokens.pop();
        }
        tokens.push(token);
        is_apart = false;
    }
    tokens
}

/// The value of a decimal digit, narrow or full width.
fn digit(c: char) -> Option<u32> {
    let narrow = if ('０'..='９').contains(&c) { u32::from(c) - u32::from('０') } else { c.to_digit(10)? };
    Some(narrow)
}

/// Digits from `at`, with separators between them.
fn number(text: &str, at: usize) -> (Number, usize) {
    let (mut end, mut groups, mut separators) = (at, vec![(0_usize, 0_f64)], Vec::new());
    let has_zero = text[at..].starts_with('0');
    let mut chars = text[at..].chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(digit) = digit(c) {
            let (count, value) = groups.last().copied().unwrap_or_default();
            groups.pop();
            groups.push((count + 1, value * 10.0 + f64::from(digit)));
        } else if matches!(c, ',' | '.' | '\'' | '’')
            && chars.peek().is_some_and(|next| digit(*next).is_some())
        {
            separators.push(c);
            groups.push((0, 0.0));
        } else {
            break;
        }
        end += c.len_utf8();
    }
    let last = groups.last().map_or(0, |(count, _)| *count);
    // 30,000.50 and 30.50 have decimals; 30,000 and 30.000 have thousands.
    let has_decimals =
        separators.last() == Some(&'.') && last != 3 || separators.last() == Some(&',') && last < 3;
    let cents = if has_decimals { groups.pop() } else { None };
    let fraction =
        cents.map_or(0.0, |(count, value)| value / 10_f64.powi(i32::try_from(count).unwrap_or(i32::MAX)));
    let is_grouped = groups.len() > 1 && groups[1..].iter().all(|(count, _)| *count == 3);
    let digits = groups.iter().map(|(count, _)| count).sum();
    let whole = groups.iter().fold(0.0, |whole, (count, value)| {
        whole * 10_f64.powi(i32::try_from(*count).unwrap_or(i32::MAX)) + value
    });
    let is_cents = cents.is_some_and(|(count, _)| count == 2);
    (Number { value: whole + fraction, digits, is_grouped, is_cents, has_zero }, end)
}

/// The word from `at`. Letters with digits are one word, unless the letters are a currency (`RM2500`).
fn word(text: &str, at: usize, glued: Option<&Token>) -> (Kind, usize) {
    let letters = text[at..].find(|c: char| !c.is_alphabetic()).map_or(text.len(), |length| at + length);
    let follows_number = glued.is_some_and(|token| matches!(token.kind, Kind::Number(_)));
    let word = &text[at..letters];
    if follows_number && word.len() > 1 && word.starts_with(['k', 'K']) {
        // 30kpa
        let period = class(&word[1..]);
        if matches!(period, Kind::Adverb(_)) {
            return (Kind::Kilo, at + 1);
        }
    }
    let is_number_next = text[letters..].chars().next().is_some_and(|c| digit(c).is_some());
    let kind = class(word);
    // `S4000` is a broken `S$4000`.
    if is_number_next && kind != Kind::Code && !word.eq_ignore_ascii_case("s") {
        let end = text[letters..]
            .find(|c: char| !c.is_alphanumeric())
            .map_or(text.len(), |length| letters + length);
        return (Kind::Other, end);
    }
    // `.net` is a product.
    let is_product = word.eq_ignore_ascii_case("net") && glued.is_some_and(|token| token.kind == Kind::Dot);
    (if is_product { Kind::Other } else { kind }, letters)
}

fn sign(c: char, rest: &str, before: Option<&Token>) -> Kind {
    let next = rest.chars().next();
    match c {
        '$' | '£' | '€' | '¥' | '₹' | '₩' | '฿' | '₱' | '₫' | '＄' | '￡' | '￥' | '﹩' => {
            Kind::Sign
        }
        // A pound sign in a broken encoding.
        '\u{fffd}' if next.is_some_and(|c| digit(c).is_some()) => Kind::Sign,
        '-' | '–' | '—' | '−' | '~' | '‐' | '‑' | '－' | '～' => Kind::Dash,
        '/' => Kind::Slash,
        '%' | '％' => Kind::Unit,
        '*' => Kind::Blank,
        '?' if next == Some('?') || before.is_some_and(|last| last.kind == Kind::Blank) => Kind::Blank,
        '!' | '?' | ';' => Kind::Stop,
        // Not after the letters of `p.a.`.
        '.' if next.is_none_or(char::is_whitespace)
            && before
                .is_none_or(|last| last.end - last.start > 1 || matches!(last.kind, Kind::Number(_))) =>
        {
            Kind::Stop
        }
        '.' => Kind::Dot,
        _ => Kind::Mark,
    }
}

fn is_before_dollar(word: &str) -> bool {
    [
        "s", "us", "sg", "sin", "sing", "sgd", "usd", "a", "au", "aud", "c", "ca", "cad", "hk", "hkd", "nz",
        "nzd", "nt",
    ]
    .iter()
    .any(|letters| letters.eq_ignore_ascii_case(word))
}

/// The class of a word of letters, without regard to case.
fn class(word: &str) -> Kind {
    const LONGEST: usize = 16;
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..word.len()) else { return Kind::Other };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    match std::str::from_utf8(lower).unwrap_or_default() {
        MASK => Kind::Masked,
        "salary" | "salaries" | "sal" | "pay" | "pays" | "paying" | "paid" | "payment" | "wage" | "wages"
        | "remuneration" | "renumeration" | "compensation" | "package" | "packages" | "earn" | "earns"
        | "earning" | "earnings" | "basic" | "ote" | "stipend" | "rate" | "rates" | "income"
        | "allowance" | "allowances" | "bonus" | "bonuses" | "commission" | "commissions" | "incentive"
        | "incentives" | "gross" | "net" | "nett" | "budget" | "guaranteed" | "doe" | "equate"
        | "equates" | "equating" | "equivalent" => Kind::Pay,
        "plus" | "benefits" | "bens" | "equity" | "pro" => Kind::Extra,
        "of" | "is" | "up" | "upto" | "from" | "between" | "range" | "ranges" | "ranging" | "around"
        | "circa" | "ca" | "approx" | "approximately" | "about" | "at" | "starting" | "start" | "starts"
        | "offered" | "offer" | "min" | "max" | "minimum" | "maximum" | "least" | "over" | "be" | "will"
        | "are" | "the" | "can" | "expected" | "basis" | "scale" | "level" | "uncapped" | "negotiable"
        | "in" | "our" | "c" => Kind::Link,
        "to" => Kind::To,
        "and" => Kind::And,
        "sgd" | "rm" | "myr" | "usd" | "gbp" | "eur" | "euro" | "euros" | "aud" | "nzd" | "cad" | "chf"
        | "hkd" | "inr" | "rs" | "php" | "idr" | "rp" | "thb" | "cny" | "rmb" | "jpy" | "krw" | "vnd"
        | "twd" | "ntd" | "aed" | "zar" | "dollar" | "dollars" | "pounds" | "ringgit" | "rupees" => {
            Kind::Code
        }
        "per" | "a" | "an" | "each" | "every" => Kind::Per,
        "hour" | "hr" | "hrs" | "h" => Kind::Noun(Period::Hour),
        "day" | "d" | "shift" => Kind::Noun(Period::Day),
        "week" | "wk" | "w" => Kind::Noun(Period::Week),
        "month" | "mth" | "mnth" | "mo" | "mon" => Kind::Noun(Period::Month),
        "year" | "yr" | "annum" | "anum" | "y" => Kind::Noun(Period::Year),
        "hourly" | "ph" => Kind::Adverb(Period::Hour),
        "daily" | "pd" => Kind::Adverb(Period::Day),
        "weekly" | "pw" => Kind::Adverb(Period::Week),
        "monthly" | "pm" | "pcm" => Kind::Adverb(Period::Month),
        "annual" | "annually" | "yearly" | "pa" => Kind::Adverb(Period::Year),
        "p" => Kind::P,
        "k" | "thousand" | "thousands" => Kind::Kilo,
        "m" | "mn" | "mil" | "mio" | "million" | "millions" | "b" | "bn" | "billion" | "billions" | "tn"
        | "trillion" => Kind::Mega,
        "hours" | "days" | "weeks" | "months" | "mths" | "years" | "yrs" | "minutes" | "mins" | "percent"
        | "employees" | "people" | "staff" | "colleagues" | "customers" | "clients" | "users" | "members"
        | "students" | "pupils" | "patients" | "stores" | "shops" | "sites" | "schools" | "offices"
        | "locations" | "countries" | "companies" | "businesses" | "organisations" | "organizations"
        | "candidates" | "jobs" | "vacancies" | "words" | "calls" | "units" | "beds" | "miles" | "km"
        | "sq" | "sqft" | "sqm" | "kg" | "lbs" | "volts" | "kw" | "rpm" | "points" | "square" | "active"
        | "streaming" | "video" | "videos" | "resolution" | "display" | "tv" | "uhd" | "homes"
        | "properties" | "projects" | "products" | "positions" | "am" | "st" | "nd" | "th" => Kind::Unit,
        "iso" | "ref" | "reference" | "no" | "id" | "reg" | "registration" | "licence" | "license"
        | "blk" | "block" | "tel" | "telephone" | "phone" | "mobile" | "hp" | "call" | "whatsapp"
        | "contact" | "fax" | "windows" | "office" | "excel" | "server" | "sap" | "section" | "act"
        | "form" | "room" | "singapore" | "ea" | "version" | "since" | "january" | "february" | "march"
        | "april" | "may" | "june" | "july" | "august" | "september" | "october" | "november"
        | "december" | "jan" | "feb" | "mar" | "apr" | "jun" | "jul" | "aug" | "sep" | "sept" | "oct"
        | "nov" | "dec" => Kind::Name,
        _ => Kind::Other,
    }
}
