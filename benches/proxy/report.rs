//! Numbers by measurement and proxy, printed as ratios of Sealgate to the others.

use crate::proxies::Proxy;

/// All numbers of one kind of upstream.
pub(crate) struct Table {
    proxies: Vec<&'static str>,
    rows: Vec<(String, Vec<Vec<f64>>)>,
}

impl Table {
    pub(crate) fn new(proxies: &[Proxy]) -> Self {
        Self {
            proxies: proxies.iter().map(|proxy| proxy.name).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, what: &str, proxy: &Proxy, value: f64) {
        let columns = self.proxies.len();
        let at = self
            .proxies
            .iter()
            .position(|name| *name == proxy.name)
            .unwrap();
        let row = match self.rows.iter().position(|(name, _)| name == what) {
            Some(row) => row,
            None => {
                self.rows.push((what.to_owned(), vec![Vec::new(); columns]));
                self.rows.len() - 1
            }
        };
        self.rows[row].1[at].push(value);
    }

    /// Whether anything of this kind was added.
    pub(crate) fn has(&self, what: &str) -> bool {
        self.rows.iter().any(|(name, _)| name == what)
    }

    /// Medians of each proxy, and the ratios of the first to each other one, round by round.
    pub(crate) fn print(&self) {
        println!(
            "| measurement | {} | ratios, min / median / max |",
            self.proxies.join(" | ")
        );
        println!("| --- |{} --- |", " ---: |".repeat(self.proxies.len()));
        for (what, columns) in &self.rows {
            let medians: Vec<_> = columns
                .iter()
                .map(|values| text(spread(values).1))
                .collect();
            let ratios: Vec<_> = (1..columns.len())
                .map(|at| self.ratio(columns, at))
                .collect();
            println!(
                "| {what} | {} | {} |",
                medians.join(" | "),
                ratios.join("; ")
            );
        }
    }

    fn ratio(&self, columns: &[Vec<f64>], at: usize) -> String {
        let pairs = columns[0].iter().zip(&columns[at]);
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        let (low, middle, high) = spread(&ratios);
        format!(
            "to {}: {low:.2} / {middle:.2} / {high:.2}",
            self.proxies[at]
        )
    }
}

fn text(value: f64) -> String {
    if value.abs() < 100.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

/// Minimum, median and maximum.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => (*low, sorted[sorted.len() / 2], *high),
        _ => (f64::NAN, f64::NAN, f64::NAN),
    }
}
