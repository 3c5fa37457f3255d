//! Aligned plain-text tables. Widths are terminal columns, so that wide scripts such as Chinese line up too.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// A table that is held in memory and rendered at once.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: impl IntoIterator<Item = (impl Into<String>, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (name.into(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Appends a row, with one cell per column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The header, a rule and the rows.
    pub(crate) fn render(&self) -> String {
        let mut text = Vec::new();
        let layout = Layout::new(&self.columns, &self.rows);
        // Writing to a `Vec` is infallible.
        let _ = layout.header(&mut text).and_then(|()| self.body(&layout, &mut text));
        String::from_utf8(text).unwrap_or_default()
    }

    /// The rows without header and rule.
    pub(crate) fn render_body(&self) -> String {
        let mut text = Vec::new();
        let _ = self.body(&Layout::new(&self.columns, &self.rows), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn body(&self, layout: &Layout, out: &mut impl Write) -> io::Result<()> {
        self.rows.iter().try_for_each(|row| layout.row(out, row))
    }
}

/// Widths of columns, computed from the header and some of the rows, for tables that do not fit into memory.
pub(crate) struct Layout {
    columns: Vec<(String, Align)>,
    widths: Vec<usize>,
}

impl Layout {
    /// Columns as wide as the widest cell of the header and of `sample`.
    pub(crate) fn new(columns: &[(String, Align)], sample: &[Vec<String>]) -> Self {
        let widths = columns.iter().enumerate().map(|(index, (name, _))| {
            let cells = sample.iter().filter_map(|row| row.get(index)).map(|cell| cell.width());
            cells.fold(name.width(), usize::max)
        });
        Self { widths: widths.collect(), columns: columns.to_vec() }
    }

    /// Writes the column names and a rule below them.
    pub(crate) fn header(&self, out: &mut impl Write) -> io::Result<()> {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        self.row(out, &names)?;
        let rules: Vec<String> = self.widths.iter().map(|width| "-".repeat(*width)).collect();
        self.row(out, &rules)
    }

    /// Writes one row; a cell wider than its column pushes the rest to the right.
    pub(crate) fn row(&self, out: &mut impl Write, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (index, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let gap = " ".repeat(width.saturating_sub(cell.width()));
            let is_right = self.columns.get(index).is_some_and(|(_, align)| *align == Align::Right);
            let (first, second) =
                if is_right { (gap.as_str(), cell.as_str()) } else { (cell.as_str(), gap.as_str()) };
            line.push_str(first);
            line.push_str(second);
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// `text` on one line: control and invisible characters are escaped, and text wider than `limit` is cut off.
pub(crate) fn one_line(text: &str, limit: Option<usize>) -> String {
    let mut line = String::new();
    let mut width = 0;
    for c in text.chars() {
        let piece = match c {
            _ if c.is_control() || is_invisible(c) => c.escape_debug().to_string(),
            _ => c.to_string(),
        };
        width += piece.as_str().width();
        if limit.is_some_and(|limit| width > limit) {
            line.push('…');
            break;
        }
        line.push_str(&piece);
    }
    line
}

/// Returns whether `c` is invisible and may change the direction of the line or break it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A number with commas between groups of three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_any_script() {
        let mut table = Table::new([("name", Align::Left), ("n", Align::Right)]);
        table.row(["厨师".to_owned(), "7".to_owned()]);
        table.row(["chef".to_owned(), "1,234".to_owned()]);
        assert_eq!(table.render(), "name      n\n----  -----\n厨师      7\nchef  1,234\n");
        assert_eq!(table.render_body(), "厨师      7\nchef  1,234\n");
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        assert_eq!(one_line("a\nb\t\u{0}\u{202e}", None), "a\\nb\\t\\0\\u{202e}");
        assert_eq!(one_line("abcdef", Some(3)), "abc…");
        assert_eq!(one_line("厨师长", Some(5)), "厨师…");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
