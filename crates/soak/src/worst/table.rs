//! What was measured, as the documentation shows it.

use std::fmt;

use crate::worst::{Column, Figure, Row};

/// The figures of some rows.
#[derive(Debug, Default)]
pub struct Table(Vec<(Row, [Option<Figure>; 4])>);

impl Table {
    /// Adds a row, with a figure for each column that has one.
    pub fn row(&mut self, row: Row, figures: [Option<Figure>; 4]) {
        self.0.push((row, figures));
    }

    /// The figures above what may be asked of the allocator, a line each.
    pub fn above(&self) -> Vec<String> {
        let cells = self.0.iter().flat_map(|(row, figures)| {
            let columns = Column::ALL.into_iter().zip(figures);
            columns.map(move |(column, figure)| (row, column, figure))
        });
        let above = cells.filter_map(|(row, column, figure)| {
            let (most, asked) = (row.most(column)?, figure.as_ref()?.asked);
            let (name, title) = (row.name, column.title());
            (asked > most).then(|| format!("{name}, {title}: {asked} bytes, more than {most}"))
        });
        above.collect()
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        cell: impl Fn(&Row, Column, &Figure) -> String,
    ) -> fmt::Result {
        write!(f, "| {title} |")?;
        for column in Column::ALL {
            write!(f, " {} |", column.title())?;
        }
        write!(f, "\n|---|{}\n", "---:|".repeat(Column::ALL.len()))?;
        for (row, figures) in &self.0 {
            write!(f, "| {} |", row.title)?;
            for (column, figure) in Column::ALL.into_iter().zip(figures) {
                match figure {
                    Some(figure) => write!(f, " {} |", cell(row, column, figure))?,
                    None => write!(f, " – |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "asked of the allocator (at most)", |row, column, it| {
            let most = row.most(column).unwrap_or(0);
            format!("{} ({})", grouped(it.asked), grouped(most))
        })?;
        writeln!(f)?;
        self.write(f, "resident", |_, _, it| grouped(it.resident))
    }
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(asked: u64) -> Option<Figure> {
        Some(Figure {
            asked,
            resident: asked * 2,
        })
    }

    #[test]
    fn a_table_has_a_cell_for_each_column() {
        let mut table = Table::default();
        let row = *Row::named("hello").unwrap();
        let most = row.most(Column::Tls).unwrap();
        table.row(row, [None, figure(most), None, None]);
        assert!(table.above().is_empty());
        let text = table.to_string();
        let most = grouped(most);
        let cells = format!("| – | {most} ({most}) | – | – |\n\n");
        assert!(text.contains(&cells), "{text}");
        let title = "\n|---|---:|---:|---:|---:|\n";
        assert_eq!(text.matches(title).count(), 2);
    }

    #[test]
    fn what_is_above_its_limit_is_named() {
        let mut table = Table::default();
        let row = *Row::named("idle").unwrap();
        let most = row.most(Column::Kept).unwrap();
        table.row(row, [figure(1), figure(1), figure(most + 1), figure(1)]);
        let said = format!("idle, contexts kept: {} bytes, more than {most}", most + 1);
        assert_eq!(table.above(), [said]);
    }

    #[test]
    fn thousands_have_a_comma() {
        let numbers = [0, 999, 1_000, 16_777_216].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "16,777,216"]);
    }
}
