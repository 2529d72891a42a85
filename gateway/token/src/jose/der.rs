//! The little DER (X.690) needed to take an RSA public key apart (RFC 8017 A.1.1).

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// Modulus and exponent of an `RSAPublicKey`, big-endian without leading zeros.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(der, SEQUENCE)?;
    let (modulus, body) = element(body, INTEGER)?;
    let (exponent, body) = element(body, INTEGER)?;
    (rest.is_empty() && body.is_empty()).then_some((unsigned(modulus)?, unsigned(exponent)?))
}

/// Whether `bytes` are exactly one DER SEQUENCE, as every encoded key is.
pub(super) fn is_one_sequence(bytes: &[u8]) -> bool {
    element(bytes, SEQUENCE).is_some_and(|(_, rest)| rest.is_empty())
}

fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, input) = input.split_first()?;
    let (&first, input) = input.split_first()?;
    let (length, input) = match first {
        0..=0x7f => (usize::from(first), input),
        0x81..=0x83 => {
            let (digits, input) = input.split_at_checked(usize::from(first & 0x7f))?;
            (
                digits
                    .iter()
                    .fold(0, |length, digit| length << 8 | usize::from(*digit)),
                input,
            )
        }
        _ => return None,
    };
    let (content, rest) = input.split_at_checked(length)?;
    (found == tag).then_some((content, rest))
}

fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer.split_first()? {
        (0, rest) if !rest.is_empty() => Some(rest),
        (1..=0x7f, _) => Some(integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_modulus_and_exponent() {
        let der = [0x30, 9, 2, 2, 0, 0xc1, 2, 3, 1, 0, 1];
        assert_eq!(
            rsa_public_key(&der),
            Some(([0xc1].as_slice(), [1, 0, 1].as_slice()))
        );
    }

    #[test]
    fn truncated_or_extended_input_is_nothing() {
        let der = [0x30, 9, 2, 2, 0, 0xc1, 2, 3, 1, 0, 1, 0];
        for end in (0..der.len() - 1).chain([der.len()]) {
            assert_eq!(rsa_public_key(&der[..end]), None, "{end}");
        }
    }
}
