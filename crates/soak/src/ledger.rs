//! What has arrived on a connection, and what is wrong with it.

use crate::message::Numbered;

/// The books of one connection's messages in one direction.
#[derive(Debug)]
pub struct Ledger {
    /// The connection's number, once it is known.
    connection: Option<u64>,
    /// The sequence number that comes next, once it is known.
    next: Option<u64>,
    /// How many may be missing.
    excused: u64,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not as it was sent.
    Torn,
    /// It was sent on another connection.
    Foreign {
        /// That connection.
        connection: u64,
    },
    /// It has been here before, or comes behind a later one.
    Repeated {
        /// Its sequence number.
        sequence: u64,
    },
    /// Those before it are missing.
    Lost {
        /// How many.
        count: u64,
    },
}

impl Ledger {
    /// The books of the connection with this number.
    pub fn of(connection: u64) -> Self {
        Self {
            connection: Some(connection),
            next: Some(0),
            excused: 0,
        }
    }

    /// The books of a connection whose number its first message says.
    pub fn unknown() -> Self {
        Self {
            connection: None,
            ..Self::of(0)
        }
    }

    /// The books of a connection that goes on where another ended: the first message says where.
    pub fn resumed() -> Self {
        Self {
            next: None,
            ..Self::unknown()
        }
    }

    /// The sequence number that comes next: how many messages have been here, or should have been.
    pub fn next(&self) -> u64 {
        self.next.unwrap_or(0)
    }

    /// Excuses one message, should it not come: the connection it was sent on is known to be lost.
    pub fn excuse(&mut self) {
        self.excused += 1;
    }

    /// Enters a message.
    ///
    /// # Errors
    /// It is not the one that comes next, as it was sent.
    pub fn enter(&mut self, message: &[u8]) -> Result<(), Fault> {
        let numbered = Numbered::decode(message).ok_or(Fault::Torn)?;
        let connection = *self.connection.get_or_insert(numbered.connection);
        if numbered.connection != connection {
            return Err(Fault::Foreign {
                connection: numbered.connection,
            });
        }
        let sequence = numbered.sequence;
        let next = self.next.unwrap_or(sequence);
        if sequence < next {
            return Err(Fault::Repeated { sequence });
        }
        self.next = Some(sequence + 1);
        let missing = sequence - next;
        let excused = missing.min(self.excused);
        self.excused -= excused;
        match missing - excused {
            0 => Ok(()),
            count => Err(Fault::Lost { count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(connection: u64, sequence: u64) -> String {
        let numbered = Numbered {
            connection,
            sequence,
        };
        numbered.encode("body")
    }

    fn enter(ledger: &mut Ledger, connection: u64, sequence: u64) -> Result<(), Fault> {
        ledger.enter(message(connection, sequence).as_bytes())
    }

    #[test]
    fn messages_in_order_are_all_there() {
        let mut ledger = Ledger::of(5);
        assert_eq!(ledger.next(), 0);
        for sequence in 0..10 {
            assert_eq!(enter(&mut ledger, 5, sequence), Ok(()));
        }
        assert_eq!(ledger.next(), 10);
    }

    #[test]
    fn a_gap_is_what_was_lost() {
        let mut ledger = Ledger::of(5);
        assert_eq!(enter(&mut ledger, 5, 0), Ok(()));
        assert_eq!(enter(&mut ledger, 5, 3), Err(Fault::Lost { count: 2 }));
        assert_eq!(enter(&mut ledger, 5, 4), Ok(()), "each loss is told once");
    }

    #[test]
    fn a_message_twice_or_out_of_order_is_repeated() {
        let mut ledger = Ledger::of(5);
        assert_eq!(enter(&mut ledger, 5, 0), Ok(()));
        assert_eq!(
            enter(&mut ledger, 5, 0),
            Err(Fault::Repeated { sequence: 0 })
        );
        assert_eq!(enter(&mut ledger, 5, 2), Err(Fault::Lost { count: 1 }));
        assert_eq!(
            enter(&mut ledger, 5, 1),
            Err(Fault::Repeated { sequence: 1 })
        );
    }

    #[test]
    fn an_excused_message_may_be_missing_once() {
        let mut ledger = Ledger::of(5);
        ledger.excuse();
        assert_eq!(enter(&mut ledger, 5, 1), Ok(()));
        assert_eq!(enter(&mut ledger, 5, 3), Err(Fault::Lost { count: 1 }));
        ledger.excuse();
        assert_eq!(enter(&mut ledger, 5, 6), Err(Fault::Lost { count: 1 }));
    }

    #[test]
    fn a_resumed_connection_begins_anywhere_and_has_no_gap_behind() {
        let mut ledger = Ledger::resumed();
        assert_eq!(enter(&mut ledger, 5, 7), Ok(()));
        assert_eq!(enter(&mut ledger, 5, 8), Ok(()));
        assert_eq!(enter(&mut ledger, 5, 10), Err(Fault::Lost { count: 1 }));
    }

    #[test]
    fn a_message_of_another_connection_is_foreign() {
        let mut ledger = Ledger::unknown();
        assert_eq!(
            enter(&mut ledger, 5, 0),
            Ok(()),
            "the first one says whose it is"
        );
        assert_eq!(
            enter(&mut ledger, 6, 1),
            Err(Fault::Foreign { connection: 6 })
        );
    }

    #[test]
    fn a_message_with_a_changed_byte_is_torn() {
        let mut ledger = Ledger::of(5);
        let torn = message(5, 0).replace("body", "bodY");
        assert_eq!(ledger.enter(torn.as_bytes()), Err(Fault::Torn));
        assert_eq!(ledger.enter(b"short"), Err(Fault::Torn));
    }
}
