//! Recovery: the calls, and the part of them that happens where the user is.
//!
//! An owner opens the private keys here, seals them under a random recovery key and entrusts
//! that key to trustees: whole to one, or any `k` of `n`. Trustees open their shares here, join
//! them, and seal what comes out under a new secret of the owner. The server passes sealed bytes
//! on; it sees neither recovery key, share, answer nor private key.
//!
//! In: [`OpenKeys`](crate::OpenKeys) of whoever acts. Promise: a share opens for its trustee, in
//! its set, and as nothing else; what is joined is the private half of the public keys that
//! the server shows, of every generation, or nothing at all.

mod calls;
mod join;
mod package;
mod split;

pub use calls::{HeldShare, Restore, TrustedOwner, Trustee};
pub use join::{OpenedShare, StagedBlobs, join};
pub use package::{Envelope, SharePackage};
pub use split::{Entrusted, NewTrustee, Split, split};
