//! Who is in, and who is out.

use socket_flow::{CloseCode, Hub, SlowPolicy};

use crate::hub::tools::{Member, poll};

const ROOM: usize = 1 << 16;

#[tokio::test]
async fn messages_reach_the_members_of_their_topic_and_nobody_else() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut members: Vec<_> = (0..3).map(|_| Member::new(ROOM, ROOM)).collect();
    assert!(hub.join("a", &members[0].sender));
    assert!(hub.join("a", &members[1].sender));
    assert!(hub.join("b", &members[1].sender));
    assert_eq!(
        (hub.members("a"), hub.members("b"), hub.members("c")),
        (2, 1, 0)
    );
    assert_eq!(hub.topics(), 2);
    assert_eq!(hub.publish("a", "to a").await.delivered, 2);
    assert_eq!(hub.publish("b", "to b").await.delivered, 1);
    assert_eq!(hub.publish("c", "to nobody").await.delivered, 0);
    assert_eq!(members[0].receive(), ["to a"]);
    assert_eq!(members[1].receive(), ["to a", "to b"]);
    assert_eq!(members[2].receive(), [""; 0]);
    assert_eq!((hub.stats().published, hub.stats().delivered), (3, 3));
}

#[tokio::test]
async fn joining_twice_is_joining_once_and_clones_of_a_sender_are_one_member() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut member = Member::new(ROOM, ROOM);
    assert!(hub.join("a", &member.sender));
    assert!(!hub.join("a", &member.sender.clone()));
    assert_eq!(hub.publish("a", "once").await.delivered, 1);
    assert_eq!(member.receive(), ["once"]);
    assert!(hub.leave("a", &member.server.sender()));
    assert!(!hub.leave("a", &member.sender));
    assert!(!hub.leave("never", &member.sender));
    assert_eq!(hub.publish("a", "never").await.delivered, 0);
    assert_eq!(hub.topics(), 0);
}

#[tokio::test]
async fn members_that_leave_from_the_middle_leave_the_others_in_place() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut members: Vec<_> = (0..5).map(|_| Member::new(ROOM, ROOM)).collect();
    for member in &members {
        hub.join("a", &member.sender);
    }
    for gone in [1, 0, 4] {
        assert!(hub.leave("a", &members[gone].sender));
    }
    assert_eq!(hub.publish("a", "x").await.delivered, 2);
    let got: Vec<_> = members
        .iter_mut()
        .map(|member| member.receive().len())
        .collect();
    assert_eq!(got, [0, 0, 1, 1, 0]);
    assert!(hub.join("a", &members[0].sender));
    assert_eq!(hub.members("a"), 3);
}

#[tokio::test]
async fn connections_that_end_leave_by_themselves() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut first = Member::new(ROOM, ROOM);
    let mut second = Member::new(ROOM, ROOM);
    hub.join("a", &first.sender);
    hub.join("a", &second.sender);
    drop(first.server);
    assert_eq!(hub.members("a"), 1);
    assert_eq!(hub.publish("a", "x").await.delivered, 1);
    assert_eq!(second.receive(), ["x"]);
    second.server.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(!hub.join("b", &second.sender), "it is closing");
    assert_eq!(hub.publish("a", "y").await.delivered, 0);
    assert_eq!(hub.topics(), 0);
    first.sender = second.sender;
}

#[tokio::test]
async fn rooms_that_everyone_left_by_closing_do_not_pile_up() {
    let hub = Hub::new(SlowPolicy::Close);
    for room in 0..1000 {
        let member = Member::new(ROOM, ROOM);
        assert!(hub.join(&format!("room {room}"), &member.sender));
        assert!(hub.join("lobby", &member.sender));
        drop(member);
        assert!(hub.topics() <= 17, "{}", hub.topics());
    }
    assert_eq!(hub.members("lobby"), 0);
}

#[tokio::test]
async fn a_hub_keeps_no_connection_open() {
    let hub = Hub::new(SlowPolicy::DropOldest);
    let mut member = Member::new(ROOM, ROOM);
    hub.join("a", &member.sender);
    hub.publish("a", "x").await;
    drop(hub);
    assert_eq!(member.receive(), ["x"]);
    assert!(!member.sender.is_closed());
}

#[tokio::test]
async fn a_prepared_message_goes_to_several_topics() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut member = Member::new(ROOM, ROOM);
    hub.join("a", &member.sender);
    hub.join("b", &member.sender);
    let news = socket_flow::Prepared::new("news");
    for topic in ["a", "b"] {
        let delivery = poll(hub.publish_prepared(topic, &news)).unwrap();
        assert_eq!(delivery.delivered, 1);
    }
    assert_eq!(member.receive(), ["news", "news"]);
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn members_that_compress_and_those_that_do_not_hear_the_same() {
    use socket_flow::{ClientBuilder, Deflate, Server, ServerStream, WebSocket};

    let hub = Hub::new(SlowPolicy::Close);
    let server = Server::bind("127.0.0.1:0")
        .deflate(Deflate::balanced())
        .serve_with({
            let hub = hub.clone();
            move |mut ws: WebSocket<ServerStream>, _| {
                hub.join("a", &ws.sender());
                async move { ws.recv().await.map(drop) }
            }
        })
        .await
        .unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let builder = || ClientBuilder::new(&url);
    let alone = Deflate::balanced()
        .server_no_context_takeover(true)
        .client_no_context_takeover(true);
    let mut clients = Vec::new();
    for builder in [
        builder(),
        builder().deflate(Deflate::balanced()),
        builder().deflate(alone),
    ] {
        clients.push(builder.connect().await.unwrap().0);
    }
    let compressed = clients
        .iter()
        .filter(|ws| ws.negotiated().deflate().is_some());
    assert_eq!(compressed.count(), 2);
    while hub.members("a") < 3 {
        tokio::task::yield_now().await;
    }
    for number in 0..10 {
        let text = format!("message {number}, {}", "and so on, ".repeat(100));
        assert_eq!(hub.publish("a", text.as_str()).await.delivered, 3);
        for ws in &mut clients {
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
        }
    }
}
