//! Bodies of answers that stream a file: raw, or as base64 within a JSON document.
//!
//! Promise: one part is in memory at a time; an error ends the body with an error, which the
//! connection turns into a reset and never into a clean end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use http_body::{Frame, SizeHint};
use zeroize::Zeroizing;

use crate::api::base64;
use crate::vault::error::VaultError;
use crate::vault::files::FileContent;

/// How the contents travel.
#[derive(Debug, Clone, Copy)]
enum Coding {
    Raw,
    Base64,
}

type Next = Result<Option<(Zeroizing<Vec<u8>>, FileContent)>, VaultError>;

/// What comes next.
enum State {
    Ready(Box<FileContent>),
    Reading(Pin<Box<dyn Future<Output = Next> + Send>>),
    Ended,
}

/// The body of an answer.
pub(super) struct FileBody {
    head: Option<Bytes>,
    state: State,
    coding: Coding,
    tail: Option<Bytes>,
    left: u64,
}

impl FileBody {
    /// The bytes themselves.
    pub(super) fn raw(content: FileContent) -> Self {
        Self {
            head: None,
            left: content.left(),
            state: State::Ready(Box::new(content)),
            coding: Coding::Raw,
            tail: None,
        }
    }

    /// `head`, the contents in base64, `tail`.
    pub(super) fn base64(head: Zeroizing<Vec<u8>>, content: FileContent, tail: Bytes) -> Self {
        let encoded = content.left().div_ceil(3) * 4;
        Self {
            left: (head.len() + tail.len()) as u64 + encoded,
            head: Some(Bytes::from_owner(head)),
            state: State::Ready(Box::new(content)),
            coding: Coding::Base64,
            tail: Some(tail),
        }
    }

    /// Bytes of the body that are left.
    pub(super) fn byte_count(&self) -> u64 {
        self.left
    }

    fn encode(&self, part: Zeroizing<Vec<u8>>) -> Bytes {
        match self.coding {
            Coding::Raw => Bytes::from_owner(part),
            // Parts are multiples of 3 bytes but for the last one, so the texts join up.
            Coding::Base64 => Bytes::from_owner(Text(base64::encode_secret(&part))),
        }
    }

    fn give(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, VaultError>>> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

/// A text that is wiped when its last reader is done.
struct Text(Zeroizing<String>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = VaultError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, VaultError>>> {
        let this = self.get_mut();
        if let Some(head) = this.head.take() {
            return this.give(head);
        }
        loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Ready(content) => this.state = State::Reading(Box::pin(content.next())),
                State::Reading(mut next) => {
                    let Poll::Ready(next) = next.as_mut().poll(cx) else {
                        this.state = State::Reading(next);
                        return Poll::Pending;
                    };
                    match next {
                        Ok(Some((part, rest))) => {
                            this.state = State::Ready(Box::new(rest));
                            let bytes = this.encode(part);
                            return this.give(bytes);
                        }
                        Ok(None) => {}
                        Err(error) => {
                            tracing::error!(%error, "a download broke off");
                            this.tail = None;
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
                State::Ended => {
                    return match this.tail.take() {
                        Some(tail) => this.give(tail),
                        None => Poll::Ready(None),
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.tail.is_none() && self.head.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
