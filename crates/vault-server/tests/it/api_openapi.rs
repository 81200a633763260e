//! The OpenAPI document is true: what it lists is answered, and what is answered is listed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::api_isolation::CALLS;
use super::api_support::{Api, Calls};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Method and path of every operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(move |(method, operation)| (method, path, operation))
    });
    all.map(|(method, path, operation)| (method.as_str(), path.as_str(), operation))
        .collect()
}

#[tokio::test]
async fn every_documented_call_is_answered_and_no_other() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let answer = api.get("/openapi.json").key(&user).answer().await;
    assert_eq!(answer.status, 200);
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    let mut ids = BTreeSet::new();
    for (method, path, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} twice");
        let concrete = path.replace("{key}", "a").replace("{orgId}", &user.org_id);
        let call = api.call(method.to_uppercase().parse().unwrap(), &concrete);
        let status = call.key(&user).answer().await.status;
        let documented = operation["responses"].as_object().unwrap();
        assert!(
            documented.contains_key(&status.to_string()),
            "{method} {path} answered {status}, documented are {:?}",
            documented.keys()
        );
        assert_ne!(status, 405, "{method} {path}");
    }
    for (method, path, _) in CALLS {
        let path = path
            .split('?')
            .next()
            .unwrap()
            .replace("/kv/a", "/kv/{key}")
            .replace(
                "0190f5fe-7c00-7a00-8000-000000000002",
                "0190f5fe-7c00-7a00-8000-000000000001",
            )
            .replace(
                "0190f5fe-7c00-7a00-8000-00000000000f",
                "0190f5fe-7c00-7a00-8000-000000000001",
            );
        let listed = |(m, p, _): &(&str, &str, &Value)| {
            m.eq_ignore_ascii_case(method) && with_ids(p) == path
        };
        assert!(operations.iter().any(listed), "{method} {path}");
    }
    for path in operations
        .iter()
        .map(|(_, path, _)| *path)
        .collect::<BTreeSet<_>>()
    {
        for method in METHODS {
            if operations
                .iter()
                .any(|(m, p, _)| *m == method && *p == path)
            {
                continue;
            }
            let concrete = path.replace("{key}", "a").replace("{orgId}", &user.org_id);
            let call = api.call(method.to_uppercase().parse().unwrap(), &concrete);
            let refused = call.key(&user).answer().await;
            refused.is_problem(405, "method_not_allowed");
        }
    }
}

/// A documented path with an id for each segment that stands for one.
fn with_ids(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{key}" => segment,
        _ if segment.starts_with('{') => "0190f5fe-7c00-7a00-8000-000000000001",
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_error_has_one_form() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let answer = api.get("/openapi.json").key(&user).answer().await;
    let document = answer.json();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(
                    schema, "#/components/schemas/ProblemDocument",
                    "{method} {path} {status}"
                );
            }
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields
                .values()
                .for_each(|field| collect_references(field, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
