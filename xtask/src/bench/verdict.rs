//! Who leads a row: ours against the best of the others, said as it is.

use crate::bench::server::{Kind, Server};

/// Whether more of a figure is better, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// Medians of one figure in one scenario, by server.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    better: Better,
    values: Vec<(&'a Server, f64)>,
}

impl<'a> Column<'a> {
    /// A column of what was measured.
    pub(crate) fn new(
        better: Better,
        values: impl IntoIterator<Item = (&'a Server, Option<f64>)>,
    ) -> Self {
        let values = values.into_iter();
        Self {
            better,
            values: values
                .filter_map(|(server, value)| Some((server, value?)))
                .collect(),
        }
    }

    /// The best of a kind.
    pub(crate) fn best(&self, kind: Kind) -> Option<(&'a Server, f64)> {
        let values = self.values.iter().filter(|(server, _)| server.kind == kind);
        let order = |a: &&(&Server, f64), b: &&(&Server, f64)| a.1.total_cmp(&b.1);
        match self.better {
            Better::More => values.max_by(order).copied(),
            Better::Less => values.min_by(order).copied(),
        }
    }

    /// What is to be said about the row `name`, or nothing where ours or all others are missing.
    pub(crate) fn verdict(&self, name: &str) -> Option<String> {
        let (ours, own) = self.best(Kind::Ours)?;
        let (peer, best) = self.best(Kind::Peer)?;
        let ahead = match self.better {
            Better::More => own / best,
            Better::Less => best / own,
        };
        Some(if ahead >= 1.0 {
            format!("{name}: {ours} leads, {ahead:.2} times as good as {peer}")
        } else {
            format!(
                "{name}: **{peer} is ahead**, {:.2} times as good as {ours}",
                1.0 / ahead
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> &'static Server {
        Server::named(name).unwrap()
    }

    #[test]
    fn a_peer_that_leads_is_named() {
        let values = [
            (server("raw"), Some(1.0)),
            (server("socket-flow"), Some(4.0)),
            (server("socket-flow-lent"), Some(3.0)),
            (server("wtx"), Some(2.0)),
            (server("yawc"), None),
        ];
        let less = Column::new(Better::Less, values);
        assert_eq!(
            less.verdict("CPU, scenario 1").unwrap(),
            "CPU, scenario 1: **wtx is ahead**, 1.50 times as good as socket-flow-lent"
        );
        let more = Column::new(Better::More, values);
        assert_eq!(
            more.verdict("Messages").unwrap(),
            "Messages: socket-flow leads, 2.00 times as good as wtx"
        );
    }

    #[test]
    fn nothing_is_said_about_a_row_without_a_comparison() {
        let alone = Column::new(Better::Less, [(server("socket-flow"), Some(4.0))]);
        assert_eq!(alone.verdict("CPU"), None);
    }
}
