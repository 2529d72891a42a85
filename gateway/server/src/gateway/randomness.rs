//! Randomness for requests. The generator is asked for that of many at a time: most of what a request costs
//! there is the asking.

use std::cell::RefCell;

use aws_lc_rs::rand;
use zeroize::Zeroize as _;

/// Bytes that one request takes.
const EACH: usize = 24;
/// Requests that are provided for at a time.
const MANY: usize = 32;

/// Bytes that nobody has taken yet stand in front; what was taken is overwritten.
struct Drawn {
    bytes: [u8; EACH * MANY],
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const {
        RefCell::new(Drawn { bytes: [0; EACH * MANY], left: 0 })
    };
}

/// Bytes for one request, which no other request gets. None when the machine has none to give.
pub(super) fn draw() -> Option<[u8; EACH]> {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.left == 0 {
            rand::fill(&mut drawn.bytes).ok()?;
            drawn.left = MANY;
        }
        drawn.left -= 1;
        let (pieces, _) = drawn.bytes.as_chunks_mut::<EACH>();
        let piece = pieces.get_mut(drawn.left)?;
        let taken = *piece;
        piece.zeroize();
        Some(taken)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_requests_get_the_same() {
        let seen: HashSet<[u8; EACH]> = (0..10 * MANY).map(|_| draw().unwrap()).collect();
        assert_eq!(seen.len(), 10 * MANY);
        assert!(
            !seen.contains(&[0; EACH]),
            "what was overwritten is never given"
        );
    }
}
