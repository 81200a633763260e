//! The server of all cases, and the upstream that sees what its proxy injects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Response;
use vault_server::vault::limits::VaultLimits;

use crate::api_support::Api;
use crate::upstream::TlsUpstream;

pub(crate) struct Stage {
    pub(crate) api: Api,
    upstream: TlsUpstream,
    seen: Arc<Mutex<Vec<String>>>,
    proven: Mutex<BTreeMap<&'static str, u64>>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::set_with(VaultLimits::default()).await
    }

    pub(crate) async fn set_with(limits: VaultLimits) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = TlsUpstream::start(&["http/1.1"], move |request| {
            let sent = request.headers().get("authorization");
            let sent = sent.map_or("", |value| value.to_str().unwrap());
            noted.lock().unwrap().push(sent.to_owned());
            async { Response::new(Body::from("done")) }
        })
        .await;
        Self {
            api: Api::start_before_with(upstream.ca_file.clone(), limits).await,
            upstream,
            seen,
            proven: Mutex::default(),
        }
    }

    pub(crate) fn target(&self) -> String {
        self.upstream.url("/v1/charges")
    }

    /// `Authorization` of each request that the upstream got since this was last asked.
    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Counts something that was there to be read or used, and was.
    pub(crate) fn prove(&self, what: &'static str) {
        *self.proven.lock().unwrap().entry(what).or_default() += 1;
    }

    /// How often each of these was proven.
    pub(crate) fn proven(&self) -> BTreeMap<&'static str, u64> {
        self.proven.lock().unwrap().clone()
    }
}
