//! The table at the end of a run.

use std::fmt;

use crate::interop::feature::Feature;

/// How the exchanges went: a row for each feature, a column for each peer and direction.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<String>,
    /// In the order of [`Feature::ALL`], a cell for each column.
    rows: Vec<Vec<Cell>>,
}

/// How many exchanges of a feature there were, and how many failed.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    total: usize,
    failed: usize,
}

impl Table {
    /// A table without a single exchange.
    pub(crate) fn new(columns: Vec<String>) -> Self {
        let rows = vec![vec![Cell::default(); columns.len()]; Feature::ALL.len()];
        Self { columns, rows }
    }

    /// Counts an exchange.
    pub(crate) fn count(&mut self, feature: Feature, column: usize, passed: bool) {
        let cell = Feature::ALL
            .iter()
            .position(|it| *it == feature)
            .and_then(|row| self.rows.get_mut(row))
            .and_then(|row| row.get_mut(column));
        if let Some(cell) = cell {
            cell.total += 1;
            cell.failed += usize::from(!passed);
        }
    }

    /// How many exchanges there were.
    pub(crate) fn total(&self) -> usize {
        self.rows.iter().flatten().map(|cell| cell.total).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = Feature::ALL
            .iter()
            .zip(&self.rows)
            .filter(|(_, cells)| cells.iter().any(|cell| cell.total > 0))
            .collect();
        let first = rows
            .iter()
            .map(|(feature, _)| feature.label().chars().count())
            .max()
            .unwrap_or(0);
        write!(f, "{:first$}", "")?;
        for column in &self.columns {
            write!(f, "  {column:>15}")?;
        }
        for (feature, cells) in rows {
            let label = feature.label();
            write!(f, "\n{label:first$}")?;
            for (column, cell) in self.columns.iter().zip(cells) {
                let width = column.chars().count().max(15);
                write!(f, "  {:>width$}", cell.to_string())?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.total, self.failed) {
            (0, _) => f.write_str("-"),
            (total, 0) => write!(f, "ok {total}"),
            (total, failed) => write!(f, "FAILED {failed}/{total}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_rows_and_ends_are_columns() {
        let mut table = Table::new(vec!["ws -> us".into(), "us -> ws".into()]);
        table.count(Feature::Messages, 0, true);
        table.count(Feature::Messages, 0, true);
        table.count(Feature::Messages, 1, true);
        table.count(Feature::Ping, 1, false);
        table.count(Feature::Ping, 1, true);
        assert_eq!(table.total(), 5);
        assert_eq!(
            table.to_string(),
            "                      ws -> us         us -> ws\n\
             messages                  ok 2             ok 1\n\
             ping and pong                -       FAILED 1/2"
        );
    }
}
