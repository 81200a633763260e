//! Picks the credential for a target.
//!
//! In: the candidates a caller may use, each an id and a pattern. Out: none, one, or the ids
//! between which only the caller can decide. Promise: a wider pattern never wins over a
//! narrower one, and nothing is picked by order. Not here: opening what was picked.

use crate::{HostPattern, Target};

/// What [`select`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection<Id> {
    /// No pattern matches the target.
    None,
    /// One pattern is the narrowest.
    One(Id),
    /// Several patterns are equally narrow: their ids, in the order given, at least two.
    Ambiguous(Vec<Id>),
}

/// Picks the candidate whose pattern lets a credential go to `target` most narrowly, see
/// [`HostPattern::lets_credentials_go_to`] and [`crate::Specificity`].
///
/// The list of an ambiguous answer is as long as the candidates at most; the caller bounds
/// how many it loads.
pub fn select<'a, Id>(
    candidates: impl IntoIterator<Item = (Id, &'a HostPattern)>,
    target: &Target,
) -> Selection<Id> {
    let mut narrowest = None;
    let mut ids = Vec::new();
    for (id, pattern) in candidates {
        if !pattern.lets_credentials_go_to(target) {
            continue;
        }
        let specificity = Some(pattern.specificity());
        if specificity > narrowest {
            narrowest = specificity;
            ids.clear();
        }
        if specificity == narrowest {
            ids.push(id);
        }
    }
    match ids.len() {
        0 => Selection::None,
        1 => ids.pop().map_or(Selection::None, Selection::One),
        _ => Selection::Ambiguous(ids),
    }
}
