//! Compares two pieces of code in one process, in pairs.
//!
//! In: an operation, and the work it cannot do without. Out: the median time of each, of
//! their ratio and of their difference. A pair is measured back to back, in alternating
//! order, so that what else the machine does strikes both alike; medians forget the rest.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Medians over all pairs.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Nanoseconds of one operation.
    pub operation_ns: f64,
    /// Nanoseconds of its primitives.
    pub primitives_ns: f64,
    /// Operation over primitives.
    pub ratio: f64,
    /// Operation less primitives, in nanoseconds.
    pub difference_ns: f64,
}

/// Pairs that are measured.
const PAIRS: usize = 201;
/// About how long one half of a pair takes: long against the clock, short against whatever
/// interrupts.
const BATCH: Duration = Duration::from_micros(500);

/// Measures `operation` against `primitives`.
pub fn compare<A, B>(
    mut operation: impl FnMut() -> A,
    mut primitives: impl FnMut() -> B,
) -> Comparison {
    let runs = runs_in_a_batch(&mut operation).min(runs_in_a_batch(&mut primitives));
    let pairs = if runs == 1 { PAIRS / 3 } else { PAIRS };
    let mut samples = Samples::default();
    for pair in 0..pairs {
        let (one, other);
        if pair % 2 == 0 {
            one = time(runs, &mut operation);
            other = time(runs, &mut primitives);
        } else {
            other = time(runs, &mut primitives);
            one = time(runs, &mut operation);
        }
        samples.push(one, other);
    }
    samples.medians()
}

#[derive(Default)]
struct Samples {
    operation: Vec<f64>,
    primitives: Vec<f64>,
    ratio: Vec<f64>,
    difference: Vec<f64>,
}

impl Samples {
    fn push(&mut self, operation: f64, primitives: f64) {
        self.operation.push(operation);
        self.primitives.push(primitives);
        self.ratio.push(operation / primitives);
        self.difference.push(operation - primitives);
    }

    fn medians(self) -> Comparison {
        Comparison {
            operation_ns: median(self.operation),
            primitives_ns: median(self.primitives),
            ratio: median(self.ratio),
            difference_ns: median(self.difference),
        }
    }
}

fn runs_in_a_batch<T>(work: &mut impl FnMut() -> T) -> u32 {
    // The first calls pay for caches and tables.
    time(3, work);
    let once = time(3, work).max(1.0);
    (BATCH.as_nanos() as f64 / once).clamp(1.0, 10_000.0) as u32
}

/// Nanoseconds of one call, over `runs` calls.
fn time<T>(runs: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..runs {
        black_box(work());
    }
    start.elapsed().as_nanos() as f64 / f64::from(runs)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        let mut samples = Samples::default();
        for (operation, primitives) in [(2.0, 1.0), (3.0, 1.0), (100.0, 1.0)] {
            samples.push(operation, primitives);
        }
        let medians = samples.medians();
        assert_eq!((medians.ratio, medians.difference_ns), (3.0, 2.0));
        assert_eq!((medians.operation_ns, medians.primitives_ns), (3.0, 1.0));
    }

    #[test]
    fn work_is_done_in_equal_numbers() {
        let (mut one, mut other) = (0_u64, 0_u64);
        compare(|| one += 1, || other += 1);
        let (few, many) = (one.min(other), one.max(other));
        assert!(few > PAIRS as u64 / 3 && many - few <= 12);
    }
}
