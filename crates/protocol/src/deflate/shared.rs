use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use super::Settings;
use super::by_turns::Alone;
use crate::work::Work;

/// A message that is compressed by turns for many connections: once for each way
/// of compressing, by whichever of them has its turn.
#[derive(Default)]
pub(crate) struct Shared {
    ways: Mutex<Vec<(Settings, Arc<Way>)>>,
}

#[derive(Default)]
struct Way {
    /// The payload, once all of it is compressed.
    made: OnceLock<Arc<[Bytes]>>,
    /// How far it is, while it is compressed. Invariant: its lock is held for the
    /// work of one turn at most.
    current: Mutex<Option<Alone>>,
}

impl Shared {
    /// The payload, if it is compressed.
    pub(super) fn made(&self, settings: Settings) -> Option<Arc<[Bytes]>> {
        self.way(settings).made.get().cloned()
    }

    /// Compresses until the turn's work is used up. `None`: that is not all of
    /// it yet.
    pub(super) fn go_on(
        &self,
        settings: Settings,
        message: &[u8],
        work: &mut Work,
    ) -> Option<Arc<[Bytes]>> {
        let way = self.way(settings);
        let mut current = way.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = way.made.get() {
            return Some(made.clone());
        }
        // It is taken out, so that a panic of the codec leaves nothing half made:
        // whoever comes next begins once more.
        let mut alone = current.take().unwrap_or_else(|| Alone::new(settings));
        if !alone.go_on(message, work) {
            *current = Some(alone);
            return None;
        }
        let made = way.made.get_or_init(|| alone.finish().into());
        Some(made.clone())
    }

    fn way(&self, settings: Settings) -> Arc<Way> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, way)) = ways.iter().find(|(other, _)| *other == settings) {
            return way.clone();
        }
        let way = Arc::new(Way::default());
        ways.push((settings, way.clone()));
        way
    }
}
