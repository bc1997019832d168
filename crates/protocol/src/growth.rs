use socket_flow_frames::ReceiveBuf;

/// Makes room for `additional` more bytes of a message that never gets longer
/// than `most`: by doubling, so that copying stays linear, but never beyond
/// that. So a message takes no more memory than its limit allows.
#[cold]
pub(crate) fn grow(message: &mut ReceiveBuf, additional: usize, most: usize) {
    match doubled(message, additional, most) {
        Some(_) => message.reserve(additional),
        None => message.reserve_exact(exact(message, additional, most)),
    }
}

/// How much memory the message has after it has grown so.
pub(crate) fn grown(message: &ReceiveBuf, additional: usize, most: usize) -> usize {
    if message.spare_capacity() >= additional {
        return message.capacity();
    }
    let exact = || {
        message
            .len()
            .saturating_add(exact(message, additional, most))
    };
    doubled(message, additional, most).unwrap_or_else(exact)
}

fn doubled(message: &ReceiveBuf, additional: usize, most: usize) -> Option<usize> {
    let doubled = message.capacity().saturating_mul(2);
    let doubled = doubled.max(message.len().saturating_add(additional));
    Some(doubled).filter(|doubled| *doubled <= most)
}

fn exact(message: &ReceiveBuf, additional: usize, most: usize) -> usize {
    additional.max(most.saturating_sub(message.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends pieces of this length up to `most`; the memory at the end, and
    /// how often it changed.
    fn fill(piece: usize, most: usize) -> (usize, usize) {
        let mut message = ReceiveBuf::new();
        let mut moves = 0;
        while message.len() < most {
            let piece = piece.min(most - message.len());
            if message.spare_capacity() < piece {
                grow(&mut message, piece, most);
                moves += 1;
            }
            message.extend_from_slice(&vec![7; piece]);
        }
        (message.capacity(), moves)
    }

    #[test]
    fn a_message_takes_no_more_memory_than_its_limit_and_few_moves() {
        for most in [1, 100, 5_000, 150_000, 150_001] {
            for piece in [1, 7, 1_000, 80_000] {
                let (capacity, moves) = fill(piece, most);
                // The least a vector takes is 8 bytes.
                assert_eq!(capacity, most.max(8), "pieces of {piece}");
                assert!(moves < 20, "{moves} moves by pieces of {piece}");
            }
        }
    }

    #[test]
    fn without_a_limit_it_doubles() {
        let mut message = ReceiveBuf::from(bytes::BytesMut::from(&[7; 100][..]));
        grow(&mut message, 1, usize::MAX);
        assert!((200..300).contains(&message.capacity()));
    }

    #[test]
    fn what_is_asked_for_beyond_the_limit_is_given() {
        let mut message = ReceiveBuf::new();
        grow(&mut message, 50, 10);
        assert!(message.spare_capacity() >= 50);
    }
}
