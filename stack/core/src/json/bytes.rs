//! Bytes that mean something inside of JSON's strings, found many at a time.

use wide::u8x16;

/// Bytes that are looked at together.
pub const BLOCK: usize = 16;
/// Bytes of one [`Marks`].
pub const LONG_BLOCK: usize = 64;

/// Where the first quote, backslash or control character stands at `at` or behind it.
#[inline]
pub fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(block) = bytes.get(at..)?.first_chunk::<BLOCK>() {
        let block = u8x16::new(*block);
        if let Some(found) = first(block.simd_eq(QUOTE) | block.simd_eq(BACKSLASH) | is_control(block)) {
            return Some(at + found);
        }
        at += BLOCK;
    }
    Some(at + bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?)
}

/// Where the first backslash of a block stands.
#[inline]
pub fn backslash(block: &[u8; BLOCK]) -> Option<usize> {
    first(u8x16::new(*block).simd_eq(BACKSLASH))
}

/// Bit n tells of byte n of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Quotes.
    pub quotes: u64,
    /// Backslashes.
    pub backslashes: u64,
    /// Control characters.
    pub controls: u64,
}

impl Marks {
    /// Looks at a block.
    #[inline]
    pub fn of(block: &[u8; LONG_BLOCK]) -> Self {
        let mut marks = Self { quotes: 0, backslashes: 0, controls: 0 };
        for (nth, part) in block.as_chunks::<BLOCK>().0.iter().enumerate() {
            let part = u8x16::new(*part);
            let at = |marked: u8x16| u64::from(marked.to_bitmask()) << (nth * BLOCK);
            marks.quotes |= at(part.simd_eq(QUOTE));
            marks.backslashes |= at(part.simd_eq(BACKSLASH));
            marks.controls |= at(is_control(part));
        }
        marks
    }

    /// The bytes behind a run of backslashes of odd length: they are escaped. A run is counted from its start in this block.
    #[inline]
    pub fn escaped(&self) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let starts = self.backslashes & !(self.backslashes << 1);
        // Adding the start of a run to it carries to the byte behind it.
        let behind = |starts: u64| self.backslashes.wrapping_add(starts) & !self.backslashes;
        (behind(starts & EVEN) & !EVEN) | (behind(starts & !EVEN) & EVEN)
    }
}

const QUOTE: u8x16 = u8x16::new([b'"'; BLOCK]);
const BACKSLASH: u8x16 = u8x16::new([b'\\'; BLOCK]);

#[inline]
fn is_control(block: u8x16) -> u8x16 {
    block.min(u8x16::new([0x1f; BLOCK])).simd_eq(block)
}

/// The place of the first byte that is marked.
#[inline]
fn first(marks: u8x16) -> Option<usize> {
    let mask = marks.to_bitmask();
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn special_bytes_are_found(bytes in proptest::collection::vec(any::<u8>(), 0..64), at in 0_usize..70) {
            let slow = bytes.iter().skip(at).position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(special(&bytes, at), slow.map(|found| at + found));
        }

        #[test]
        fn backslashes_are_found(bytes in proptest::array::uniform16(0x50_u8..0x60)) {
            prop_assert_eq!(backslash(&bytes), bytes.iter().position(|byte| *byte == b'\\'));
        }

        #[test]
        fn bytes_are_marked(bytes in proptest::collection::vec("[\"\\\\a\n]".prop_map(|one| one.as_bytes()[0]), LONG_BLOCK)) {
            let marks = Marks::of(bytes.first_chunk().unwrap());
            let (mut escapes, mut escaped) = (false, 0_u64);
            for (at, byte) in bytes.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                prop_assert_eq!(
                    (bit(marks.quotes), bit(marks.backslashes), bit(marks.controls)),
                    (*byte == b'"', *byte == b'\\', *byte == b'\n')
                );
                escaped |= u64::from(escapes && *byte != b'\\') << at;
                escapes = *byte == b'\\' && !escapes;
            }
            prop_assert_eq!(marks.escaped(), escaped);
        }
    }
}
