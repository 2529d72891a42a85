//! The name of one request in answers and logs.

use std::{fmt, ops::Deref};

use serde::{Serialize, Serializer};

/// 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Correlation([u8; 16]);

impl Correlation {
    /// The digits of a number.
    pub(super) fn of(number: [u8; 8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [b'0'; 16];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(number) {
            if let [high, low] = pair {
                *high = *DIGITS.get(usize::from(byte >> 4)).unwrap_or(&b'0');
                *low = *DIGITS.get(usize::from(byte & 15)).unwrap_or(&b'0');
            }
        }
        Self(digits)
    }
}

impl Deref for Correlation {
    type Target = str;

    fn deref(&self) -> &str {
        // Hexadecimal digits are text.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Correlation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_sixteen_digits() {
        let correlation = Correlation::of([0, 1, 0x2f, 0xff, 0x10, 0, 0xab, 9]);
        assert_eq!(&*correlation, "00012fff1000ab09");
        assert_eq!(correlation.to_string(), "00012fff1000ab09");
    }
}
