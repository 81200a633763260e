//! Times in JSON: RFC 3339 with an offset in, UTC to the millisecond out (trailing zeros left out).

use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use vault_store::UtcMillis;

use crate::problem::{Code, Problem};

/// Longest text that is read as a time, in bytes.
pub const TIME_TEXT_BYTES_MAX: usize = 64;
/// Where the separator between date and time stands.
const SEPARATOR_AT: usize = "2026-01-01".len();

/// Reads a time. What is finer than a millisecond is cut off, so that nothing lives longer
/// than was asked for.
///
/// # Errors
/// `malformed_request`: no RFC 3339 date-time (section 5.6), or no offset.
pub fn parse(text: &str) -> Result<UtcMillis, Problem> {
    const REFUSED: &str = "A time must be an RFC 3339 date-time with an offset.";
    let refused = || Problem::new(Code::MalformedRequest, REFUSED);
    // The library takes any separator; the standard offers these.
    let separator = text.as_bytes().get(SEPARATOR_AT);
    if text.len() > TIME_TEXT_BYTES_MAX || !matches!(separator, Some(b'T' | b't' | b' ')) {
        return Err(refused());
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refused())?;
    let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
    let millis = i64::try_from(millis).map_err(|_| refused())?;
    // What is read can be written: an offset may move a time out of the four-digit years.
    format(UtcMillis(millis)).ok_or_else(refused)?;
    Ok(UtcMillis(millis))
}

/// Writes a time; `None` outside the years 0 to 9999.
#[must_use]
pub fn format(time: UtcMillis) -> Option<String> {
    let nanos = i128::from(time.0).checked_mul(1_000_000)?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    time.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()
}

/// A time in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc(pub UtcMillis);

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match format(self.0) {
            Some(text) => serializer.serialize_str(&text),
            None => Err(serde::ser::Error::custom("a time out of range")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_turned_into_utc() {
        for (text, written) in [
            ("2026-03-24T12:00:00Z", "2026-03-24T12:00:00Z"),
            ("2026-03-24t12:00:00z", "2026-03-24T12:00:00Z"),
            ("2026-03-24T14:00:00+02:00", "2026-03-24T12:00:00Z"),
            ("2026-03-23T23:30:00.5-12:30", "2026-03-24T12:00:00.5Z"),
            ("2026-03-24T12:00:00.123999Z", "2026-03-24T12:00:00.123Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ] {
            let time = parse(text).unwrap();
            assert_eq!(format(time).as_deref(), Some(written), "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:01.002Z").unwrap(), UtcMillis(1_002));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("2026-03-24T12:00:00.{}Z", "0".repeat(TIME_TEXT_BYTES_MAX));
        for text in [
            "",
            "2026-03-24",
            "2026-03-24T12:00:00",
            "2026-03-24T12:00:00+0200",
            "2026-02-30T12:00:00Z",
            "2026-03-24x12:00:00Z",
            "2026-03-24T25:00:00Z",
            "1774353600",
            "now",
            "+2026-03-24T12:00:00Z",
            "9999-12-31T23:59:59-23:59",
            "0000-01-01T00:00:00+23:59",
            &long,
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
