//! The hub against a model that is simple enough to be right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use socket_flow::{Hub, SlowPolicy};

use crate::hub::tools::{Member, OVERHEAD};

const MEMBERS: usize = 4;
const TOPICS: [&str; 3] = ["a", "b", "c"];
/// Every message has four digits.
const FITS: usize = 3;
const ROOM: usize = FITS * (OVERHEAD + 4);

#[derive(Clone, Debug)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    Publish(usize),
    /// To one member alone, not through the hub.
    Send(usize),
    Receive(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..MEMBERS;
    let topic = 0..TOPICS.len();
    let step = prop_oneof![
        3 => (member.clone(), topic.clone()).prop_map(|(m, t)| Step::Join(m, t)),
        1 => (member.clone(), topic.clone()).prop_map(|(m, t)| Step::Leave(m, t)),
        6 => topic.prop_map(Step::Publish),
        1 => member.clone().prop_map(Step::Send),
        2 => member.clone().prop_map(Step::Receive),
        1 => member.prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 1..60)
}

/// How many more are kept by [`SlowPolicy::Close`].
const BACKLOG: usize = 2;

/// A member as the model has it: what waits, and whether that was published.
#[derive(Default)]
struct Expected {
    waiting: VecDeque<(String, bool)>,
    is_closed: bool,
}

fn run(policy: SlowPolicy, steps: &[Step]) {
    let backlog = BACKLOG * (OVERHEAD + 4);
    let builder = Hub::builder().policy(policy).backlog(backlog);
    let hub = builder.build().unwrap();
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|_| Some(Member::new(ROOM, 100_000)))
        .collect();
    let senders: Vec<_> = members
        .iter()
        .map(|member| member.as_ref().unwrap().sender.clone())
        .collect();
    let mut expected: Vec<_> = (0..MEMBERS).map(|_| Expected::default()).collect();
    let mut topics: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        let text = format!("{number:04}");
        match *step {
            Step::Join(member, topic) => {
                let joins =
                    !expected[member].is_closed && topics.entry(topic).or_default().insert(member);
                assert_eq!(hub.join(TOPICS[topic], &senders[member]), joins);
            }
            Step::Leave(member, topic) => {
                let was = topics.entry(topic).or_default().remove(&member);
                let left = hub.leave(TOPICS[topic], &senders[member]);
                // One that has ended may have left by itself.
                assert!(left == was || expected[member].is_closed);
            }
            Step::Publish(topic) => {
                let mut sums = (0, 0, 0);
                for &member in topics.get(&topic).into_iter().flatten() {
                    let member = &mut expected[member];
                    if member.is_closed {
                        continue;
                    }
                    if member.waiting.len() < FITS {
                        member.waiting.push_back((text.clone(), true));
                        sums.0 += 1;
                        continue;
                    }
                    let oldest = member.waiting.iter().position(|(_, published)| *published);
                    match (policy, oldest) {
                        (SlowPolicy::Close, _) if member.waiting.len() < FITS + BACKLOG => {
                            member.waiting.push_back((text.clone(), true));
                            sums.0 += 1;
                        }
                        (SlowPolicy::Close, _) => {
                            member.is_closed = true;
                            sums.2 += 1;
                        }
                        (SlowPolicy::DropOldest, Some(oldest)) => {
                            member.waiting.remove(oldest);
                            member.waiting.push_back((text.clone(), true));
                            sums.0 += 1;
                            sums.1 += 1;
                        }
                        _ => sums.1 += 1,
                    }
                }
                let delivery = hub.publish_now(TOPICS[topic], text);
                assert_eq!(
                    (delivery.delivered, delivery.dropped, delivery.closed),
                    sums
                );
            }
            Step::Send(member) => {
                let expected = &mut expected[member];
                let fits = !expected.is_closed && expected.waiting.len() < FITS;
                if fits {
                    expected.waiting.push_back((text.clone(), false));
                }
                assert_eq!(senders[member].try_send(text).is_ok(), fits);
            }
            Step::Receive(member) => {
                let texts: Vec<_> = expected[member]
                    .waiting
                    .drain(..)
                    .map(|(text, _)| text)
                    .collect();
                let is_closed = expected[member].is_closed;
                if let Some(member) = &mut members[member] {
                    assert_eq!(member.receive(), texts);
                    // What it was handed has left, and then the Close.
                    let frame = member.client.close_frame();
                    let code = frame.map(|frame| frame.code.as_u16());
                    assert_eq!(code, is_closed.then_some(1013));
                }
            }
            Step::Drop(member) => {
                members[member] = None;
                expected[member].waiting.clear();
                expected[member].is_closed = true;
            }
        }
        for (topic, name) in TOPICS.iter().enumerate() {
            let is_open = |member: &&usize| !expected[**member].is_closed;
            let open = topics
                .get(&topic)
                .map_or(0, |members| members.iter().filter(is_open).count());
            assert_eq!(hub.members(name), open);
        }
        for (sender, expected) in senders.iter().zip(&expected) {
            assert_eq!(sender.buffered_amount(), 4 * expected.waiting.len());
        }
    }
}

proptest! {
    #[test]
    fn a_hub_does_what_its_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        for policy in [
            SlowPolicy::Wait,
            SlowPolicy::DropNewest,
            SlowPolicy::DropOldest,
            SlowPolicy::Close,
        ] {
            run(policy, &steps);
        }
    }
}
