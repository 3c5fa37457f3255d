//! Weights of a linear model as sums of its rows, for L-BFGS.
//!
//! The solution of a linear model with a quadratic penalty is a sum of the rows of its matrix: `W = Xᵀ C` (the
//! representer theorem; Schölkopf, Herbrich and Smola, 2001), and so is every gradient and every step of L-BFGS from
//! zero. A vector is therefore stored as its coefficients `C` and its scores `X W`, both `[rows, classes]`: the memory
//! of L-BFGS does not grow with the number of columns, of which texts have hundreds of thousands. The inner product of
//! two vectors is that of their weights: `⟨W, V⟩ = ⟨C_W, X V⟩`.

use std::sync::Arc;

use argmin_math::{
    ArgminAdd, ArgminDot, ArgminL1Norm, ArgminL2Norm, ArgminMinMax, ArgminMul, ArgminScaledAdd, ArgminSignum,
    ArgminSub, ArgminZeroLike,
};

/// Weights `[columns, classes]` with an intercept a class, without the weights themselves.
#[derive(Debug, Clone)]
pub(super) struct Implicit {
    /// `[rows, classes]` f32: the weights are the sums of the rows by these coefficients.
    pub(super) coefficients: Arc<[f32]>,
    /// `[rows, classes]` f32: what the weights predict for the rows, without intercepts.
    pub(super) scores: Arc<[f32]>,
    /// The intercept of each class.
    pub(super) intercepts: Arc<[f64]>,
}

impl Implicit {
    /// No weights, with the given intercepts.
    pub(super) fn zero(rows: usize, intercepts: &[f64]) -> Self {
        let empty: Arc<[f32]> = vec![0.0; rows * intercepts.len()].into();
        Self { coefficients: Arc::clone(&empty), scores: empty, intercepts: intercepts.into() }
    }

    /// Every number by `change`, which is linear or acts on coefficients alone.
    fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let narrow = |values: &[f32]| values.iter().map(|value| change(f64::from(*value)) as f32).collect();
        Self {
            coefficients: narrow(&self.coefficients),
            scores: narrow(&self.scores),
            intercepts: self.intercepts.iter().map(|value| change(*value)).collect(),
        }
    }

    /// Every number together with that of another vector by `join`.
    fn zip(&self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Self {
        let narrow = |one: &[f32], other: &[f32]| {
            one.iter().zip(other).map(|(a, b)| join(f64::from(*a), f64::from(*b)) as f32).collect()
        };
        Self {
            coefficients: narrow(&self.coefficients, &other.coefficients),
            scores: narrow(&self.scores, &other.scores),
            intercepts: self.intercepts.iter().zip(&*other.intercepts).map(|(a, b)| join(*a, *b)).collect(),
        }
    }
}

impl ArgminDot<Self, f64> for Implicit {
    fn dot(&self, other: &Self) -> f64 {
        let of_weights: f64 = self
            .coefficients
            .iter()
            .zip(&*other.scores)
            .map(|(coefficient, score)| f64::from(*coefficient) * f64::from(*score))
            .sum();
        of_weights + self.intercepts.iter().zip(&*other.intercepts).map(|(a, b)| a * b).sum::<f64>()
    }
}

impl ArgminL2Norm<f64> for Implicit {
    fn l2_norm(&self) -> f64 {
        // Rounding may leave a negative number near zero.
        self.dot(self).max(0.0).sqrt()
    }
}

impl ArgminAdd<Self, Self> for Implicit {
    fn add(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl ArgminSub<Self, Self> for Implicit {
    fn sub(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl ArgminMul<f64, Self> for Implicit {
    fn mul(&self, factor: &f64) -> Self {
        self.map(|value| value * factor)
    }
}

impl ArgminScaledAdd<Self, f64, Self> for Implicit {
    fn scaled_add(&self, factor: &f64, other: &Self) -> Self {
        self.zip(other, |a, b| a + factor * b)
    }
}

impl ArgminZeroLike for Implicit {
    fn zero_like(&self) -> Self {
        self.map(|_| 0.0)
    }
}

// The rest is required by argmin's L-BFGS for penalties of absolute values, which no model here has, and is never
// called. It acts on coefficients.

impl ArgminAdd<f64, Self> for Implicit {
    fn add(&self, number: &f64) -> Self {
        self.map(|value| value + number)
    }
}

impl ArgminSub<f64, Self> for Implicit {
    fn sub(&self, number: &f64) -> Self {
        self.map(|value| value - number)
    }
}

impl ArgminMul<Self, Self> for Implicit {
    fn mul(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}

impl ArgminL1Norm<f64> for Implicit {
    fn l1_norm(&self) -> f64 {
        self.coefficients.iter().map(|value| f64::from(value.abs())).sum()
    }
}

impl ArgminSignum for Implicit {
    fn signum(self) -> Self {
        self.map(f64::signum)
    }
}

impl ArgminMinMax for Implicit {
    fn min(one: &Self, other: &Self) -> Self {
        one.zip(other, f64::min)
    }

    fn max(one: &Self, other: &Self) -> Self {
        one.zip(other, f64::max)
    }
}
