//! Maps of points in groups: a drawing of two dimensions, and one of three that the script of the page draws and turns.

use std::fmt::Write;

use super::canvas::{WIDTH, dots, label, short};
use super::scale::range;
use super::{Words, evenly, figure};
use crate::report::html::{Html, escape, shorten};
use crate::report::numbers::median;

const HEIGHT: f64 = 480.0;

/// Room between the points and the edge of the drawing.
const EDGE: f64 = 10.0;

/// Colours of the style sheet, `c0` to `c11`; later groups begin again with the first.
const COLOURS: usize = 12;

/// Points that show their title, at most.
const MOST_TITLES: usize = 600;

/// Characters of a group's name in the drawing, and the width of one in a narrow column.
const NAME_CHARS: usize = 28;
const LETTER: f64 = 9.2;

/// Height that a group's name takes.
const ROW: f64 = 20.0;

/// Largest coordinate of a point in three dimensions.
const REACH: f64 = 1000.0;

/// A point of the map of two dimensions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot<'a> {
    /// From the left, and from below, in any unit.
    pub at: [f64; 2],
    /// Its group: an index into the names.
    pub group: usize,
    /// Shown while the pointer rests on it.
    pub title: &'a str,
}

/// Draws points of two dimensions in the colours of their groups, with the name of each group at its median. At most 600
/// points, evenly spaced in their order, show their title. Points of a group without a name are left out.
pub fn flat(words: Words<'_>, names: &[&str], spots: &[Spot<'_>]) -> Html {
    let is_drawn =
        |spot: &Spot<'_>| spot.group < names.len() && spot.at.iter().all(|value| value.is_finite());
    let spots: Vec<Spot<'_>> = spots.iter().copied().filter(is_drawn).collect();
    let (Some(across), Some(up)) =
        (range(spots.iter().map(|spot| spot.at[0])), range(spots.iter().map(|spot| spot.at[1])))
    else {
        return Html::default();
    };
    let place = placer(across, up);
    let mut has_title = vec![false; spots.len()];
    for n in evenly(spots.len(), MOST_TITLES) {
        has_title[n] = true;
    }
    let (mut drawing, mut middles) = (String::new(), Vec::new());
    for (group, name) in names.iter().enumerate() {
        let colour = group % COLOURS;
        let own: Vec<usize> = (0..spots.len()).filter(|n| spots[*n].group == group).collect();
        let (titled, plain): (Vec<usize>, Vec<usize>) = own.iter().partition(|n| has_title[**n]);
        let places: Vec<(f64, f64)> = plain.iter().map(|n| place(spots[*n].at)).collect();
        if !places.is_empty() {
            let _ = writeln!(drawing, "<path class=\"places c{colour}\" d=\"{}\"/>", dots(&places));
        }
        for n in titled {
            let (x, y) = place(spots[n].at);
            let [x, y] = [x, y].map(short);
            let title = escape(&shorten(spots[n].title, 100));
            let _ = writeln!(
                drawing,
                "<circle class=\"places c{colour}\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"><title>{title}</title></circle>"
            );
        }
        let places: Vec<(f64, f64)> = own.iter().map(|n| place(spots[*n].at)).collect();
        if let Some(middle) = middle(&places) {
            middles.push((*name, middle));
        }
    }
    drawing.push_str(&labels(&middles));
    figure(words, (WIDTH, HEIGHT), &drawing)
}

/// From coordinates to places of the drawing, with the same unit in both directions.
fn placer(across: (f64, f64), up: (f64, f64)) -> impl Fn([f64; 2]) -> (f64, f64) {
    let unit = |(low, high): (f64, f64), room: f64| (room - 2.0 * EDGE) / (high - low);
    let unit = unit(across, WIDTH).min(unit(up, HEIGHT));
    // All points are equal.
    let unit = if unit.is_finite() { unit } else { 1.0 };
    let middle = [across, up].map(|(low, high)| f64::midpoint(low, high));
    move |[x, y]| (WIDTH / 2.0 + (x - middle[0]) * unit, HEIGHT / 2.0 - (y - middle[1]) * unit)
}

/// The medians of both coordinates.
fn middle(places: &[(f64, f64)]) -> Option<(f64, f64)> {
    let (xs, ys): (Vec<f64>, Vec<f64>) = places.iter().copied().unzip();
    median(&xs).zip(median(&ys))
}

/// Names near their places, moved up or down as far as they would cover each other. A name without room is left out.
fn labels(wanted: &[(&str, (f64, f64))]) -> String {
    let mut taken: Vec<[f64; 4]> = Vec::new();
    let mut text = String::new();
    for &(name, (x, y)) in wanted {
        let name = shorten(name, NAME_CHARS);
        let half = name.chars().count() as f64 * LETTER / 2.0;
        let x = x.clamp(half, (WIDTH - half).max(half));
        let room = |y: f64| [x - half, x + half, y - ROW * 0.75, y + ROW * 0.25];
        let is_free = |y: f64| {
            let [left, right, top, bottom] = room(y);
            let covers =
                |other: &[f64; 4]| left < other[1] && other[0] < right && top < other[3] && other[2] < bottom;
            top >= 0.0 && bottom <= HEIGHT && !taken.iter().any(covers)
        };
        let shifted = |n: u32| {
            let distance = f64::from(n.div_ceil(2)) * ROW / 4.0;
            if n.is_multiple_of(2) { y + distance } else { y - distance }
        };
        let found = (0..200).map(shifted).find(|y| is_free(*y));
        if let Some(y) = found {
            taken.push(room(y));
            text.push_str(&label("group middle", (x, y), &name));
        }
    }
    text
}

/// A canvas with points of three dimensions in the colours of their groups, and a legend. The script of the page draws it,
/// and turns it by pointer and arrow keys. Points of a group without a name are left out.
///
/// Its attribute `data-points` has four whole numbers for each point, `x y z group`, with coordinates from -1,000 to 1,000
/// around the centre.
pub fn deep(words: Words<'_>, names: &[&str], spots: &[([f64; 3], usize)]) -> Html {
    let is_drawn =
        |(at, group): &([f64; 3], usize)| *group < names.len() && at.iter().all(|value| value.is_finite());
    let spots: Vec<([f64; 3], usize)> = spots.iter().copied().filter(is_drawn).collect();
    let ends = [0, 1, 2].map(|axis: usize| range(spots.iter().map(|(at, _)| at[axis])));
    let [Some(x), Some(y), Some(z)] = ends else { return Html::default() };
    let centre = [x, y, z].map(|(low, high)| f64::midpoint(low, high));
    let centred = |at: &[f64; 3]| [0, 1, 2].map(|axis: usize| at[axis] - centre[axis]);
    let length = |at: [f64; 3]| at.iter().map(|value| value * value).sum::<f64>().sqrt();
    let farthest = spots.iter().map(|(at, _)| length(centred(at))).fold(0.0_f64, f64::max);
    let unit = if farthest > 0.0 { REACH / farthest } else { 0.0 };
    let mut data = String::new();
    for (at, group) in &spots {
        let [x, y, z] = centred(at).map(|value| (value * unit).round() as i32);
        let space = if data.is_empty() { "" } else { " " };
        let _ = write!(data, "{space}{x} {y} {z} {group}");
    }
    let mut legend = String::new();
    for (group, name) in names.iter().enumerate() {
        let (colour, name) = (group % COLOURS, escape(name));
        let _ = write!(legend, "<li><span class=\"c{colour}\"></span>{name}</li>");
    }
    let [id, title, reading] = [words.id, words.title, words.reading].map(escape);
    Html::raw(format!(
        "<figure id=\"{id}\"><h4>{title}</h4>\n\
         <canvas class=\"space\" width=\"1120\" height=\"960\" tabindex=\"0\" role=\"application\" \
         aria-label=\"{title}. {reading}\" data-points=\"{data}\">{reading}</canvas>\n\
         <ul class=\"legend\">{legend}</ul>\n<figcaption>{reading}</figcaption></figure>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'static> = Words { id: "map", title: "Map", reading: "A map." };

    fn spot(x: f64, y: f64, group: usize) -> Spot<'static> {
        Spot { at: [x, y], group, title: "<b>Cook" }
    }

    #[test]
    fn points_have_colours_and_few_have_titles() {
        let spots: Vec<Spot<'_>> =
            (0..2000_i32).map(|n| spot(f64::from(n % 40), f64::from(n / 40), (n % 13) as usize)).collect();
        let names: Vec<String> = (0..13).map(|n| format!("Group {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let map = flat(WORDS, &names, &spots);
        let map = map.as_str();
        assert_eq!(map.matches("<title>&lt;b&gt;Cook</title>").count(), MOST_TITLES);
        assert_eq!(map.matches("h0").count(), 2000 - MOST_TITLES);
        assert!(map.contains("class=\"places c11\"") && !map.contains("c12"));
        // All medians are the same: each name has its own row.
        assert_eq!(map.matches("class=\"group middle\"").count(), 13);
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let text =
            labels(&[("Nurses", (280.0, 100.0)), ("Cooks", (281.0, 101.0)), ("At the edge", (0.0, 470.0))]);
        let heights: Vec<f64> = text
            .split(" y=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next().and_then(|y| y.parse().ok()))
            .collect();
        assert_eq!(heights.len(), 3, "{text}");
        assert!((heights[0] - heights[1]).abs() >= ROW, "{text}");
    }

    #[test]
    fn points_of_three_dimensions_are_whole_numbers_around_the_centre() {
        let spots =
            [([1.0, 5.0, 0.0], 0), ([3.0, 5.0, 0.0], 1), ([f64::NAN, 5.0, 0.0], 1), ([9.0, 9.0, 9.0], 7)];
        let map = deep(WORDS, &["Nurses", "Cooks & chefs"], &spots);
        let map = map.as_str();
        assert!(map.contains("data-points=\"-1000 0 0 0 1000 0 0 1\""), "{map}");
        assert!(map.contains("<li><span class=\"c1\"></span>Cooks &amp; chefs</li>"), "{map}");
    }

    #[test]
    fn maps_without_points_are_left_out_and_equal_points_are_drawn() {
        assert!(flat(WORDS, &["a"], &[spot(f64::NAN, 1.0, 0), spot(1.0, 1.0, 1)]).is_empty());
        assert!(deep(WORDS, &["a"], &[]).is_empty());
        let same = flat(WORDS, &["a"], &[spot(2.0, 2.0, 0), spot(2.0, 2.0, 0)]);
        assert!(same.as_str().contains("cx=\"280\" cy=\"240\""), "{}", same.as_str());
        assert!(deep(WORDS, &["a"], &[([1.0; 3], 0)]).as_str().contains("\"0 0 0 0\""));
    }
}
