use std::collections::HashMap;
use std::sync::Arc;

use socket_flow_connection::Sender;

/// Some members of a topic.
pub(super) type Piece = Arc<Vec<Sender>>;

/// The members of a topic, in pieces: a join or a leave while someone
/// publishes copies one of them.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// All of them are full but the last.
    pieces: Vec<Piece>,
    /// Where each one is, by [`Sender::key`].
    places: HashMap<usize, usize>,
}

impl Members {
    /// Whether it was no member yet.
    pub(super) fn join(&mut self, sender: &Sender) -> bool {
        let place = self.len();
        if self.places.contains_key(&sender.key()) {
            return false;
        }
        self.places.insert(sender.key(), place);
        if place % PIECE == 0 {
            self.pieces.push(Piece::default());
        }
        if let Some(last) = self.pieces.last_mut() {
            Arc::make_mut(last).push(sender.clone());
        }
        true
    }

    /// Whether it was a member.
    pub(super) fn leave(&mut self, sender: &Sender) -> bool {
        let Some(place) = self.places.remove(&sender.key()) else {
            return false;
        };
        let last = self.pieces.last_mut().map(Arc::make_mut);
        let moved = last.and_then(Vec::pop);
        if self.pieces.last().is_some_and(|last| last.is_empty()) {
            self.pieces.pop();
        }
        // Unless it was the last itself.
        if let Some(moved) = moved.filter(|moved| !moved.same_connection(sender)) {
            self.places.insert(moved.key(), place);
            let piece = self.pieces.get_mut(place / PIECE).map(Arc::make_mut);
            if let Some(gap) = piece.and_then(|piece| piece.get_mut(place % PIECE)) {
                *gap = moved;
            }
        }
        true
    }

    pub(super) fn get(&self, place: usize) -> Option<&Sender> {
        self.pieces.get(place / PIECE)?.get(place % PIECE)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        self.pieces.clone()
    }
}

/// How many members are in a piece, and published to in one turn.
pub(super) const PIECE: usize = 512;
