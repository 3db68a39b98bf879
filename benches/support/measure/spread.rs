//! Several rounds of one measurement: the median, and how far the rounds are from each other.

/// The rounds of one cell, sorted. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Takes the rounds in any order; `None` if there are none.
    pub fn of(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_by(f64::total_cmp);
        (!rounds.is_empty()).then_some(Self(rounds))
    }

    /// The ratios of two measurements, each within its round; `None` without rounds in which both were made.
    pub fn of_ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Self> {
        let pairs = ours
            .iter()
            .zip(theirs)
            .filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?));
        Self::of(pairs.collect())
    }

    /// The middle one, or the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let (below, above) = ((self.0.len() - 1) / 2, self.0.len() / 2);
        (self.0[below] + self.0[above]) / 2.0
    }

    /// The smallest.
    pub fn least(&self) -> f64 {
        self.0[0]
    }

    /// The largest.
    pub fn most(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The median, and the smallest and the largest in brackets, with so many decimals.
    pub fn show(&self, decimals: usize) -> String {
        let [median, least, most] =
            [self.median(), self.least(), self.most()].map(|n| format!("{n:.decimals$}"));
        if self.0.len() == 1 {
            median
        } else {
            format!("{median} ({least} to {most})")
        }
    }
}

/// By how much y grows for each x: the slope of the line that is nearest to these points by least squares.
///
/// Returns NaN for less than two different x.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (covariance, variance) = points.iter().fold((0.0, 0.0), |(covariance, variance), point| {
        (
            covariance + (point.0 - x) * (point.1 - y),
            variance + (point.0 - x).powi(2),
        )
    });
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle_of_odd_and_of_even_rounds() {
        let median = |rounds: &[f64]| Spread::of(rounds.to_vec()).expect("there are some").median();
        assert_eq!(
            (median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 3.0, 2.0])),
            (2.0, 2.5)
        );
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_without_the_rounds_that_failed() {
        let ours = [Some(2.0), None, Some(9.0)];
        let theirs = [Some(1.0), Some(1.0), Some(3.0)];
        let ratios = Spread::of_ratios(&ours, &theirs).expect("two rounds");
        assert_eq!(ratios.show(1), "2.5 (2.0 to 3.0)");
    }

    #[test]
    fn a_slope_is_that_of_the_nearest_line() {
        assert_eq!(slope(&[(0.0, 5.0), (10.0, 25.0), (20.0, 45.0)]), 2.0);
        assert!(slope(&[(1.0, 1.0)]).is_nan());
    }
}
