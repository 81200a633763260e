//! Collects request bodies in memory, within a budget that all requests of a server share and
//! of which one user has a part.
//!
//! In: a body. Out: a [`CollectedBody`], one buffer that is wiped when it is dropped. A declared
//! length is taken from the budget before the first byte is read; without one the buffer grows,
//! and what it grows by is taken first. Over the budget: 503 with `Retry-After`.
//!
//! Promise: no copy made here outlives the buffer, not even while it grows. What the connection
//! read the bytes into is the HTTP library's and out of reach. Who was shut out while their body
//! came gets no body read.
//! Not here: how many copies a handler makes; decoded documents are at most as large again.

use std::fmt;

use axum::body::Body;
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use zeroize::Zeroizing;

use super::body::body_problem;
use super::body_budget::{BodyShare, Purse};
use super::standing;
use crate::problem::Problem;

/// First size of a buffer whose length is not declared, in bytes.
const UNDECLARED_BYTES: usize = 4 * 1_024;

/// A body in memory. Wiped when dropped; then its part of the budget is free again.
pub struct CollectedBody {
    bytes: Zeroizing<Vec<u8>>,
    // Behind the bytes: fields are dropped in this order.
    share: Option<BodyShare>,
}

impl CollectedBody {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Moves to a buffer of `bytes`, paid for while the old one still counts.
    fn resize(&mut self, bytes: usize, purse: Option<&Purse>) -> Result<(), Problem> {
        let share = purse.map(|purse| purse.take(bytes)).transpose()?;
        let mut larger = Zeroizing::new(Vec::<u8>::with_capacity(bytes));
        larger.extend_from_slice(&self.bytes);
        // In this order: the old bytes are gone before their share is.
        self.bytes = larger;
        self.share = share;
        Ok(())
    }
}

impl AsRef<[u8]> for CollectedBody {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for CollectedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectedBody").finish_non_exhaustive()
    }
}

/// Collects at most `bytes_max` bytes of `body`. A declared length over the bound is refused
/// before a byte is read.
///
/// # Errors
/// `too_large`, `overloaded`, `request_timeout`, or `malformed_request` when the transfer broke
/// off; `forbidden` for a caller who may not go on.
pub async fn read_body(body: Body, bytes_max: usize) -> Result<CollectedBody, Problem> {
    let is_awaited = !body.is_end_stream();
    let hint = body.size_hint();
    if hint.lower() > bytes_max as u64 {
        return Err(Problem::from_status(http::StatusCode::PAYLOAD_TOO_LARGE));
    }
    let purse = Purse::current();
    let mut collected = CollectedBody {
        bytes: Zeroizing::default(),
        share: None,
    };
    let declared = hint.exact().and_then(|bytes| usize::try_from(bytes).ok());
    if let Some(bytes) = declared.filter(|bytes| *bytes > 0) {
        collected.resize(bytes, purse.as_ref())?;
    }
    let mut body = Limited::new(body, bytes_max);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_problem(error.as_ref()))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let needed = collected.bytes.len() + data.len();
        let room = collected.bytes.capacity();
        if needed > room {
            let wanted = (2 * room).max(UNDECLARED_BYTES).min(bytes_max).max(needed);
            collected.resize(wanted, purse.as_ref())?;
        }
        // Fits: a vector that grew by itself would leave its old bytes behind.
        collected.bytes.extend_from_slice(data);
    }
    if is_awaited {
        standing::judge_again().await?;
    }
    Ok(collected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::BodyBudget;
    use crate::problem::Code;
    use axum::body::Bytes;
    use http_body_util::channel::Channel;

    async fn undeclared(bytes: usize) -> Body {
        const PART: usize = 1_000;
        let (mut sender, body) = Channel::<Bytes>::new(bytes / PART + 1);
        for _ in 0..bytes / PART {
            let part = Bytes::from_static(&[b'x'; PART]);
            sender.send_data(part).await.unwrap();
        }
        Body::new(body)
    }

    #[tokio::test]
    async fn collecting_stops_at_the_bound() {
        let fits = read_body(Body::from("12345"), 5).await.unwrap();
        assert_eq!(fits.as_bytes(), b"12345");
        let refused = read_body(Body::from("123456"), 5).await.unwrap_err();
        assert_eq!(refused.code(), Code::TooLarge);
        let refused = read_body(undeclared(6_000).await, 5_000).await.unwrap_err();
        assert_eq!(refused.code(), Code::TooLarge);
        let grown = read_body(undeclared(50_000).await, 50_000).await.unwrap();
        assert_eq!(grown.as_bytes(), [b'x'; 50_000]);
    }

    #[tokio::test]
    async fn the_bytes_are_a_copy_of_our_own() {
        // As slices of a connection's buffer are: held by somebody else, too.
        let buffer = Bytes::from(vec![b'x'; 100]);
        let collected = read_body(Body::from(buffer.slice(10..90)), 100)
            .await
            .unwrap();
        assert_eq!(collected.as_bytes(), &buffer[10..90]);
        let within = buffer.as_ptr_range();
        assert!(!within.contains(&collected.as_bytes().as_ptr()));
    }

    #[tokio::test]
    async fn bodies_share_one_budget_and_give_it_back() {
        let budget = BodyBudget::new(10_000, 10_000);
        let read = |body: Body| budget.govern(None, read_body(body, 100_000));
        let held = read(Body::from(vec![b'x'; 8_000])).await.unwrap();
        let refused = read(Body::from(vec![b'x'; 8_000])).await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        // It grows past what is left.
        let refused = read(undeclared(4_000).await).await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        read(Body::from(vec![b'x'; 2_000])).await.unwrap();
        drop(held);
        read(Body::from(vec![b'x'; 10_000])).await.unwrap();
        read(undeclared(3_000).await).await.unwrap();
        read(Body::from(vec![b'x'; 10_000])).await.unwrap();
    }
}
