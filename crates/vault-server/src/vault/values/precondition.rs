//! What a caller expects to find before a write (RFC 9110 section 13.1), without HTTP.

/// A condition on the current version of a value. The default holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The current version must be one of these.
    pub matches: Option<VersionSet>,
    /// The current version must be none of these.
    pub matches_none: Option<VersionSet>,
}

/// Some versions of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionSet {
    /// Whatever exists.
    Any,
    /// Exactly these.
    Listed(Vec<u64>),
}

impl Precondition {
    /// Whether it holds while `current` is the version that the caller can see.
    #[must_use]
    pub fn holds(&self, current: Option<u64>) -> bool {
        let contains = |set: &VersionSet| match (set, current) {
            (_, None) => false,
            (VersionSet::Any, Some(_)) => true,
            (VersionSet::Listed(versions), Some(current)) => versions.contains(&current),
        };
        self.matches.as_ref().is_none_or(contains)
            && !self.matches_none.as_ref().is_some_and(contains)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_the_standard_says() {
        use VersionSet::{Any, Listed};
        let check = |matches: Option<VersionSet>, none: Option<VersionSet>, absent, at_2| {
            let condition = Precondition {
                matches,
                matches_none: none,
            };
            assert_eq!(
                condition.holds(None),
                absent,
                "{condition:?} without a value"
            );
            assert_eq!(condition.holds(Some(2)), at_2, "{condition:?} at version 2");
        };
        check(None, None, true, true);
        check(Some(Any), None, false, true);
        check(Some(Listed(vec![2])), None, false, true);
        check(Some(Listed(vec![1, 3])), None, false, false);
        check(Some(Listed(vec![])), None, false, false);
        check(None, Some(Any), true, false);
        check(None, Some(Listed(vec![2])), true, false);
        check(None, Some(Listed(vec![1])), true, true);
        check(Some(Any), Some(Listed(vec![2])), false, false);
    }
}
