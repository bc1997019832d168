//! The paths of the server: what a client asks for says what the server does on its connection. Any
//! other path is an echo.

/// Messages are numbered, and echoed.
pub const NUMBERED: &str = "/numbered";

/// Messages are echoed, and go on being numbered where those of another connection ended.
pub const RESUMED: &str = "/resumed";

/// The server sends numbered messages, without being asked for each.
pub const PUSHED: &str = "/pushed";

/// Messages under 100 bytes are echoed, all others are read and dropped.
pub const SHORT: &str = "/short";

/// After each message the handler sleeps, as one that waits for something other than its connection.
pub const ELSEWHERE: &str = "/elsewhere";

/// The server sends a burst of numbered messages, then reads.
pub const BURST: &str = "/burst";

/// Messages are echoed by the connection's own [`Sender`](socket_flow::Sender), which is waited for.
pub const SENDER: &str = "/sender";

/// The beginning of the paths whose connections are members of the room that is named after it. What
/// one says, all hear.
pub const ROOM: &str = "/room/";

/// The same, but the handler sleeps before it reads.
pub const ASLEEP: &str = "/asleep/";

/// The beginning of the paths whose connections publish to a room, and are no members.
pub const PUBLISHER: &str = "/publisher/";

/// The same: for each message that arrives, a task that runs no connection publishes a burst of
/// numbered messages.
pub const BURST_PUBLISHER: &str = "/burst-publisher/";
