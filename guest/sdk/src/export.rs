//! How a mapper becomes a component: its settings are held, its changes are handed over one by one.

use std::sync::{Arc, PoisonError, RwLock};

pub use crate::bindings::exports::convey::pipeline::mapper::Understanding;
use crate::types::{Change, Problem, Proposal, Skip, SkipCode};

/// A mapper: made from its settings, and from then on a function of a change. It has no clock, no network, no randomness and must keep
/// nothing between two changes: the host tries that, in two orders and two instances.
pub trait Mapper: Sized + Send + Sync + 'static {
    /// The mapper these settings make; an empty text stands for its defaults.
    ///
    /// # Errors
    /// Every mistake of the settings, each with its place.
    fn configure(settings: &str) -> Result<Self, Vec<Problem>>;

    /// How the settings were understood. A mapper that reads custom fields by a fixed key names them here.
    fn understanding(&self) -> Understanding {
        Understanding { custom_fields: Vec::new(), remarks: Vec::new() }
    }

    /// What to say of a change.
    ///
    /// # Errors
    /// Why nothing is said.
    fn translate(&self, change: &Change) -> Result<Vec<Proposal>, Skip>;
}

/// The mapper in force: the only state of a component, replaced as a whole.
#[derive(Debug)]
pub struct Held<M>(RwLock<Option<Arc<M>>>);

impl<M: Mapper> Held<M> {
    /// Nothing is in force yet.
    pub const fn new() -> Self {
        Self(RwLock::new(None))
    }

    /// Puts the mapper of these settings in force.
    ///
    /// # Errors
    /// As [`Mapper::configure`]; what was in force stays.
    pub fn configure(&self, settings: &str) -> Result<Understanding, Vec<Problem>> {
        let mapper = M::configure(settings)?;
        let understanding = mapper.understanding();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(mapper));
        Ok(understanding)
    }

    /// One answer a change, in order. Whoever never configured gets the mapper of an empty settings text.
    pub fn translate(&self, changes: &[Change]) -> Vec<Result<Vec<Proposal>, Skip>> {
        match self.in_force() {
            Ok(mapper) => changes.iter().map(|change| mapper.translate(change)).collect(),
            Err(skip) => changes.iter().map(|_| Err(skip.clone())).collect(),
        }
    }

    fn in_force(&self) -> Result<Arc<M>, Skip> {
        if let Some(mapper) = self.0.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(mapper);
        }
        let mapper = M::configure("").map(Arc::new);
        mapper.map_err(|_| Skip {
            code: SkipCode::Invalid,
            rule: None,
            reason: "the mapper was given no settings, and has no defaults".to_owned(),
        })
    }
}

impl<M: Mapper> Default for Held<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// Natively nobody hands over: see the allocator.
///
/// # Safety
/// None is needed here.
#[cfg(not(target_family = "wasm"))]
#[expect(unsafe_code, reason = "its like in a component is unsafe")]
pub unsafe fn with_received<T, R>(received: Vec<T>, work: impl FnOnce(&[T]) -> R) -> R {
    work(&received)
}

/// Makes a component of a [`Mapper`]. Natively it does nothing, so a mapper's own tests need no WebAssembly.
#[macro_export]
macro_rules! export {
    ($mapper:ty) => {
        const _: () = {
            static HELD: $crate::Held<$mapper> = $crate::Held::new();

            struct Component;

            impl $crate::bindings::exports::convey::pipeline::mapper::Guest for Component {
                fn configure(settings: String) -> Result<$crate::Understanding, Vec<$crate::types::Problem>> {
                    // SAFETY: the call begins here, and so does the other one of a mapper.
                    unsafe { $crate::with_received(vec![settings], |settings| HELD.configure(&settings[0])) }
                }

                fn translate(
                    changes: Vec<$crate::types::Change>,
                ) -> Vec<Result<Vec<$crate::types::Proposal>, $crate::types::Skip>> {
                    // SAFETY: the same.
                    unsafe { $crate::with_received(changes, |changes| HELD.translate(changes)) }
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::change;
    use crate::types::Trigger;

    struct Echo(String);

    impl Mapper for Echo {
        fn configure(settings: &str) -> Result<Self, Vec<Problem>> {
            if settings == "bad" { Err(Vec::new()) } else { Ok(Self(settings.to_owned())) }
        }

        fn translate(&self, _change: &Change) -> Result<Vec<Proposal>, Skip> {
            Err(Skip::no_rule(&self.0))
        }
    }

    #[test]
    fn settings_are_replaced_as_a_whole_or_not_at_all() {
        let held = Held::<Echo>::new();
        let said = || {
            held.translate(&[change(Trigger::ContactCreated)])
                .remove(0)
                .map_err(|skip| skip.reason)
                .expect_err("a skip")
        };
        assert_eq!(said(), "", "an empty text before anything was configured");
        held.configure("one").expect("taken");
        assert_eq!(said(), "one");
        assert!(held.configure("bad").is_err());
        assert_eq!(said(), "one");
        assert!(held.translate(&[]).is_empty());
    }
}
