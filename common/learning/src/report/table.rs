//! Tables with captions.

use std::fmt::Write;

use super::html::{Html, escape};

/// A table. Its first column heads the rows; the other columns are numbers unless said otherwise.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    columns: Vec<(String, bool)>,
    rows: Vec<(Vec<String>, bool)>,
}

impl Table {
    /// A table without rows, with its columns from the left.
    pub fn new(caption: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().enumerate().map(|(n, name)| ((*name).to_owned(), n > 0)).collect();
        Self { caption: caption.to_owned(), columns, rows: Vec::new() }
    }

    /// Makes columns, by their numbers from 0, columns of texts: aligned to the left and wrapped.
    #[must_use]
    pub fn texts(mut self, columns: &[usize]) -> Self {
        for column in columns {
            if let Some((_, is_number)) = self.columns.get_mut(*column) {
                *is_number = false;
            }
        }
        self
    }

    /// Adds a row of unescaped texts. In columns of numbers, what follows a line break stands small below the number.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push((cells, false));
    }

    /// Adds a row that stands out.
    pub fn strong_row(&mut self, cells: Vec<String>) {
        self.rows.push((cells, true));
    }

    /// The caption.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The markup; empty without rows.
    pub fn html(&self) -> Html {
        if self.is_empty() {
            return Html::default();
        }
        let class = |is_number: bool| if is_number { " class=\"number\"" } else { "" };
        let mut text = format!(
            "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\
             <table><caption><span>{0}</span></caption>\n<thead><tr>",
            escape(&self.caption)
        );
        for (name, is_number) in &self.columns {
            let _ = write!(text, "<th scope=\"col\"{}>{}</th>", class(*is_number), escape(name));
        }
        text.push_str("</tr></thead>\n<tbody>\n");
        for (cells, is_strong) in &self.rows {
            text.push_str(if *is_strong { "<tr class=\"strong\">" } else { "<tr>" });
            for (n, (_, is_number)) in self.columns.iter().enumerate() {
                let cell = cells.get(n).map_or("", String::as_str);
                let cell = match cell.split_once('\n').filter(|_| *is_number) {
                    Some((value, under)) => format!("{}<small>{}</small>", escape(value), escape(under)),
                    None => escape(cell),
                };
                let _ = if n == 0 {
                    write!(text, "<th scope=\"row\"{}>{cell}</th>", class(*is_number))
                } else {
                    write!(text, "<td{}>{cell}</td>", class(*is_number))
                };
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody></table></div>\n");
        Html::raw(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let mut table = Table::new("Ads & more", &["class", "ads", "note"]).texts(&[2]);
        assert!(table.html().is_empty());
        table.row(vec!["<b>".to_owned(), "3".to_owned()]);
        let html = table.html();
        let text = html.as_str();
        assert!(text.contains("<caption><span>Ads &amp; more</span></caption>"), "{text}");
        assert!(
            text.contains("<th scope=\"row\">&lt;b&gt;</th><td class=\"number\">3</td><td></td>"),
            "{text}"
        );
    }
}
