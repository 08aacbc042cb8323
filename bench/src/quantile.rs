//! Quantiles.

/// The value below which `part` (0 to 1) of the values are; 0.5 gives the median.
///
/// # Panics
///
/// There are no values.
pub fn quantile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    let place = (values.len() as f64 * part) as usize;
    let place = place.min(values.len().saturating_sub(1));
    let (_, value, _) = values.select_nth_unstable_by(place, f64::total_cmp);
    *value
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_by_order() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        for (part, expected) in [(0.0, 1.0), (0.5, 3.0), (0.99, 5.0), (1.0, 5.0)] {
            assert_eq!(quantile(values, part), expected);
        }
        assert_eq!(quantile([7.0], 0.5), 7.0);
    }
}
