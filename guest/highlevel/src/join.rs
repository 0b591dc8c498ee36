//! Many requests at once on one thread.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all futures together; answers stand in the order of the futures.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut answers: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(move |context| {
        let mut open = false;
        for (future, answer) in waiting.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(answers.iter_mut().filter_map(Option::take).collect()) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn starts_everything_before_anything_ends() {
        let started = Cell::new(0);
        let ticket = |name: u32| {
            let started = &started;
            async move {
                let mut first = true;
                poll_fn(|_| {
                    if first {
                        first = false;
                        started.set(started.get() + 1);
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                })
                .await;
                assert_eq!(started.get(), 3);
                name
            }
        };
        let mut joined = pin!(all([ticket(1), ticket(2), ticket(3)]));
        let mut context = Context::from_waker(Waker::noop());
        assert!(joined.as_mut().poll(&mut context).is_pending());
        assert_eq!(joined.as_mut().poll(&mut context), Poll::Ready(vec![1, 2, 3]));
    }
}
