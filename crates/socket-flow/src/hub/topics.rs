use std::collections::HashMap;
use std::sync::Arc;

use socket_flow_connection::Sender;

/// Who is a member of what.
///
/// Members that have ended stay until they are met: by a message for their
/// topic, or by the sweeps that joins do at twice the size that was left by
/// the last one. So there are never many more of them than of the living, and
/// a join costs the same however many there are.
#[derive(Debug, Default)]
pub(super) struct Topics {
    topics: HashMap<Arc<str>, Topic>,
    /// As many topics as make the next one look for empty ones.
    sweep_at: usize,
}

impl Topics {
    /// Whether it was no member yet.
    pub(super) fn join(&mut self, name: &str, sender: &Sender) -> bool {
        if sender.is_closed() {
            return false;
        }
        if let Some(topic) = self.topics.get_mut(name) {
            return topic.join(sender);
        }
        if self.topics.len() >= self.sweep_at {
            self.topics.retain(|_, topic| topic.sweep());
            self.sweep_at = (2 * self.topics.len()).max(SWEEP_MIN);
        }
        self.topics.entry(name.into()).or_default().join(sender)
    }

    /// Whether it was a member.
    pub(super) fn leave(&mut self, name: &str, sender: &Sender) -> bool {
        let Some(topic) = self.topics.get_mut(name) else {
            return false;
        };
        let left = topic.leave(sender);
        if topic.members.is_empty() {
            self.topics.remove(name);
        }
        left
    }

    /// The members to be published to; those that come or go later do not
    /// change it.
    pub(super) fn members(&self, name: &str) -> Option<Arc<Vec<Sender>>> {
        self.topics
            .get(name)
            .map(|topic| Arc::clone(&topic.members))
    }

    /// Drops the members of a topic that have ended.
    pub(super) fn sweep(&mut self, name: &str) {
        if self
            .topics
            .get_mut(name)
            .is_some_and(|topic| !topic.sweep())
        {
            self.topics.remove(name);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }
}

#[derive(Debug, Default)]
struct Topic {
    /// Copied when it is changed while someone publishes to it.
    members: Arc<Vec<Sender>>,
    /// Where each one is, by [`Sender::key`].
    places: HashMap<usize, usize>,
    /// As many members as make the next one look for those that have ended.
    sweep_at: usize,
}

impl Topic {
    fn join(&mut self, sender: &Sender) -> bool {
        if self.places.contains_key(&sender.key()) {
            return false;
        }
        if self.members.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = (2 * self.members.len()).max(SWEEP_MIN);
        }
        self.places.insert(sender.key(), self.members.len());
        Arc::make_mut(&mut self.members).push(sender.clone());
        true
    }

    fn leave(&mut self, sender: &Sender) -> bool {
        let Some(place) = self.places.remove(&sender.key()) else {
            return false;
        };
        let members = Arc::make_mut(&mut self.members);
        members.swap_remove(place);
        if let Some(moved) = members.get(place) {
            self.places.insert(moved.key(), place);
        }
        true
    }

    /// Drops those that have ended; whether anyone is left.
    fn sweep(&mut self) -> bool {
        if self.members.iter().any(Sender::is_closed) {
            Arc::make_mut(&mut self.members).retain(|member| !member.is_closed());
            self.places = self
                .members
                .iter()
                .enumerate()
                .map(|(place, member)| (member.key(), place))
                .collect();
        }
        !self.members.is_empty()
    }
}

/// Fewer than these are not worth looking through.
const SWEEP_MIN: usize = 16;
