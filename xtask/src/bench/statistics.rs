//! Samples and what is said about them: least, median, spread; means of ratios; exponents.

use crate::rng::Rng;
use anyhow::Result;

/// Samples of one contestant, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Samples in the order in which they were taken.
    pub fn new(samples: Vec<f64>) -> Samples {
        Samples(samples)
    }

    /// Adds the sample of another round.
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The least; infinite if there are none.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median; 0 if there are none.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Distance between the quartiles, in hundredths of the median.
    pub fn spread(&self) -> f64 {
        let median = self.median();
        if median == 0.0 { 0.0 } else { 100.0 * (self.quantile(0.75) - self.quantile(0.25)) / median }
    }

    /// Interpolated between the two nearest samples.
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
        let place = part * last as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    }

    /// Round by round, these samples divided by those of another contestant.
    pub fn over(&self, other: &Samples) -> Samples {
        self.zip(other, |a, b| a / b)
    }

    /// Round by round, these samples less those of another contestant.
    pub fn less(&self, other: &Samples) -> Samples {
        self.zip(other, |a, b| a - b)
    }

    fn zip(&self, other: &Samples, what: impl Fn(f64, f64) -> f64) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(a, b)| what(*a, *b)).collect())
    }
}

/// One who is measured: takes a sample each time it is called.
pub type Measure<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// The order in which contestants take turns in a round: another one in each, or one of them would always follow another that leaves the host's caches cold.
pub fn turns(round: u32, contestants: usize) -> Vec<usize> {
    let mut rng = Rng::new(0, u64::from(round));
    let mut order: Vec<usize> = (0..contestants).collect();
    for left in (2..=contestants).rev() {
        order.swap(left - 1, rng.below(left));
    }
    order
}

/// Lets contestants take turns for some rounds, after one round that does not count.
pub fn alternate(rounds: u32, contestants: &mut [Measure<'_>]) -> Result<Vec<Samples>> {
    let mut samples = vec![Samples::default(); contestants.len()];
    for round in 0..=rounds.max(1) {
        for i in turns(round, contestants.len()) {
            let sample = contestants[i]()?;
            if round > 0 {
                samples[i].push(sample);
            }
        }
    }
    Ok(samples)
}

/// The geometric mean; 0 of nothing.
pub fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for ratio in ratios {
        sum += ratio.ln();
        count += 1;
    }
    if count == 0 { 0.0 } else { (sum / f64::from(count)).exp() }
}

/// The largest; 0 of nothing.
pub fn worst(ratios: impl IntoIterator<Item = f64>) -> f64 {
    ratios.into_iter().fold(0.0, f64::max)
}

/// The exponent `e` of `y = c · x^e`, fitted by least squares on logarithms, and its standard error. `None` for fewer
/// than three points or sizes that do not differ.
pub fn exponent(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < 3 {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.max(f64::MIN_POSITIVE).ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let square = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
    if square == 0.0 {
        return None;
    }
    let slope = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / square;
    let residue = logs.iter().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum::<f64>();
    Some((slope, (residue / (count - 2.0) / square).sqrt()))
}

/// Three decimals, for JSON.
pub fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_mean_of_ratios() {
        assert!((geometric_mean([2.0, 8.0]) - 4.0).abs() < 1e-9);
        assert_eq!(geometric_mean([]), 0.0);
    }

    #[test]
    fn quartiles_are_interpolated() {
        let samples = Samples::new(vec![4.0, 1.0, 2.0, 3.0]);
        assert_eq!((samples.least(), samples.median()), (1.0, 2.5));
        assert!((samples.spread() - 60.0).abs() < 1e-9);
        assert_eq!(Samples::default().median(), 0.0);
    }

    #[test]
    fn ratios_pair_the_rounds() {
        let (a, b) = (Samples::new(vec![2.0, 40.0, 8.0]), Samples::new(vec![1.0, 20.0, 4.0]));
        assert_eq!(a.over(&b).0, [2.0, 2.0, 2.0]);
        assert_eq!(a.less(&b).0, [1.0, 20.0, 4.0]);
    }

    #[test]
    fn contestants_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let contestant = |number: u32| {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(number);
                Ok(f64::from(number))
            }) as Measure<'_>
        };
        let samples = alternate(2, &mut [contestant(1), contestant(2)]).unwrap();
        let rounds: Vec<Vec<u32>> = order.borrow().chunks(2).map(<[u32]>::to_vec).collect();
        assert!(rounds.len() == 3 && rounds.iter().all(|round| *round == [1, 2] || *round == [2, 1]));
        assert_eq!(samples[1].0, [2.0, 2.0]);
    }

    #[test]
    fn nobody_always_follows_another() {
        let mut follows = [[0; 3]; 3];
        for round in 0..300 {
            let order = turns(round, 3);
            order.windows(2).for_each(|pair| follows[pair[0]][pair[1]] += 1);
        }
        for (a, row) in follows.iter().enumerate() {
            assert!(
                row.iter().enumerate().all(|(b, &count)| a == b || (60..140).contains(&count)),
                "{follows:?}"
            );
        }
    }

    #[test]
    fn powers_are_fitted_exactly() {
        let points = [1.0f64, 2.0, 4.0, 8.0].map(|x| (x, 3.0 * x.powf(1.5)));
        let (slope, error) = exponent(&points).unwrap();
        assert!((slope - 1.5).abs() < 1e-9 && error < 1e-9, "{slope} {error}");
        assert_eq!(exponent(&points[..2]), None);
        assert_eq!(exponent(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }
}
