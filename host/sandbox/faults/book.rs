//! The faults in force, and which request meets one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;

use super::super::requests::Side;
use super::super::world::lock;
use super::{Fault, Faults};

/// The faults in force.
pub struct FaultBook(Mutex<Armed>);

struct Armed {
    crm: Slot,
    ads: Slot,
    /// Those of single datasets and audiences, by id. They meet theirs in place of the ad platform's.
    objects: BTreeMap<String, Slot>,
    unauthorized: u64,
    rng: Rng,
}

/// One fault, how often it is still met, and who waits for its end: a slot that is dropped lets go of them.
struct Slot {
    fault: Option<Arc<Fault>>,
    left: Option<u64>,
    end: watch::Sender<()>,
}

/// A fault that one request met.
pub struct Met {
    /// What happens to it.
    pub fault: Arc<Fault>,
    end: watch::Receiver<()>,
}

impl FaultBook {
    /// No fault; `rng` decides which requests meet one that has a share.
    pub fn new(rng: Rng) -> Self {
        let none = || Slot::of(None);
        Self(Mutex::new(Armed { crm: none(), ads: none(), objects: BTreeMap::new(), unauthorized: 0, rng }))
    }

    /// Replaces all faults, those of single datasets and audiences too, and lets go of every request that was held.
    pub fn set(&self, faults: Faults) {
        let mut armed = lock(&self.0);
        armed.unauthorized = faults.crm.as_ref().map_or(0, |fault| fault.unauthorized);
        armed.crm = Slot::of(faults.crm);
        armed.ads = Slot::of(faults.ads);
        armed.objects.clear();
    }

    /// Replaces the fault of one dataset or audience and lets go of what that one held; none: it meets the platform's again.
    pub fn set_of(&self, object: &str, fault: Option<Fault>) {
        let mut armed = lock(&self.0);
        match fault {
            Some(fault) => armed.objects.insert(object.to_owned(), Slot::of(Some(fault))),
            None => armed.objects.remove(object),
        };
    }

    /// The faults as they were set, and those of single datasets and audiences.
    pub fn shown(&self) -> (Faults, BTreeMap<String, Fault>) {
        let armed = lock(&self.0);
        let copy = |slot: &Slot| slot.fault.as_deref().cloned();
        let objects = armed.objects.iter().filter_map(|(id, slot)| Some((id.clone(), copy(slot)?)));
        (Faults { crm: copy(&armed.crm), ads: copy(&armed.ads) }, objects.collect())
    }

    /// Whether the CRM enforces its own allowance.
    pub fn rate_limit(&self) -> bool {
        lock(&self.0).crm.fault.as_ref().is_some_and(|fault| fault.rate_limit)
    }

    /// Whether this request's good token is to be called bad; counts it.
    pub fn unauthorized(&self) -> bool {
        let mut armed = lock(&self.0);
        let met = armed.unauthorized > 0;
        armed.unauthorized = armed.unauthorized.saturating_sub(1);
        met
    }

    /// The fault the next request to `side` meets before anything is known of it.
    pub fn draw(&self, side: Side) -> Option<Met> {
        let mut armed = lock(&self.0);
        let Armed { crm, ads, rng, .. } = &mut *armed;
        match side {
            Side::Crm => crm.draw(None, rng),
            Side::Ads => ads.draw(None, rng),
        }
    }

    /// The fault that the answer about this location meets, by its id.
    pub fn draw_about(&self, location: &str) -> Option<Met> {
        let mut armed = lock(&self.0);
        let Armed { crm, rng, .. } = &mut *armed;
        crm.draw(Some(location), rng)
    }

    /// The fault the next request to this dataset or audience meets: its own, or else the ad platform's.
    pub fn draw_of(&self, object: &str) -> Option<Met> {
        let mut armed = lock(&self.0);
        let Armed { ads, objects, rng, .. } = &mut *armed;
        objects.get_mut(object).unwrap_or(ads).draw(None, rng)
    }
}

impl Slot {
    fn of(fault: Option<Fault>) -> Self {
        let left = fault.as_ref().and_then(|fault| fault.times);
        Self { fault: fault.map(Arc::new), left, end: watch::Sender::new(()) }
    }

    fn draw(&mut self, location: Option<&str>, rng: &mut Rng) -> Option<Met> {
        let fault = self.fault.as_ref().filter(|fault| fault.location.as_deref() == location)?;
        if self.left == Some(0) || (fault.share < 1.0 && rng.f64() >= fault.share) {
            return None;
        }
        self.left = self.left.map(|times| times - 1);
        Some(Met { fault: fault.clone(), end: self.end.subscribe() })
    }
}

impl Met {
    /// Waits as long as the fault says.
    pub async fn wait(&mut self) {
        if self.fault.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.fault.latency_ms)).await;
        }
        if self.fault.hold {
            // Nothing is ever sent: the error is the end of the slot, and it lets go.
            let _ = self.end.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::requests::Side;
    use super::super::{Fault, Faults};
    use super::FaultBook;

    fn crm(fault: Fault) -> Faults {
        Faults { crm: Some(fault), ads: None }
    }

    fn book() -> FaultBook {
        FaultBook::new(fastrand::Rng::with_seed(1))
    }

    #[test]
    fn a_fault_ends_after_its_times_and_keeps_to_its_side() {
        let book = book();
        book.set(crm(Fault { status: Some(503), times: Some(2), ..Fault::default() }));
        let met: Vec<bool> = (0..4).map(|_| book.draw(Side::Crm).is_some()).collect();
        assert_eq!(met, [true, true, false, false]);
        assert!(book.draw(Side::Ads).is_none());
    }

    #[test]
    fn a_fault_of_one_location_is_met_by_its_answers_only() {
        let book = book();
        book.set(crm(Fault { latency_ms: 5, location: Some("a".to_owned()), times: Some(1), ..Fault::default() }));
        assert!(book.draw(Side::Crm).is_none() && book.draw_about("b").is_none());
        assert!(book.draw_about("a").is_some() && book.draw_about("a").is_none());
        book.set(crm(Fault { latency_ms: 5, ..Fault::default() }));
        assert!(book.draw(Side::Crm).is_some() && book.draw_about("a").is_none());
    }

    #[test]
    fn a_dataset_with_a_fault_of_its_own_meets_no_other() {
        let book = book();
        book.set(Faults { ads: Some(Fault { status: Some(503), ..Fault::default() }), crm: None });
        book.set_of("1", Some(Fault { status: Some(500), times: Some(1), ..Fault::default() }));
        let status = |object: &str| book.draw_of(object).and_then(|met| met.fault.status);
        assert_eq!([status("1"), status("1"), status("2")], [Some(500), None, Some(503)]);
        book.set_of("1", None);
        assert_eq!(status("1"), Some(503));
        book.set_of("1", Some(Fault::default()));
        book.set(Faults::default());
        assert!(book.draw_of("1").is_none() && book.shown().1.is_empty());
    }

    #[test]
    fn so_many_good_tokens_are_called_bad() {
        let book = book();
        book.set(crm(Fault { unauthorized: 2, ..Fault::default() }));
        assert_eq!([(); 3].map(|()| book.unauthorized()), [true, true, false]);
    }

    #[test]
    fn a_share_is_met_by_about_its_part() {
        let book = book();
        book.set(crm(Fault { share: 0.2, ..Fault::default() }));
        let met = (0..2_000).filter(|_| book.draw(Side::Crm).is_some()).count();
        assert!((300..500).contains(&met), "{met}");
    }

    #[tokio::test]
    async fn a_held_request_goes_on_when_its_fault_is_replaced_and_not_when_another_one_is() {
        let book = book();
        let hold = || Some(Fault { hold: true, ..Fault::default() });
        book.set(Faults { crm: None, ads: hold() });
        book.set_of("1", hold());
        let [mut platform, mut one] = [book.draw_of("2"), book.draw_of("1")].map(|met| met.expect("a fault"));
        book.set_of("1", None);
        one.wait().await;
        assert!(platform.end.has_changed().is_ok(), "it is still held");
        book.set(Faults::default());
        platform.wait().await;
    }
}
