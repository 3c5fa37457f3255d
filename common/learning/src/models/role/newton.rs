//! The minimum of a convex function of two variables.

/// Steps of a search at most; a few are usual.
const MAX_STEPS: usize = 50;
/// A search ends at a step that changes no variable by more.
const TOLERANCE: f64 = 1e-7;
/// Halvings of a step that does not lead down.
const MAX_HALVINGS: usize = 30;

/// A function's height, slope and curvature at a point.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    pub(super) height: f64,
    /// Derivatives by the first and the second variable.
    pub(super) slope: [f64; 2],
    /// Second derivatives: by the first variable twice, by both, by the second twice.
    pub(super) curvature: [f64; 3],
}

impl Point {
    /// Of the sum of two functions.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.height += other.height;
        self.slope.iter_mut().zip(other.slope).for_each(|(own, other)| *own += other);
        self.curvature.iter_mut().zip(other.curvature).for_each(|(own, other)| *own += other);
        self
    }

    /// With `weight |point - centre|² / 2` in addition, which makes a function strictly convex.
    pub(super) fn pulled_to(mut self, centre: [f64; 2], point: [f64; 2], weight: f64) -> Self {
        for at in 0..2 {
            let away = point[at] - centre[at];
            self.height += weight * away * away / 2.0;
            self.slope[at] += weight * away;
            self.curvature[2 * at] += weight;
        }
        self
    }
}

/// The lowest point of a strictly convex function, by Newton's steps from `start`.
pub(super) fn minimum(start: [f64; 2], function: impl Fn([f64; 2]) -> Point) -> [f64; 2] {
    let mut point = start;
    let mut here = function(point);
    for _ in 0..MAX_STEPS {
        let ([a, b, c], [by_first, by_second]) = (here.curvature, here.slope);
        let determinant = a * c - b * b;
        let step =
            [(c * by_first - b * by_second) / determinant, (a * by_second - b * by_first) / determinant];
        if step[0].abs().max(step[1].abs()) < TOLERANCE {
            break;
        }
        let mut share = 1.0;
        let lower = (0..MAX_HALVINGS).find_map(|_| {
            let there = [point[0] - share * step[0], point[1] - share * step[1]];
            let found = function(there);
            share /= 2.0;
            (found.height <= here.height).then_some((there, found))
        });
        let Some((there, found)) = lower else { break };
        (point, here) = (there, found);
    }
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_of_a_convex_function_is_found() {
        // exp(x - 1) - x + exp(y + x) - y - x, whose minimum is where both exponents are 0 in the slopes' sums.
        let function = |[x, y]: [f64; 2]| {
            let (first, second) = ((x - 1.0).exp(), (y + x).exp());
            Point {
                height: first - x + second - y - x,
                slope: [first - 1.0 + second - 1.0, second - 1.0],
                curvature: [first + second, second, second],
            }
        };
        let [x, y] = minimum([-5.0, 4.0], function);
        assert!((x - 1.0).abs() < 1e-8 && (y + 1.0).abs() < 1e-8, "{x} {y}");
        let pulled = |point| Point::default().pulled_to([2.0, -3.0], point, 0.5);
        assert_eq!(minimum([0.0, 0.0], pulled), [2.0, -3.0]);
    }
}
