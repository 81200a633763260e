//! Promises about lists of values.

use super::{SharedStore, sample};
use crate::change_set::{Change, PutValue};
use crate::ids::UtcMillis;
use crate::limits::LIST_LIMIT_MAX;
use crate::store::ListValues;

async fn people(store: &SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
}

async fn put(store: &SharedStore, put: PutValue) {
    store
        .commit(Change::PutValue(put).into())
        .await
        .expect("a put");
}

async fn names(store: &SharedStore, list: ListValues<'_>) -> Vec<String> {
    let page = store.values(list).await.expect("a page");
    page.rows.into_iter().map(|row| row.name).collect()
}

/// Listed until the millisecond before, hidden from the very millisecond.
pub async fn expiry_is_to_the_millisecond(store: SharedStore) {
    people(&store).await;
    for (record, name, expires) in [(1, "a", Some(1000)), (2, "b", None), (3, "c", Some(-5))] {
        let mut write = sample::put(1, 1, record, name, 1);
        write.row.expires = expires.map(UtcMillis);
        write.version_row.expires = write.row.expires;
        put(&store, write).await;
    }
    let at = |now| ListValues {
        now: UtcMillis(now),
        ..sample::list(1, 1)
    };
    assert_eq!(names(&store, at(-6)).await, ["a", "b", "c"]);
    assert_eq!(names(&store, at(-5)).await, ["a", "b"]);
    assert_eq!(names(&store, at(999)).await, ["a", "b"]);
    assert_eq!(names(&store, at(1000)).await, ["b"]);
    assert_eq!(names(&store, at(i64::MAX)).await, ["b"]);
    let stored = store
        .read_value(sample::name(1, 1, "a"), None, sample::user_id(1))
        .await
        .expect("readable")
        .expect("expired values are still stored");
    assert_eq!(stored.value.expires, Some(UtcMillis(1000)));
    assert_eq!(stored.version.expires, Some(UtcMillis(1000)));
}

/// Byte order, `after`, limits and the owner's fence.
pub async fn lists_are_sorted_by_bytes_and_paged(store: SharedStore) {
    people(&store).await;
    let sorted = [
        "A",
        "a",
        "a\u{7f}",
        "a b",
        "ab",
        "a\u{e9}",
        "b",
        "\u{ffff}",
        "\u{10000}",
    ];
    let mut sorted = sorted.map(str::to_owned).to_vec();
    sorted.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    for (record, name) in sorted.iter().rev().enumerate() {
        put(&store, sample::put(1, 1, record as u32, name, 1)).await;
    }
    put(&store, sample::put(1, 2, 100, "a0", 1)).await;
    put(&store, sample::put(2, 3, 101, "a0", 1)).await;
    assert_eq!(names(&store, sample::list(1, 1)).await, sorted);
    assert_eq!(
        names(&store, sample::list(2, 1)).await,
        Vec::<String>::new()
    );

    for limit in 1..=sorted.len() + 1 {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let after = seen.last().cloned();
            let after = after.as_deref();
            let list = ListValues {
                limit: limit as u32,
                after,
                ..sample::list(1, 1)
            };
            let page = store.values(list).await.expect("a page");
            assert!(page.rows.len() <= limit);
            seen.extend(page.rows.into_iter().map(|row| row.name));
            assert_eq!(page.more, seen.len() < sorted.len());
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, sorted, "pages of {limit}");
    }
    let list = ListValues {
        limit: 0,
        ..sample::list(1, 1)
    };
    let page = store.values(list).await.expect("a page");
    assert_eq!((page.rows.len(), page.more), (0, true));
    let list = ListValues {
        limit: LIST_LIMIT_MAX + 1,
        ..sample::list(1, 1)
    };
    assert_eq!(names(&store, list).await.len(), sorted.len());
    let list = ListValues {
        after: Some("a\0"),
        ..sample::list(1, 1)
    };
    assert_eq!(
        names(&store, list).await.first().map(String::as_str),
        Some("a b")
    );
}

/// No character of a prefix is special, and bytes decide.
pub async fn prefixes_are_bytes_not_patterns(store: SharedStore) {
    people(&store).await;
    let stored = [
        "%",
        "%a",
        "A/x",
        "_",
        "a",
        "a/",
        "a/%",
        "a/x",
        "a/\u{10ffff}",
        "a/\u{10ffff}z",
    ];
    let stored = stored
        .into_iter()
        .chain(["a0", "ab", "a\\", "\u{d7ff}", "\u{e000}", "é"]);
    let stored: Vec<&str> = stored.collect();
    for (record, name) in stored.iter().enumerate() {
        put(&store, sample::put(1, 1, record as u32, name, 1)).await;
    }
    let prefixes = [
        "",
        "%",
        "_",
        "a",
        "a/",
        "a/\u{10ffff}",
        "a\\",
        "A",
        "\u{d7ff}",
        "\u{10ffff}",
    ];
    for prefix in prefixes.into_iter().chain(["é", "zz", "a/x/y"]) {
        for after in [
            None,
            Some(""),
            Some("a"),
            Some("a/x"),
            Some("zzz"),
            Some("\u{10ffff}"),
        ] {
            let list = ListValues {
                prefix,
                after,
                ..sample::list(1, 1)
            };
            let mut expected: Vec<&str> = stored
                .iter()
                .copied()
                .filter(|name| name.starts_with(prefix) && after.is_none_or(|a| *name > a))
                .collect();
            expected.sort_unstable();
            assert_eq!(
                names(&store, list).await,
                expected,
                "{prefix:?} after {after:?}"
            );
        }
    }
}
