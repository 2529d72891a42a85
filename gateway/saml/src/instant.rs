//! `xs:dateTime` in UTC with a `Z`, the only form SAML has (saml-core §1.3.3).

use cambist_core::Timestamp;

const DAY: u64 = 86_400;
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

/// Writes a moment with whole seconds; none after the year 9999.
pub(crate) fn format(moment: Timestamp) -> Option<String> {
    if moment.0 > LAST {
        return None;
    }
    let (year, month, day) = civil(moment.0 / DAY);
    let second = moment.0 % DAY;
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    ))
}

/// Reads a moment between 1970 and 9999. A fraction of a second is cut off.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.strip_suffix('Z')?.as_bytes();
    let (whole, fraction) = bytes.split_at_checked(19)?;
    let fraction_is_fine = match fraction.split_first() {
        None => true,
        Some((b'.', digits)) => {
            (1..=12).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        Some(_) => false,
    };
    let separated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
        .iter()
        .all(|&(at, separator)| whole.get(at) == Some(&separator));
    if !fraction_is_fine || !separated {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u64> {
        whole.get(from..to)?.iter().try_fold(0, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day)?;
    Some(Timestamp(days * DAY + hour * 3600 + minute * 60 + second))
}

/// Year, month and day of a day counted from 1970-01-01, by eras of 400 years that begin in March.
pub(crate) const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

/// The day counted from 1970-01-01, if it is one of the calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = (era * 146_097 + of_era).checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_896_321_906, "2030-02-03T04:05:06Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(format(Timestamp(seconds)).as_deref(), Some(text));
        }
        assert_eq!(format(Timestamp(LAST + 1)), None);
    }

    #[test]
    fn reads_fractions_and_cuts_them_off() {
        assert_eq!(
            parse("2030-02-03T04:05:06.999Z"),
            Some(Timestamp(1_896_321_906))
        );
    }

    #[test]
    fn refuses_what_is_no_moment_in_utc() {
        for text in [
            "",
            "Z",
            "2030-02-03T04:05:06",
            "2030-02-03T04:05:06+00:00",
            "2030-02-30T04:05:06Z",
            "2029-02-29T04:05:06Z",
            "2030-13-03T04:05:06Z",
            "2030-00-03T04:05:06Z",
            "2030-02-03T24:00:00Z",
            "2030-02-03T04:05:60Z",
            "2030-02-03T04:05:06.Z",
            "2030-02-03 04:05:06Z",
            "1969-12-31T23:59:59Z",
            "-2030-02-03T04:05:06Z",
            "2030-02-03T04:05:06.1234567890123Z",
            "2030-02-03T04:05:0\u{666}Z",
            " 2030-02-03T04:05:06Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0..=LAST) {
            let text = format(Timestamp(seconds)).unwrap();
            prop_assert_eq!(parse(&text), Some(Timestamp(seconds)));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
