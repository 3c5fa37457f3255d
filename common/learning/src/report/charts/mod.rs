//! Charts as inline SVG: a title and a description for screen readers, colours by classes of the page's style sheet.
//!
//! - [`agreement`]: predicted against actual values, as points or as hexagons
//! - [`histogram`]: a distribution
//! - [`bars`]: named values with error bars
//! - [`curves`]: lines over a number or over time, reliability
//! - [`map`]: points in groups, in two and in three dimensions
//! - [`swarm`]: contributions of features, one point an example
//!
//! Values that are not finite are left out. A chart without values is empty markup.

pub mod agreement;
pub mod bars;
mod canvas;
pub mod curves;
pub mod histogram;
pub mod map;
mod scale;
pub mod swarm;

pub use scale::Scale;

use super::html::{Html, escape};

/// What is said about a chart.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Unique in the page: letters, digits and hyphens.
    pub id: &'a str,
    /// The heading above the chart.
    pub title: &'a str,
    /// One sentence that says what the chart shows, computed from its data.
    pub reading: &'a str,
}

/// The figure around a drawing of `width` × `height` units.
fn figure(words: Words<'_>, (width, height): (f64, f64), drawing: &str) -> Html {
    let [id, title, reading] = [words.id, words.title, words.reading].map(escape);
    let size = format!("0 0 {} {}", canvas::short(width), canvas::short(height));
    Html::raw(format!(
        "<figure id=\"{id}\"><h4>{title}</h4>\n<svg viewBox=\"{size}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{reading}</desc>\n{drawing}</svg>\n\
         <figcaption>{reading}</figcaption></figure>\n"
    ))
}

/// At most `most` of `len` places, evenly spaced from the first: which examples a chart shows.
pub fn evenly(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = len.min(most);
    (0..shown).map(move |n| n * len / shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spaced_places_are_distinct_and_few() {
        for (len, most) in [(0, 5), (3, 5), (5, 5), (11, 5), (100_000, 2000)] {
            let places: Vec<usize> = evenly(len, most).collect();
            assert_eq!(places.len(), len.min(most));
            assert!(
                places.windows(2).all(|pair| pair[0] < pair[1]) && places.iter().all(|place| *place < len)
            );
        }
    }
}
