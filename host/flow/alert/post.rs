//! Messages on their way: to each target one at a time, in order, and none that newer news of the same has overtaken. Pure.

use std::collections::BTreeSet;

use super::Message;
use crate::clock::Millis;
use crate::config::Target;

/// A message that does not arrive is tried so often,
const TRIES: u32 = 5;
/// with this in between, growing with each.
const AGAIN_MS: Millis = 10_000;

/// A message on its way to one target.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    name: String,
    pub(super) to: Target,
    pub(super) message: Message,
    tries: u32,
    due: Millis,
}

impl Letter {
    pub(super) fn new(name: String, to: Target, message: Message) -> Self {
        Self { name, to, message, tries: 0, due: 0 }
    }

    /// The target's name.
    pub(super) fn target(&self) -> &str {
        &self.name
    }

    /// The same once more, after it did not arrive at `now`; none if it was tried often enough.
    pub(super) fn again(self, now: Millis) -> Option<Self> {
        let tries = self.tries + 1;
        (tries < TRIES).then(|| Self { tries, due: now.saturating_add(AGAIN_MS * Millis::from(tries)), ..self })
    }

    fn is_about_the_same(&self, other: &Self) -> bool {
        self.name == other.name && self.message.alert.alert == other.message.alert.alert
    }
}

/// What is not said yet, in order, and who is being told something.
#[derive(Default)]
pub(super) struct Post {
    unsaid: Vec<Letter>,
    busy: BTreeSet<String>,
}

impl Post {
    /// Takes a message on. What is not said yet of the same is not said any more.
    pub(super) fn add(&mut self, letter: Letter) {
        self.unsaid.retain(|older| !older.is_about_the_same(&letter));
        self.unsaid.push(letter);
    }

    /// What is to be sent now: at most one message to each target, until it has come back.
    pub(super) fn due(&mut self, now: Millis) -> Vec<Letter> {
        let mut due = Vec::new();
        let mut rest = Vec::with_capacity(self.unsaid.len());
        for letter in std::mem::take(&mut self.unsaid) {
            if letter.due <= now && self.busy.insert(letter.name.clone()) {
                due.push(letter);
            } else {
                rest.push(letter);
            }
        }
        self.unsaid = rest;
        due
    }

    /// A target was told something, or was not and is told again, unless there is news of the same meanwhile.
    pub(super) fn came_back(&mut self, target: &str, again: Option<Letter>) {
        self.busy.remove(target);
        if let Some(letter) = again
            && !self.unsaid.iter().any(|newer| newer.is_about_the_same(&letter))
        {
            self.unsaid.insert(0, letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Alert, Message, Severity, State};
    use super::{AGAIN_MS, Letter, Post, TRIES};
    use crate::config::Target;

    fn letter(target: &str, alert: &str, state: State) -> Letter {
        let alert = Alert {
            alert: alert.into(),
            severity: Severity::Warning,
            cause: "it is".into(),
            next: "convey status".into(),
            hold_ms: 0,
        };
        Letter::new(target.into(), Target::Log, Message { state, alert, since: 0, at: 0 })
    }

    fn sent(post: &mut Post, now: u64) -> Vec<(String, String, State)> {
        let due = post.due(now);
        due.into_iter().map(|letter| (letter.name, letter.message.alert.alert, letter.message.state)).collect()
    }

    fn said(target: &str, alert: &str, state: State) -> (String, String, State) {
        (target.into(), alert.into(), state)
    }

    #[test]
    fn a_target_that_is_busy_holds_no_other_and_hears_the_rest_in_order() {
        let mut post = Post::default();
        for (target, alert) in [("ops", "disk"), ("chat", "disk"), ("ops", "quiet")] {
            post.add(letter(target, alert, State::Firing));
        }
        let first = [said("ops", "disk", State::Firing), said("chat", "disk", State::Firing)];
        assert_eq!(sent(&mut post, 0), first);
        post.came_back("chat", None);
        post.add(letter("chat", "quiet", State::Firing));
        assert_eq!(sent(&mut post, 1), [said("chat", "quiet", State::Firing)], "ops has not answered yet");
        post.came_back("ops", None);
        assert_eq!(sent(&mut post, 2), [said("ops", "quiet", State::Firing)]);
        assert!(sent(&mut post, 3).is_empty());
    }

    #[test]
    fn news_takes_the_place_of_what_was_not_said_and_of_what_did_not_arrive() {
        let mut post = Post::default();
        post.add(letter("ops", "disk", State::Firing));
        post.add(letter("ops", "disk", State::Resolved));
        post.add(letter("chat", "disk", State::Firing));
        let mut due = post.due(0);
        assert_eq!(due.len(), 2);
        let to_chat = due.remove(1);
        assert_eq!((due[0].name.as_str(), due[0].message.state), ("ops", State::Resolved));
        post.add(letter("chat", "disk", State::Resolved));
        post.came_back("chat", to_chat.again(0));
        assert_eq!(sent(&mut post, 10 * AGAIN_MS), [said("chat", "disk", State::Resolved)]);
    }

    #[test]
    fn what_does_not_arrive_is_tried_again_a_few_times_each_later_than_the_last() {
        let mut post = Post::default();
        post.add(letter("ops", "disk", State::Firing));
        let mut times = Vec::new();
        for now in (0..400_000).step_by(1_000) {
            for letter in post.due(now) {
                times.push(now);
                post.came_back("ops", letter.again(now));
            }
        }
        assert_eq!(times, [0, 10_000, 30_000, 60_000, 100_000]);
        assert_eq!(times.len(), TRIES as usize);
    }
}
