//! What a text of some name looks like: one name means the same in every call.
//!
//! In: the finished document. Out: the same, with patterns, formats and bounds added to fields
//! and parameters by their names, so that a client can tell beforehand what will be refused.
//! Lengths are bytes to the server and characters to a schema; for ASCII they are the same. Not
//! here: what depends on more than one field, which only the server says.

use hardened_crypto::wrap::ALIAS_BYTES_MAX;
use serde_json::{Map, Value, json};
use vault_store::limits::{DISPLAY_NAME_BYTES_MAX, VALUE_NAME_BYTES_MAX};

use crate::vault::files::FILE_NAME_BYTES_MAX;

/// Canonical base64 with padding (RFC 4648 section 4): unused bits are zero.
const BASE64: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
/// What no name may hold, as ranges of code points. The last two code points of each plane above
/// the first are refused as well; readers of patterns agree on no way to write those.
const UNPRINTABLE: [(u32, u32); 9] = [
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0x61c, 0x61c),
    (0x200e, 0x200f),
    (0x2028, 0x202e),
    (0x2066, 0x2069),
    (0xfdd0, 0xfdef),
    (0xfeff, 0xfeff),
    (0xfffe, 0xffff),
];

/// Adds the shapes to everything in `document` that has a name.
pub(super) fn add(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for (name, schema) in properties {
                    describe(name, schema);
                }
            }
            let name = parameter_name(fields);
            if let (Some(name), Some(schema)) = (name, fields.get_mut("schema")) {
                without_null(schema);
                describe(&name, schema);
            }
            fields.values_mut().for_each(add);
        }
        Value::Array(items) => items.iter_mut().for_each(add),
        _ => {}
    }
}

/// The name of a parameter, in braces if it stands in the path.
fn parameter_name(fields: &Map<String, Value>) -> Option<String> {
    let name = fields.get("name")?.as_str()?;
    match fields.get("in")?.as_str()? {
        "path" => Some(format!("{{{name}}}")),
        _ => Some(name.to_owned()),
    }
}

/// A parameter is there or not; it is never null.
fn without_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
}

fn describe(name: &str, schema: &mut Value) {
    if is_a(schema, "array") {
        if let Some(items) = schema.get_mut("items") {
            describe(name, items);
        }
    } else if is_a(schema, "integer") {
        unsigned(schema);
    } else if is_a(schema, "string")
        && let Some(fields) = schema.as_object_mut()
    {
        if fields.get("contentEncoding").is_some_and(|e| e == "base64") {
            fields.insert("pattern".to_owned(), BASE64.into());
        }
        if !fields.contains_key("format") {
            extend(fields, shape(name));
        }
    }
}

fn is_a(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

/// The macros know no formats of unsigned integers; these stand in the registry of OpenAPI.
fn unsigned(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if fields.get("minimum").and_then(Value::as_u64).is_none() {
        return;
    }
    let (format, maximum) = match fields.get("format").and_then(Value::as_str) {
        Some("int32") => ("uint32", u64::from(u32::MAX)),
        Some("int64") => ("uint64", u64::MAX),
        _ => return,
    };
    fields.insert("format".to_owned(), format.into());
    extend(fields, json!({ "maximum": maximum }));
}

fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        for (name, value) in more {
            fields.entry(name).or_insert(value);
        }
    }
}

/// What a text of this name looks like; null if nothing is known. Formats are names for what no
/// pattern can say; their descriptions stand in the fields.
fn shape(name: &str) -> Value {
    match name {
        "name" => printable("", DISPLAY_NAME_BYTES_MAX),
        "{key}" | "kv" => printable("", VALUE_NAME_BYTES_MAX),
        "alias" => printable("", ALIAS_BYTES_MAX),
        "fileName" => printable(r"/\\", FILE_NAME_BYTES_MAX),
        "{apiKeyId}" => json!({"pattern": "^[A-Za-z0-9_-]{8}$"}),
        "recipientFingerprint" => json!({"pattern": "^[0-9A-Fa-f]{64}$"}),
        "queryParameter" => json!({"pattern": "^[A-Za-z0-9._~-]{1,64}$"}),
        "X-User-Secret" | "X-New-User-Secret" | "X-Proxy-Master-Key" => json!({"minLength": 1}),
        "hostPattern" | "hosts" => json!({"format": "host-pattern"}),
        "header" => json!({"format": "header-name"}),
        "template" => json!({"format": "injection-template"}),
        "contentType" => json!({"format": "media-type"}),
        "method" | "methods" => json!({"format": "http-method"}),
        "paths" => json!({"format": "path-prefix"}),
        "url" => json!({"format": "target-url"}),
        "If-Match" | "If-None-Match" => json!({"format": "entity-tags"}),
        _ => Value::Null,
    }
}

/// 1 to `length_max` printable characters, none of `others`.
fn printable(others: &str, length_max: usize) -> Value {
    let mut class = others.to_owned();
    for (first, last) in UNPRINTABLE {
        class.push_str(&format!(r"\u{first:04x}-\u{last:04x}"));
    }
    json!({"pattern": format!("^[^{class}]+$"), "minLength": 1, "maxLength": length_max})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::value_name::is_printable;

    #[test]
    fn the_pattern_of_names_leaves_out_what_the_server_refuses() {
        for code in 0..=0xffff {
            let within = |(first, last): &(u32, u32)| (*first..=*last).contains(&code);
            let stated = UNPRINTABLE.iter().any(within);
            let refused = char::from_u32(code).is_some_and(|character| !is_printable(character));
            assert_eq!(stated, refused, "U+{code:04X}");
        }
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        let mut document = json!({
            "paths": {"/a": {"get": {"parameters": [{
                "name": "X-User-Secret", "in": "header",
                "schema": {"type": ["string", "null"]},
            }]}}},
            "components": {"schemas": {"A": {"allOf": [{"properties": {
                "kv": {"type": "array", "items": {"type": "string"}},
                "valueB64": {"type": "string", "contentEncoding": "base64"},
                "version": {"type": "integer", "format": "int64", "minimum": 1},
                "id": {"type": "string", "format": "uuid"},
            }}]}}},
        });
        add(&mut document);
        let parameter = &document["paths"]["/a"]["get"]["parameters"][0]["schema"];
        assert_eq!(*parameter, json!({"type": "string", "minLength": 1}));
        let properties = &document["components"]["schemas"]["A"]["allOf"][0]["properties"];
        assert_eq!(properties["kv"]["items"]["maxLength"], 512);
        assert_eq!(properties["valueB64"]["pattern"], BASE64);
        assert_eq!(properties["version"]["format"], "uint64");
        assert_eq!(
            properties["id"],
            json!({"type": "string", "format": "uuid"})
        );
    }
}
