//! Requests that wait for their answers at the same time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// The outputs of all `futures`, in their order, once the last is ready.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn outputs_keep_their_order_and_no_future_is_polled_after_its_end() {
        let polls = Cell::new(0);
        let slow = |id: u32, turns: u32| {
            let (polls, mut left) = (&polls, turns);
            poll_fn(move |_| {
                polls.set(polls.get() + 1);
                left -= 1;
                if left == 0 { Poll::Ready(id) } else { Poll::Pending }
            })
        };
        let mut all = pin!(super::all([slow(1, 3), slow(2, 1), slow(3, 2)]));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(all.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(all.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(all.as_mut().poll(&mut context), Poll::Ready(vec![1, 2, 3]));
        assert_eq!(polls.get(), 6);
    }
}
