use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use socket_flow_connection::{Publications, Published, Sender};
use socket_flow_protocol::Prepared;

use crate::hub::members::{Members, Piece};

/// Who is a member of what.
///
/// Members that have ended stay until they are met: by a message for their
/// topic, or by a hand that goes round all of them, a few steps with each join.
/// So there are never many more of them than of the living, and no lock is held
/// for long.
#[derive(Debug, Default)]
pub(super) struct Topics {
    topics: HashMap<Arc<str>, Topic>,
    /// Every topic's name, in no order.
    names: Vec<Arc<str>>,
    hand: Hand,
}

#[derive(Debug)]
struct Topic {
    members: Members,
    /// What was published to it, where newer messages take the place of older ones.
    publications: OnceLock<Box<Publications>>,
    /// Where its name is.
    place: usize,
}

/// Where the hand stands.
#[derive(Debug, Default)]
struct Hand {
    topic: usize,
    member: usize,
}

impl Topics {
    /// Whether it was no member yet.
    pub(super) fn join(&mut self, name: &str, sender: &Sender) -> bool {
        if sender.is_closed() {
            return false;
        }
        self.go_round();
        if let Some(topic) = self.topics.get_mut(name) {
            return topic.members.join(sender);
        }
        let name: Arc<str> = name.into();
        let mut topic = Topic {
            members: Members::default(),
            publications: OnceLock::new(),
            place: self.names.len(),
        };
        topic.members.join(sender);
        self.names.push(name.clone());
        self.topics.insert(name, topic);
        true
    }

    /// Whether it was a member.
    pub(super) fn leave(&mut self, name: &str, sender: &Sender) -> bool {
        let Some(topic) = self.topics.get_mut(name) else {
            return false;
        };
        let left = topic.members.leave(sender);
        if topic.members.len() == 0 {
            self.remove(name);
        }
        left
    }

    /// The members to be published to; those that come or go later do not
    /// change it.
    pub(super) fn members(&self, name: &str) -> Vec<Piece> {
        let topic = self.topics.get(name);
        topic.map_or_else(Vec::new, |topic| topic.members.pieces())
    }

    /// Adds a message to what was published to a topic; `None` where nobody is a
    /// member.
    pub(super) fn add(&self, name: &str, message: &Prepared) -> Option<Published> {
        let publications = &self.topics.get(name)?.publications;
        let publications = publications.get_or_init(Box::default);
        Some(publications.add(message))
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    /// Looks at a few members and drops those that have ended.
    fn go_round(&mut self) {
        for _ in 0..STEPS {
            let Some(name) = self.names.get(self.hand.topic).cloned() else {
                self.hand = Hand::default();
                continue;
            };
            let Some(topic) = self.topics.get_mut(&name) else {
                continue;
            };
            match topic.members.get(self.hand.member) {
                Some(member) if member.is_closed() => {
                    let member = member.clone();
                    topic.members.leave(&member);
                    if topic.members.len() == 0 {
                        // The last one takes its place, and is next.
                        self.remove(&name);
                        self.hand.member = 0;
                    }
                }
                Some(_) => self.hand.member += 1,
                None => {
                    self.hand = Hand {
                        topic: self.hand.topic + 1,
                        member: 0,
                    }
                }
            }
        }
    }

    fn remove(&mut self, name: &str) {
        let Some(topic) = self.topics.remove(name) else {
            return;
        };
        self.names.swap_remove(topic.place);
        if let Some(moved) = self.names.get(topic.place) {
            if let Some(moved) = self.topics.get_mut(moved) {
                moved.place = topic.place;
            }
        }
    }
}

/// How many members are looked at with each join: the hand must be faster than
/// what it looks for grows, and there may be a topic for each member.
const STEPS: usize = 8;
