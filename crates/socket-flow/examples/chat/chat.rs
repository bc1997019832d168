//! The chat: what each visitor asks for, and who hears of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use socket_flow::{Hub, Sender, SlowPolicy};

use crate::message::{Person, Reply, Request};
use crate::pace::Pace;
use crate::rooms::Rooms;
use crate::rules;

/// The hub's topic for what everyone hears; the others are `room/` and a name.
const EVERYONE: &str = "everyone";

/// Everything the visitors share.
#[derive(Debug)]
pub(crate) struct Chat {
    /// A page that does not keep up is closed, and gets the last messages when it comes back.
    /// The lock of the state keeps what is told in one order, so nothing can be awaited for it: the
    /// hub is asked with `publish_now`, and keeps a backlog for pages whose queues are full. Where
    /// there is no such order to be kept, `publish_from` is the call.
    hub: Hub,
    /// Locked while something changes and is told, so that all hear of changes in one order.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rooms: Rooms,
    last_id: u64,
}

impl Chat {
    pub(crate) fn new() -> Self {
        Self {
            hub: Hub::new(SlowPolicy::Close),
            state: Mutex::new(State {
                rooms: Rooms::new(),
                last_id: 0,
            }),
        }
    }

    /// Somebody whose page is connected, in no room yet.
    pub(crate) fn visitor(self: &Arc<Self>, sender: Sender) -> Visitor {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        self.hub.join(EVERYONE, &sender);
        tell(&sender, &rooms(&state));
        drop(state);
        Visitor {
            chat: Arc::clone(self),
            sender,
            id,
            room: None,
            pace: Pace::new(Instant::now()),
        }
    }

    fn publish(&self, topic: &str, reply: &Reply<'_>) {
        self.hub.publish_now(topic, reply.to_json());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left a whole state: each change is one call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection. Dropped, it leaves its room.
#[derive(Debug)]
pub(crate) struct Visitor {
    chat: Arc<Chat>,
    sender: Sender,
    id: u64,
    room: Option<String>,
    pace: Pace,
}

impl Visitor {
    /// Does what the page asks for; what comes back is for it alone.
    pub(crate) fn receive(&mut self, message: Option<&str>) -> Option<Reply<'static>> {
        let request = message.and_then(|json| serde_json::from_str(json).ok());
        let is_allowed = self.pace.allows(Instant::now());
        match request {
            None => Some(Reply::refused("that is no request")),
            Some(Request::Ping { at }) => is_allowed.then_some(Reply::Pong { at }),
            Some(Request::Say { key, .. }) if !is_allowed => Some(Reply::Refused {
                key: Some(key),
                why: "too fast, wait a moment",
            }),
            Some(Request::Join { .. }) if !is_allowed => {
                Some(Reply::refused("too fast, wait a moment"))
            }
            Some(Request::Join { room, name }) => self.join(&room, &name).err().map(Reply::refused),
            Some(Request::Say { key, text }) => {
                let why = self.say(&key, &text).err()?;
                let key = Some(key);
                Some(Reply::Refused { key, why })
            }
        }
    }

    fn join(&mut self, room: &str, name: &str) -> Result<(), &'static str> {
        let room = rules::room(room).ok_or("a room is up to 24 letters, digits, - and _")?;
        let name = rules::name(name).ok_or("a name has 1 to 32 characters")?;
        let chat = Arc::clone(&self.chat);
        let mut state = chat.state();
        if !state.rooms.has(&room) {
            return Err("there are too many rooms");
        }
        self.leave(&mut state);
        let place = state.rooms.enter(&room, self.id, &name);
        let topic = topic(&room);
        if let Some(person) = place.person(self.id) {
            chat.publish(&topic, &Reply::Entered(person));
        }
        chat.hub.join(&topic, &self.sender);
        let joined = Reply::Joined {
            room: &room,
            you: self.id,
            people: place.people(),
            said: place.said(),
        };
        tell(&self.sender, &joined);
        self.room = Some(room);
        chat.publish(EVERYONE, &rooms(&state));
        Ok(())
    }

    fn say(&mut self, key: &str, text: &str) -> Result<(), &'static str> {
        let room = self.room.as_deref().ok_or("you are in no room")?;
        if !rules::is_key(key) {
            return Err("that is no key");
        }
        let text = rules::text(text).ok_or("a message has 1 to 1000 characters")?;
        let mut state = self.chat.state();
        let said = state.rooms.say(room, self.id, key.into(), text, now());
        // What was said before has been heard before.
        if let Some(said) = said {
            self.chat.publish(&topic(room), &Reply::Said(said));
        }
        Ok(())
    }

    fn leave(&mut self, state: &mut State) {
        let Some(room) = self.room.take() else {
            return;
        };
        let topic = topic(&room);
        self.chat.hub.leave(&topic, &self.sender);
        if let Some(name) = state.rooms.leave(&room, self.id) {
            let (id, name) = (self.id, name.as_str());
            self.chat.publish(&topic, &Reply::Left(Person { id, name }));
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let chat = Arc::clone(&self.chat);
        let mut state = chat.state();
        chat.hub.leave(EVERYONE, &self.sender);
        if self.room.is_some() {
            self.leave(&mut state);
            chat.publish(EVERYONE, &rooms(&state));
        }
    }
}

fn rooms(state: &State) -> Reply<'_> {
    Reply::Rooms {
        rooms: state.rooms.list(),
    }
}

fn tell(sender: &Sender, reply: &Reply<'_>) {
    // One that is full or closed is about to be gone.
    let _ = sender.try_send(reply.to_json());
}

fn topic(room: &str) -> String {
    format!("room/{room}")
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
