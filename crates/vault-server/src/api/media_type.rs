//! JSON or raw bytes: what a body is, and what an answer shall be.

use http::HeaderMap;
use http::header::{self, HeaderValue};

use crate::problem::{Code, Problem};

/// Media type of raw values.
pub const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Media type of everything else.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

const OCTET_STREAM_TEXT: &str = "application/octet-stream";
const JSON_TEXT: &str = "application/json";

/// The two forms in which a value travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON document with the value in base64.
    Json,
    /// The value itself.
    Raw,
}

/// The form of a request body, by its `Content-Type`.
///
/// # Errors
/// `unsupported_media_type` for any other type, for none, and for two.
pub fn of_body(headers: &HeaderMap) -> Result<Form, Problem> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let essence = match (lines.next(), lines.next()) {
        (Some(only), None) => essence(only.as_bytes()),
        _ => None,
    };
    match essence.as_deref() {
        Some(JSON_TEXT) => Ok(Form::Json),
        Some(OCTET_STREAM_TEXT) => Ok(Form::Raw),
        _ => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The Content-Type is not one that this call accepts.",
        )),
    }
}

/// Whether a `Content-Type` says that the body is a JSON document.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    essence(content_type.as_bytes()).as_deref() == Some(JSON_TEXT)
}

/// The form of an answer that its `Accept` asks for (RFC 9110 section 12.5.1): raw where that
/// is preferred to JSON, JSON otherwise, also where neither is asked for.
#[must_use]
pub fn of_answer(headers: &HeaderMap) -> Form {
    let mut ranges = Vec::new();
    for line in headers.get_all(header::ACCEPT) {
        ranges.extend(
            line.as_bytes()
                .split(|byte| *byte == b',')
                .filter_map(range),
        );
    }
    if weight(&ranges, OCTET_STREAM_TEXT) > weight(&ranges, JSON_TEXT) {
        Form::Raw
    } else {
        Form::Json
    }
}

/// Type and subtype in lower case, without parameters.
fn essence(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let essence = text.split(';').next()?.trim();
    Some(essence.to_ascii_lowercase())
}

/// A media range with its weight in thousandths.
type Range = (String, u16);

fn range(element: &[u8]) -> Option<Range> {
    let name = essence(element)?;
    let text = std::str::from_utf8(element).ok()?;
    let mut weight = Some(1_000);
    for parameter in text.split(';').skip(1) {
        let (key, value) = parameter.split_once('=')?;
        if key.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim());
        }
    }
    Some((name, weight?))
}

/// A weight of at most three decimals, as in RFC 9110 section 12.4.2.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    let decimals: u16 = format!("{decimals:0<3}").parse().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1_000),
        _ => None,
    }
}

/// The weight of a type: that of the most specific range it is in, 0 if it is in none.
fn weight(ranges: &[Range], name: &str) -> u16 {
    let of = |wanted: &str| {
        let mut found = ranges.iter().filter(|(range, _)| range == wanted);
        found.next().map(|(_, weight)| *weight)
    };
    of(name)
        .or_else(|| of("application/*"))
        .or_else(|| of("*/*"))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_answers_are_for_those_who_prefer_them() {
        for (accept, form) in [
            ("application/octet-stream", Form::Raw),
            ("Application/Octet-Stream ; q=0.5", Form::Raw),
            ("application/octet-stream, */*;q=0.1", Form::Raw),
            (
                "application/json;q=0.5, application/octet-stream;q=0.501",
                Form::Raw,
            ),
            ("application/octet-stream, application/json", Form::Json),
            ("application/octet-stream;q=0", Form::Json),
            ("*/*", Form::Json),
            ("application/*", Form::Json),
            ("text/html", Form::Json),
            ("application/octet-stream;q=2", Form::Json),
            ("application/octet-stream;q=0.1234", Form::Json),
            ("", Form::Json),
            (",;=,q", Form::Json),
        ] {
            let value = HeaderValue::from_static(accept);
            let headers = HeaderMap::from_iter([(header::ACCEPT, value)]);
            assert_eq!(of_answer(&headers), form, "{accept}");
        }
        assert_eq!(of_answer(&HeaderMap::new()), Form::Json);
    }

    #[test]
    fn bodies_say_what_they_are() {
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_static(line));
            }
            of_body(&headers).ok()
        };
        assert_eq!(of(&["application/json"]), Some(Form::Json));
        assert_eq!(of(&["Application/JSON; charset=utf-8"]), Some(Form::Json));
        assert_eq!(of(&["application/octet-stream"]), Some(Form::Raw));
        for refused in [
            &[][..],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["application/jsonx"],
            &["application/json", "application/json"],
        ] {
            assert_eq!(of(refused), None, "{refused:?}");
        }
    }
}
