//! Who is where, and what was said there last. Nothing here sends anything.

use std::collections::{BTreeMap, VecDeque};

use crate::message::{Person, RoomInfo, Said};

/// The room that is always there.
pub(crate) const LOBBY: &str = "lobby";

/// How many rooms there may be.
pub(crate) const ROOMS: usize = 100;

/// How much of what was said a room remembers: this many messages, of this many bytes in all.
const REMEMBERED: usize = 50;
const REMEMBERED_BYTES: usize = 32 * 1024;

/// All rooms by their names. One without people is gone, and what was said there with it; only the
/// lobby stays.
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: BTreeMap<String, Room>,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        let lobby = (LOBBY.to_owned(), Room::default());
        Self {
            rooms: BTreeMap::from([lobby]),
        }
    }

    /// Whether there is such a room, or one more may be made.
    pub(crate) fn has(&self, room: &str) -> bool {
        self.rooms.contains_key(room) || self.rooms.len() < ROOMS
    }

    /// Lets somebody into a room, which is made if need be. Those of one name are numbered.
    pub(crate) fn enter(&mut self, room: &str, id: u64, name: &str) -> &Room {
        let room = self.rooms.entry(room.to_owned()).or_default();
        let name = room.unused(name);
        room.people.insert(id, name);
        room
    }

    /// Takes somebody out of a room, and gives the name they had there.
    pub(crate) fn leave(&mut self, room: &str, id: u64) -> Option<String> {
        let place = self.rooms.get_mut(room)?;
        let name = place.people.remove(&id);
        if place.people.is_empty() && room != LOBBY {
            self.rooms.remove(room);
        }
        name
    }

    /// Has somebody say something; `None` if that was said before, or they are not there.
    pub(crate) fn say(
        &mut self,
        room: &str,
        id: u64,
        key: String,
        text: String,
        at: u64,
    ) -> Option<&Said> {
        let room = self.rooms.get_mut(room)?;
        let name = room.people.get(&id)?.clone();
        if room.said.iter().any(|said| said.key == key) {
            return None;
        }
        room.remember(Said {
            key,
            id,
            name,
            text,
            at,
        })
    }

    /// All of them, the lobby first.
    pub(crate) fn list(&self) -> Vec<RoomInfo<'_>> {
        let mut list: Vec<_> = self
            .rooms
            .iter()
            .map(|(name, room)| RoomInfo {
                name,
                people: room.people.len(),
            })
            .collect();
        list.sort_by_key(|room| room.name != LOBBY);
        list
    }
}

/// A room from inside.
#[derive(Debug, Default)]
pub(crate) struct Room {
    people: BTreeMap<u64, String>,
    said: VecDeque<Said>,
}

impl Room {
    /// Everyone in it, those who came first first.
    pub(crate) fn people(&self) -> Vec<Person<'_>> {
        let people = self.people.iter();
        people.map(|(&id, name)| Person { id, name }).collect()
    }

    pub(crate) fn person(&self, id: u64) -> Option<Person<'_>> {
        let name = self.people.get(&id)?;
        Some(Person { id, name })
    }

    /// What was said last, in order.
    pub(crate) fn said(&self) -> Vec<&Said> {
        self.said.iter().collect()
    }

    fn unused(&self, name: &str) -> String {
        let is_unused = |name: &String| self.people.values().all(|used| used != name);
        let numbered = (2..).map(|number: u64| format!("{name} {number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(is_unused).unwrap_or_default()
    }

    fn remember(&mut self, said: Said) -> Option<&Said> {
        let mut bytes: usize = self.said.iter().map(|said| said.text.len()).sum();
        bytes += said.text.len();
        while self.said.len() >= REMEMBERED || bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.said.pop_front() else {
                break;
            };
            bytes -= oldest.text.len();
        }
        self.said.push_back(said);
        self.said.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::TEXT;

    fn names(room: &Room) -> Vec<&str> {
        room.people().iter().map(|person| person.name).collect()
    }

    #[test]
    fn those_of_one_name_are_numbered() {
        let mut rooms = Rooms::new();
        rooms.enter(LOBBY, 1, "Ann");
        rooms.enter(LOBBY, 2, "Ann");
        let lobby = rooms.enter(LOBBY, 3, "Ann");
        assert_eq!(names(lobby), ["Ann", "Ann 2", "Ann 3"]);
        assert_eq!(rooms.leave(LOBBY, 2).as_deref(), Some("Ann 2"));
        let lobby = rooms.enter(LOBBY, 4, "Ann");
        assert_eq!(names(lobby), ["Ann", "Ann 3", "Ann 2"]);
    }

    #[test]
    fn a_room_is_there_while_somebody_is_in_it_and_the_lobby_always() {
        let mut rooms = Rooms::new();
        rooms.enter("attic", 1, "Ann");
        let info = |name, people| RoomInfo { name, people };
        assert_eq!(rooms.list(), [info(LOBBY, 0), info("attic", 1)]);
        rooms.say("attic", 1, "k".into(), "hi".into(), 0).unwrap();
        rooms.leave("attic", 1);
        assert_eq!(rooms.list(), [info(LOBBY, 0)]);
        assert!(rooms.enter("attic", 2, "Bob").said().is_empty());
        assert_eq!(rooms.leave("attic", 9), None);
    }

    #[test]
    fn the_number_of_rooms_is_limited() {
        let mut rooms = Rooms::new();
        for id in 1..ROOMS {
            let name = format!("room{id}");
            assert!(rooms.has(&name));
            rooms.enter(&name, id as u64, "Ann");
        }
        assert!(!rooms.has("one-more"));
        assert!(rooms.has("room1"));
    }

    #[test]
    fn what_was_said_is_said_once() {
        let mut rooms = Rooms::new();
        rooms.enter(LOBBY, 1, "Ann");
        let mut say = |id, key: &str| rooms.say(LOBBY, id, key.into(), "hi".into(), 5).cloned();
        let said = say(1, "k").unwrap();
        assert_eq!((said.name.as_str(), said.at), ("Ann", 5));
        assert_eq!(say(1, "k"), None);
        assert_eq!(say(2, "l"), None, "who is not there says nothing");
    }

    #[test]
    fn a_room_remembers_the_last_messages_only() {
        let mut rooms = Rooms::new();
        rooms.enter(LOBBY, 1, "Ann");
        let mut say = |number: usize, text: &str| {
            rooms.say(LOBBY, 1, format!("k{number}"), text.into(), 0);
        };
        (0..REMEMBERED + 5).for_each(|number| say(number, "hi"));
        let keys = |rooms: &mut Rooms| {
            let lobby = rooms.enter(LOBBY, 2, "Bob");
            let said = lobby.said();
            (said[0].key.clone(), said.len())
        };
        assert_eq!(keys(&mut rooms), ("k5".to_owned(), REMEMBERED));

        let long = "\u{1f4ac}".repeat(TEXT);
        for number in 100..100 + REMEMBERED {
            rooms.say(LOBBY, 1, format!("k{number}"), long.clone(), 0);
        }
        let fit = REMEMBERED_BYTES / long.len();
        assert_eq!(keys(&mut rooms), (format!("k{}", 150 - fit), fit));
    }
}
