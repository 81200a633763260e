//! Figures and their floors, round by round.

/// What was measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    unit: &'static str,
    floor: &'static str,
    /// Our figure and the floor's, one pair a round.
    pairs: Vec<(f64, f64)>,
}

impl Table {
    /// A figure of this round, beside its floor in the same unit.
    pub(crate) fn beside(
        &mut self,
        what: &str,
        unit: &'static str,
        ours: f64,
        (floor, theirs): (&'static str, f64),
    ) {
        let known = self
            .rows
            .iter()
            .position(|row| row.what == what && row.floor == floor);
        let at = known.unwrap_or_else(|| {
            self.rows.push(Row {
                what: what.to_owned(),
                unit,
                floor,
                pairs: Vec::new(),
            });
            self.rows.len() - 1
        });
        self.rows[at].pairs.push((ours, theirs));
    }

    /// A figure of this round that has no floor.
    pub(crate) fn alone(&mut self, what: &str, unit: &'static str, ours: f64) {
        self.beside(what, unit, ours, ("", f64::NAN));
    }

    pub(crate) fn print(&self) {
        println!("| measurement | median | floor | median | ratio, min / median / max |");
        println!("| --- | ---: | --- | ---: | --- |");
        for row in &self.rows {
            let ours = spread(row.pairs.iter().map(|pair| pair.0)).1;
            print!("| {} | {} {} |", row.what, text(ours), row.unit);
            if row.floor.is_empty() {
                println!(" | | |");
                continue;
            }
            let floor = spread(row.pairs.iter().map(|pair| pair.1)).1;
            let (low, middle, high) = spread(row.pairs.iter().map(|pair| pair.0 / pair.1));
            println!(
                " {} | {} {} | {low:.2} / {middle:.2} / {high:.2} |",
                row.floor,
                text(floor),
                row.unit
            );
        }
    }
}

fn text(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Minimum, median and maximum.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    (
        sorted[0],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
    )
}
