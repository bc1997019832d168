//! The chat: what each visitor asks for, and who hears of it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use socket_flow::{Hub, Sender, ServerStream, SlowPolicy, WebSocket};
use tokio::sync::{Mutex, MutexGuard};

use crate::message::{Person, Reply, Request};
use crate::pace::Pace;
use crate::rooms::Rooms;
use crate::rules;

/// The hub's topic for what everyone hears; the others are `room/` and a name.
const EVERYONE: &str = "everyone";

/// A page's connection.
type Page = WebSocket<ServerStream>;

/// Everything the visitors share.
#[derive(Debug)]
pub(crate) struct Chat {
    /// A page that does not keep up is closed, and gets the last messages when it comes back.
    hub: Hub,
    /// Locked while something changes and is told, so that all hear of changes in one order. Who
    /// waits for it runs its own connection meanwhile: those who tell something wait for that one.
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

    /// Somebody whose page is connected, in no room yet. Ends with [`Visitor::leave`].
    pub(crate) async fn visitor(self: &Arc<Self>, page: &mut Page) -> Visitor {
        let sender = page.sender();
        let mut state = self.state(page).await;
        state.last_id += 1;
        let id = state.last_id;
        self.hub.join(EVERYONE, &sender);
        tell(page, &rooms(&state)).await;
        drop(state);
        Visitor {
            chat: Arc::clone(self),
            sender,
            id,
            room: None,
            pace: Pace::new(Instant::now()),
        }
    }

    async fn publish(&self, page: &mut Page, topic: &str, reply: &Reply<'_>) {
        self.hub.publish_from(page, topic, reply.to_json()).await;
    }

    async fn state(&self, page: &mut Page) -> MutexGuard<'_, State> {
        beside(page, self.state.lock()).await
    }
}

/// One connection.
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
    pub(crate) async fn receive(
        &mut self,
        page: &mut Page,
        message: Option<&str>,
    ) -> Option<Reply<'static>> {
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
            Some(Request::Join { room, name }) => {
                let joined = self.join(page, &room, &name).await;
                joined.err().map(Reply::refused)
            }
            Some(Request::Say { key, text }) => {
                let why = self.say(page, &key, &text).await.err()?;
                let key = Some(key);
                Some(Reply::Refused { key, why })
            }
        }
    }

    async fn join(&mut self, page: &mut Page, room: &str, name: &str) -> Result<(), &'static str> {
        let room = rules::room(room).ok_or("a room is up to 24 letters, digits, - and _")?;
        let name = rules::name(name).ok_or("a name has 1 to 32 characters")?;
        let chat = Arc::clone(&self.chat);
        let mut state = chat.state(page).await;
        if !state.rooms.has(&room) {
            return Err("there are too many rooms");
        }
        if let Some((old, left)) = self.take_out(&mut state) {
            chat.hub.publish_from(page, &old, left).await;
        }
        let place = state.rooms.enter(&room, self.id, &name);
        let topic = topic(&room);
        if let Some(person) = place.person(self.id) {
            chat.publish(page, &topic, &Reply::Entered(person)).await;
        }
        chat.hub.join(&topic, &self.sender);
        let joined = Reply::Joined {
            room: &room,
            you: self.id,
            people: place.people(),
            said: place.said(),
        };
        tell(page, &joined).await;
        self.room = Some(room);
        chat.publish(page, EVERYONE, &rooms(&state)).await;
        Ok(())
    }

    async fn say(&mut self, page: &mut Page, key: &str, text: &str) -> Result<(), &'static str> {
        let room = self.room.as_deref().ok_or("you are in no room")?;
        if !rules::is_key(key) {
            return Err("that is no key");
        }
        let text = rules::text(text).ok_or("a message has 1 to 1000 characters")?;
        let mut state = self.chat.state(page).await;
        let said = state.rooms.say(room, self.id, key.into(), text, now());
        // What was said before has been heard before.
        if let Some(said) = said {
            let said = Reply::Said(said);
            self.chat.publish(page, &topic(room), &said).await;
        }
        Ok(())
    }

    /// The connection is over: others hear of it.
    pub(crate) async fn leave(mut self) {
        let chat = Arc::clone(&self.chat);
        let mut state = chat.state.lock().await;
        chat.hub.leave(EVERYONE, &self.sender);
        if let Some((room, left)) = self.take_out(&mut state) {
            chat.hub.publish(&room, left).await;
            let rooms = rooms(&state).to_json();
            chat.hub.publish(EVERYONE, rooms).await;
        }
    }

    /// Takes it out of its room; the room's topic, and what is to be told there.
    fn take_out(&mut self, state: &mut State) -> Option<(String, String)> {
        let room = self.room.take()?;
        let topic = topic(&room);
        self.chat.hub.leave(&topic, &self.sender);
        let (id, name) = (self.id, state.rooms.leave(&room, self.id)?);
        let left = Reply::Left(Person { id, name: &name });
        Some((topic, left.to_json()))
    }
}

/// Waits for something and runs the page's connection meanwhile, as long as it is there.
async fn beside<T>(page: &mut Page, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    tokio::select! {
        done = &mut future => return done,
        // It ends, and the next call tells how.
        _ = page.drive() => {}
    }
    future.await
}

fn rooms(state: &State) -> Reply<'_> {
    Reply::Rooms {
        rooms: state.rooms.list(),
    }
}

/// Tells a page something, after all that was published to it.
async fn tell(page: &mut Page, reply: &Reply<'_>) {
    let sender = page.sender();
    // One that is closed is about to be gone.
    let _ = beside(page, sender.send(reply.to_json())).await;
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
