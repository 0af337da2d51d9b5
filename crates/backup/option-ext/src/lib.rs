//! Stands in for the crate `option-ext`, which is under the Mozilla licence, unlike all else that
//! unwedge is made of. `dirs-sys`, which `rustic_core` needs for a cache that is switched off here,
//! uses this one function of it.

/// What `dirs-sys` asks of an `Option`.
pub trait OptionExt<T> {
    /// Whether there is a value and it equals `wanted`.
    fn contains<U: PartialEq<T>>(&self, wanted: &U) -> bool;
}

impl<T> OptionExt<T> for Option<T> {
    fn contains<U: PartialEq<T>>(&self, wanted: &U) -> bool {
        self.as_ref().is_some_and(|it| wanted == it)
    }
}

#[cfg(test)]
mod tests {
    use super::OptionExt;

    #[test]
    fn only_an_equal_value_counts() {
        assert!(OptionExt::contains(&Some(2), &2));
        assert!(!OptionExt::contains(&Some(3), &2));
        assert!(!OptionExt::contains(&None::<i32>, &2));
    }
}
