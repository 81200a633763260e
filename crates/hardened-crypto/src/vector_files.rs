//! Reads the published vectors under `tests/vectors`; compiled into tests only.

use serde_json::Value;
use std::{fs, path::Path};

/// The text of a vector file, by its path below `tests/vectors`.
pub(crate) fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    fs::read_to_string(root.join(path)).expect("the vector file is part of the repository")
}

/// A vector file in JSON.
pub(crate) fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).expect("the vector file is JSON")
}

/// The cases of a Wycheproof file with their groups; checks that none is missing.
pub(crate) fn wycheproof(path: &str) -> Vec<(Value, Value)> {
    let file = json(&format!("wycheproof/{path}"));
    let groups = file["testGroups"].as_array().expect("groups");
    let cases: Vec<_> = groups
        .iter()
        .flat_map(|group| {
            let tests = group["tests"].as_array().expect("tests of a group");
            tests.iter().map(|test| (group.clone(), test.clone()))
        })
        .collect();
    assert_eq!(Some(cases.len() as u64), file["numberOfTests"].as_u64());
    cases
}

/// The cases of one of our own files; checks that none is missing.
pub(crate) fn cases(path: &str) -> Vec<Value> {
    let file = json(path);
    let cases = file["tests"].as_array().expect("tests").clone();
    assert_eq!(Some(cases.len() as u64), file["numberOfTests"].as_u64());
    cases
}

/// A field of hexadecimal bytes.
pub(crate) fn bytes(case: &Value, field: &str) -> Vec<u8> {
    let text = case[field].as_str();
    let text = text.unwrap_or_else(|| panic!("no field {field}"));
    hex::decode(text).expect("hexadecimal")
}

/// A field of exactly `N` hexadecimal bytes.
pub(crate) fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    let bytes = bytes(case, field);
    bytes
        .try_into()
        .unwrap_or_else(|_| panic!("length of {field}"))
}

/// Whether the case must succeed. "acceptable" cases are for their test to decide.
pub(crate) fn is_valid(case: &Value) -> bool {
    case["result"] == "valid"
}

/// Whether the case carries a flag.
pub(crate) fn has_flag(case: &Value, flag: &str) -> bool {
    let flags = case["flags"].as_array();
    flags.is_some_and(|flags| flags.iter().any(|found| found == flag))
}

/// The lines `name = hex` of a file from C2SP/CCTV, first occurrence of each name.
pub(crate) fn named_line(file: &str, name: &str) -> Vec<u8> {
    let prefix = format!("{name} = ");
    let line = file.lines().find_map(|line| line.strip_prefix(&prefix));
    hex::decode(line.unwrap_or_else(|| panic!("no line {name}"))).expect("hexadecimal")
}
