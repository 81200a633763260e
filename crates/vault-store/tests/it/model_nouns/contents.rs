//! Everything that reads can show.

use vault_store::conformance::sample;
use vault_store::rows::Record;
use vault_store::{ListCandidates, ListInbound, Store, StoredWrap, UtcMillis};

use super::{KINDS, RECORDS, SHARES, TIMES, USERS};

/// Everything that reads can show, as text.
pub(super) async fn contents(store: &dyn Store) -> Vec<String> {
    let first = store.erased_bodies(None, 1).await;
    let after = first
        .as_ref()
        .ok()
        .and_then(|page| page.rows.last().copied());
    let mut all = vec![format!("{first:?}")];
    all.push(format!("{:?}", store.erased_bodies(after, 100).await));
    let org = sample::org_id(1);
    for share in SHARES {
        let id = sample::share_id(share);
        all.push(format!("{:?}", store.share(id).await));
        all.push(format!("{:?}", store.shared_value(id, None).await));
        all.push(format!("{:?}", store.shared_file(id).await));
        all.push(format!(
            "{:?}",
            store.restore(sample::restore_id(share)).await
        ));
    }
    for kind in KINDS {
        for record in RECORDS {
            let number = u32::from(kind.number()) * 10 + record;
            let record_id = sample::record_id(number);
            let record = Record { kind, record_id };
            for now in TIMES {
                let now = UtcMillis(now);
                all.push(format!("{:?}", store.recipients(record, now).await));
                all.push(format!("{:?}", store.shares_of(record, None, 2, now).await));
            }
            all.push(format!("{:?}", store.token(sample::key_id(number)).await));
        }
    }
    for now in TIMES {
        let now = UtcMillis(now);
        all.push(format!("{:?}", store.expired_shares(now, None, 2).await));
    }
    for user in USERS {
        let id = sample::user_id(user);
        all.push(format!("{:?}", store.user(org, id).await));
        all.push(format!("{:?}", store.files(org, id, None, 2).await));
        all.push(format!("{:?}", store.credentials(org, id, None, 2).await));
        all.push(format!("{:?}", store.trustees(org, id, None, 2).await));
        all.push(format!(
            "{:?}",
            store.trusting_owners(org, id, None, 2).await
        ));
        all.push(format!("{:?}", store.restores(org, id, None, 2).await));
        all.push(format!("{:?}", store.tokens(org, id, None, 2).await));
        for generation in [1, 2] {
            let left = store.wraps_of_generation(id, generation, None, 5).await;
            let after = left.as_ref().ok().and_then(|page| page.rows.last());
            let after = after.map(StoredWrap::place);
            all.push(format!("{left:?}"));
            let rest = store.wraps_of_generation(id, generation, after, 100).await;
            all.push(format!("{rest:?}"));
            let count = store.count_wraps_of_generation(id, generation).await;
            all.push(format!("{count:?}"));
        }
        for number in RECORDS {
            let credential = sample::record_id(30 + number);
            for version in [None, Some(1)] {
                let read = store.read_credential(org, credential, version, id).await;
                all.push(format!("{read:?}"));
            }
            let versions = store
                .credential_versions(org, id, credential, None, 2)
                .await;
            all.push(format!("{versions:?}"));
            let name = (10 + number).to_string();
            let versions = store.versions(sample::name(1, user, &name), None, 2).await;
            all.push(format!("{versions:?}"));
        }
        for now in TIMES {
            contents_at(store, user, UtcMillis(now), &mut all).await;
        }
    }
    all
}

async fn contents_at(store: &dyn Store, user: u32, now: UtcMillis, all: &mut Vec<String>) {
    let (org_id, user_id) = (sample::org_id(1), sample::user_id(user));
    let list = ListCandidates {
        org_id,
        user_id,
        after: None,
        limit: 2,
        now,
    };
    all.push(format!("{:?}", store.candidates(list).await));
    for kind in KINDS {
        let (recipient, limit) = (user_id, 2);
        let list = ListInbound {
            org_id,
            recipient,
            kind,
            after: None,
            limit,
            now,
        };
        all.push(format!("{:?}", store.inbound_shares(list).await));
    }
}
