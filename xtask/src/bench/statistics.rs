//! Medians and how they are written.

/// Several measurements of one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        let upper = self.0.len() / 2;
        let lower = self.0.len().checked_sub(1)? / 2;
        Some((self.0.get(lower)? + self.0.get(upper)?) / 2.0)
    }

    /// The smallest and the largest.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}

/// Three significant digits, thousands as `k`, millions as `M`.
pub(crate) fn short(value: f64) -> String {
    let (value, unit) = match value {
        _ if value >= 999_500.0 => (value / 1e6, "M"),
        _ if value >= 9_995.0 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    match value {
        _ if value >= 99.95 => format!("{value:.0}{unit}"),
        _ if value >= 9.995 => format!("{value:.1}{unit}"),
        _ if value >= 0.0995 => format!("{value:.2}{unit}"),
        _ => format!("{value:.3}{unit}"),
    }
}

/// A whole number with commas between its thousands.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    if value <= -0.5 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        for value in values {
            samples.push(*value);
        }
        samples
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(samples(&[]).median(), None);
        assert_eq!(samples(&[7.0]).median(), Some(7.0));
        assert_eq!(samples(&[9.0, 1.0]).median(), Some(5.0));
        assert_eq!(samples(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(samples(&[9.0, 1.0, 2.0]).spread(), Some((1.0, 9.0)));
        assert_eq!(samples(&[]).spread(), None);
    }

    #[test]
    fn three_digits_are_enough() {
        for (value, text) in [
            (0.0146, "0.015"),
            (0.185, "0.18"),
            (9.41, "9.41"),
            (13.64, "13.6"),
            (578.2, "578"),
            (9_890.0, "9890"),
            (28_900.0, "28.9k"),
            (132_000.0, "132k"),
            (4_390_000.0, "4.39M"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7.4), "7");
        assert_eq!(grouped(1_109.0), "1,109");
        assert_eq!(grouped(211_726.0), "211,726");
        assert_eq!(grouped(-1_234_567.0), "-1,234,567");
    }
}
