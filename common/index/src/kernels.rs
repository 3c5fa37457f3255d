//! Dot products for the instruction set of this processor.
//!
//! There are implementations for x86-64 with AVX2 and AVX-512 VNNI, because the loops that the compiler vectorizes take
//! 1.5 to 2 times as long (384 elements), and portable ones. All add in the same order, so that a similarity is
//! bit-identical on every machine.
#![allow(unsafe_code)] // Intrinsics after detection of the instruction set, on slices of checked length.

use std::sync::LazyLock;

/// Number of independent sums.
const LANES: usize = 32;

/// The implementations for an instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    /// `Σ a·b` of two vectors of equal length.
    pub dot: fn(&[f32], &[f32]) -> f32,
    /// `Σ a·b` of two codes of equal length.
    pub dot_codes: fn(&[i8], &[i8]) -> i32,
    /// Name of the instruction set.
    pub name: &'static str,
}

static DETECTED: LazyLock<Kernels> = LazyLock::new(detect);

/// The implementations for this processor.
#[inline]
pub fn kernels() -> Kernels {
    *DETECTED
}

/// Prefetches `values` into the cache. The random accesses of graph search would otherwise mostly wait for memory.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is within the slice, and prefetching has no observable effect.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

fn detect() -> Kernels {
    #[cfg(target_arch = "x86_64")]
    if let Some(chosen) = x86::detect() {
        return chosen;
    }
    PORTABLE
}

const PORTABLE: Kernels = Kernels { dot, dot_codes, name: "portable" };

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    // In the order in which the AVX2 version adds its four registers.
    for width in [16, 8] {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    with_rest(sums[..8].iter().sum(), rest_a, rest_b)
}

fn with_rest(sum: f32, a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(sum, |sum, (a, b)| sum + a * b)
}

fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports)] // Names of intrinsics do not conflict with other names.
    use std::arch::x86_64::*;

    use super::{Kernels, LANES};

    pub(super) fn detect() -> Option<Kernels> {
        if !is_x86_feature_detected!("avx2") {
            return None;
        }
        // SAFETY: AVX2 was detected above.
        let dot = |a: &[f32], b: &[f32]| unsafe { dot_avx2(a, b) };
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni")
        {
            // SAFETY: as above.
            return Some(Kernels { dot, dot_codes: |a, b| unsafe { codes_vnni(a, b) }, name: "avx512-vnni" });
        }
        // SAFETY: as above.
        Some(Kernels { dot, dot_codes: |a, b| unsafe { codes_avx2(a, b) }, name: "avx2" })
    }

    #[target_feature(enable = "avx2")]
    fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [_mm256_setzero_ps(); LANES / 8];
        let (whole_a, rest_a) = a.as_chunks::<LANES>();
        let (whole_b, rest_b) = b.as_chunks::<LANES>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            for (n, sum) in sums.iter_mut().enumerate() {
                // SAFETY: each chunk has 32 elements, and n < 4.
                let (x, y) = unsafe {
                    (_mm256_loadu_ps(a.as_ptr().add(8 * n)), _mm256_loadu_ps(b.as_ptr().add(8 * n)))
                };
                // Not a fused multiply-add, because the portable version rounds the product.
                *sum = _mm256_add_ps(*sum, _mm256_mul_ps(x, y));
            }
        }
        let all = _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
        let mut eight = [0f32; 8];
        // SAFETY: the array has eight elements.
        unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), all) };
        super::with_rest(eight.iter().sum(), rest_a, rest_b)
    }

    #[target_feature(enable = "avx2")]
    fn codes_avx2(a: &[i8], b: &[i8]) -> i32 {
        let mut sums = _mm256_setzero_si256();
        let (whole_a, rest_a) = a.as_chunks::<16>();
        let (whole_b, rest_b) = b.as_chunks::<16>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            // SAFETY: each chunk has 16 bytes.
            let (x, y) = unsafe { (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast())) };
            let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(x), _mm256_cvtepi8_epi16(y));
            sums = _mm256_add_epi32(sums, products);
        }
        let mut eight = [0i32; 8];
        // SAFETY: the array has eight elements.
        unsafe { _mm256_storeu_si256(eight.as_mut_ptr().cast(), sums) };
        eight.iter().sum::<i32>() + super::dot_codes(rest_a, rest_b)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn codes_vnni(a: &[i8], b: &[i8]) -> i32 {
        let mut sums = _mm512_setzero_si512();
        let (whole_a, rest_a) = a.as_chunks::<32>();
        let (whole_b, rest_b) = b.as_chunks::<32>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            // SAFETY: each chunk has 32 bytes.
            let (x, y) =
                unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
            sums = _mm512_dpwssd_epi32(sums, _mm512_cvtepi8_epi16(x), _mm512_cvtepi8_epi16(y));
        }
        _mm512_reduce_add_epi32(sums) + super::dot_codes(rest_a, rest_b)
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn all_products_of_codes_are_equal() {
            let (a, b): (Vec<u8>, Vec<u8>) =
                (0..300u32).map(|n| ((n * 37 % 255) as u8, (n * 91 % 255) as u8)).unzip();
            for length in [0, 1, 15, 16, 17, 33, 300] {
                let (a, b) = (bytemuck::cast_slice(&a[..length]), bytemuck::cast_slice(&b[..length]));
                let wanted = super::super::dot_codes(a, b);
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: AVX2 was detected.
                    assert_eq!(unsafe { super::codes_avx2(a, b) }, wanted);
                }
                assert_eq!((super::super::kernels().dot_codes)(a, b), wanted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn detected_products_equal_the_portable_ones(
            pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0, any::<i8>(), any::<i8>()), 0..500)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().map(|p| (p.0, p.1)).unzip();
            let (i, j): (Vec<i8>, Vec<i8>) = pairs.iter().map(|p| (p.2, p.3)).unzip();
            prop_assert_eq!((kernels().dot)(&a, &b).to_bits(), dot(&a, &b).to_bits());
            prop_assert_eq!((kernels().dot_codes)(&i, &j), dot_codes(&i, &j));
            let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-4);
        }
    }
}
