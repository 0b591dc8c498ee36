//! The component's allocator. Lowering and lifting a batch makes and frees thousands of short texts, nearly all of them in the order they were
//! made: they are cut from a chunk one behind the other, and a chunk begins anew when the last of its pieces is free. Memory is so gone through
//! from front to back, which a processor foresees; lists of freed pieces send it to a place that it has to wait for, at every text.
//! What is large goes to the standard allocator.
//!
//! What the host hands over for a call has chunks of its own, which are let go of whole: see [`with_received`].
//!
//! A piece that is kept holds its chunk. A component keeps its settings and what it unpacks once, and does the same work over and over besides.

#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;

use pieces::{Pieces, room};

// Named by its path: the source and the sink take this file into their own crates.
#[path = "heap/pieces.rs"]
mod pieces;

struct Heap(UnsafeCell<Pieces>);

// SAFETY: WebAssembly without threads has one thread.
#[cfg(target_family = "wasm")]
unsafe impl Sync for Heap {}

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Pieces::NONE));

// What is not inlined here is a call more for every piece, and each call looks at the host's clock.
// SAFETY: a piece is as large and as aligned as was asked, and is not cut again while it is in use.
unsafe impl GlobalAlloc for Heap {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match room(layout) {
            // SAFETY: there is one thread, and nothing below allocates from here; the room is what `take` asks for.
            Some(size) => unsafe { (*self.0.get()).take(size) },
            // SAFETY: the caller's promise is passed on, and there is one thread.
            None => unsafe {
                (*self.0.get()).large += 1;
                System.alloc(layout)
            },
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match room(layout) {
            // SAFETY: the piece came from `alloc` with this layout, so from `take` with this size.
            Some(size) => unsafe { (*self.0.get()).give_back(piece, size) },
            // SAFETY: the caller's promise is passed on, and there is one thread.
            None => unsafe {
                (*self.0.get()).large -= 1;
                System.dealloc(piece, layout);
            },
        }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that size and alignment make a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (room(layout), room(wanted)) {
            (Some(from), Some(to)) if from == to => return piece,
            // SAFETY: there is one thread.
            (Some(from), Some(to)) if unsafe { (*self.0.get()).resize(piece, from, to) } => return piece,
            // SAFETY: the caller's promise is passed on.
            (None, None) => return unsafe { System.realloc(piece, layout, size) },
            _ => {}
        }
        // SAFETY: both pieces are as large as the shorter of the two sizes, and they are not the same.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(size));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

impl Heap {
    /// See [`with_received`].
    ///
    /// # Safety
    /// As there.
    unsafe fn with_received<T, R>(&self, mut received: Vec<T>, work: impl FnOnce(&[T]) -> R) -> R {
        // SAFETY: there is one thread, and nothing below allocates from here.
        let large = unsafe { (*self.0.get()).work() };
        let answer = work(&received);
        // Large pieces are in no chunk: where there are more than the list itself, all is freed one by one.
        let is_list_large = Layout::array::<T>(received.capacity()).is_ok_and(|list| room(list).is_none());
        let all = large == Some(usize::from(is_list_large));
        if all {
            // SAFETY: nothing is as long as nothing. What it held is never dropped, and its pieces are let go of below.
            unsafe { received.set_len(0) };
        }
        drop(received);
        // SAFETY: the caller promises that the chunks hold pieces of what was received and of nothing else, and that is gone.
        unsafe { (*self.0.get()).end(all) };
        answer
    }
}

/// Does a call's work on what was handed over for it, and lets go of that at once: freed text by text, a batch takes a twenty-fifth of a call longer.
///
/// # Safety
/// Whatever was allocated since the host began to hand over is `received`, or belongs to it: a call begins with this, as do all calls of the
/// component's other exports.
#[cfg(target_family = "wasm")]
pub unsafe fn with_received<T, R>(received: Vec<T>, work: impl FnOnce(&[T]) -> R) -> R {
    // SAFETY: the caller's promise is passed on.
    unsafe { HEAP.with_received(received, work) }
}

/// Room for what the host lowers (`realloc` of the component model's canonical ABI). wit-bindgen's own, which is weak, gets here through four
/// calls more, for every text of every contact.
///
/// # Safety
/// As the canonical ABI has it: with an `old_length`, `old` came from here or from the allocator, with that length and `align`.
#[cfg(all(target_family = "wasm", any(target_env = "p1", target_env = "")))]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    if old_length != 0 {
        // SAFETY: the caller's promise is passed on.
        return unsafe { resized(old, old_length, align, length) };
    }
    if length == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: there is one thread, and nothing below allocates from here.
    unsafe { (*HEAP.0.get()).asked() };
    // SAFETY: the caller promises that `align` is a power of two, and nothing is as long as to overflow.
    sure(unsafe { HEAP.alloc(Layout::from_size_align_unchecked(length, align)) })
}

/// # Safety
/// As [`cabi_realloc`]; `old_length` is not zero.
#[cfg(all(target_family = "wasm", any(target_env = "p1", target_env = "")))]
#[cold]
unsafe fn resized(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    // SAFETY: `old` is a piece of this layout.
    sure(unsafe { HEAP.realloc(old, Layout::from_size_align_unchecked(old_length, align), length) })
}

#[cfg(all(target_family = "wasm", any(target_env = "p1", target_env = "")))]
#[inline]
fn sure(piece: *mut u8) -> *mut u8 {
    if piece.is_null() {
        core::arch::wasm32::unreachable();
    }
    piece
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::pieces::CHUNK;
    use super::*;

    /// Pieces in use, each full of a byte of its own.
    struct Used {
        heap: Heap,
        pieces: Vec<(*mut u8, Layout, u8)>,
        next: u8,
    }

    impl Used {
        fn none() -> Self {
            Self { heap: Heap(UnsafeCell::new(Pieces::NONE)), pieces: Vec::new(), next: 0 }
        }

        fn add(&mut self, size: usize) -> *mut u8 {
            let layout = Layout::from_size_align(size, 1 << (size % 5)).expect("a layout");
            // SAFETY: the size is not zero.
            let piece = unsafe { self.heap.alloc(layout) };
            self.keep(piece, layout)
        }

        fn keep(&mut self, piece: *mut u8, layout: Layout) -> *mut u8 {
            assert!(!piece.is_null() && piece.addr().is_multiple_of(layout.align()));
            self.next = self.next.wrapping_add(1);
            // SAFETY: the piece is that large.
            unsafe { piece.write_bytes(self.next, layout.size()) };
            self.pieces.push((piece, layout, self.next));
            piece
        }

        /// Takes one out and sees that nobody else wrote into it.
        fn take(&mut self, at: usize) -> (*mut u8, Layout, u8) {
            let (piece, layout, byte) = self.pieces.remove(at);
            // SAFETY: the piece is that large, and was written when it was cut.
            assert!(unsafe { std::slice::from_raw_parts(piece, layout.size()) }.iter().all(|found| *found == byte));
            (piece, layout, byte)
        }

        fn drop(&mut self, at: usize) {
            let (piece, layout, _) = self.take(at);
            // SAFETY: it came from this heap with this layout.
            unsafe { self.heap.dealloc(piece, layout) };
        }

        fn resize(&mut self, at: usize, size: usize) {
            let (piece, layout, byte) = self.take(at);
            // SAFETY: the same.
            let moved = unsafe { self.heap.realloc(piece, layout, size) };
            let kept = layout.size().min(size);
            // SAFETY: the piece is as large as its old and its new size ask.
            assert!(unsafe { std::slice::from_raw_parts(moved, kept) }.iter().all(|found| *found == byte));
            self.keep(moved, Layout::from_size_align(size, layout.align()).expect("a layout"));
        }
    }

    #[test]
    fn a_batch_finds_the_memory_of_the_batch_before_it() {
        let mut used = Used::none();
        used.add(100);
        let mut chunks = || -> BTreeSet<usize> {
            let chunks = (0..5_000).map(|number| used.add(number % 200 + 1).addr() / CHUNK).collect();
            while used.pieces.len() > 1 {
                used.drop(1);
            }
            chunks
        };
        // What is kept holds the rest of its chunk, so that the second batch takes another.
        let known = &chunks() | &chunks();
        assert!(known.len() > 20);
        for _ in 0..20 {
            assert!(chunks().is_subset(&known), "a batch asked for more");
        }
    }

    /// A batch as the host hands it over: texts, the longest of so many bytes, in a list.
    fn handed_over(used: &mut Used, longest: usize) -> (Vec<usize>, BTreeSet<usize>) {
        // SAFETY: there is one thread.
        unsafe { (*used.heap.0.get()).asked() };
        let chunks = (0..500).map(|number| used.add(longest * (number % 20 + 1) / 20).addr() / CHUNK).collect();
        (vec![0; 3], chunks)
    }

    #[test]
    fn what_was_handed_over_is_let_go_of_whole_and_nothing_else_is() {
        let mut used = Used::none();
        // SAFETY: nothing was handed over for the first call.
        unsafe { used.heap.with_received(vec![0; 3], |_| ()) };
        let mut known = BTreeSet::new();
        for round in 0..20 {
            used.add(100);
            let own = used.pieces.len();
            let (list, chunks) = handed_over(&mut used, 200);
            if round > 0 {
                assert!(chunks.is_subset(&known), "a batch asked for more");
            }
            known.extend(chunks);
            // SAFETY: what is taken out below was handed over, and nobody uses it any more.
            let answer = unsafe { used.heap.with_received(list, |list| list.len()) };
            assert_eq!(answer, 3);
            used.pieces.truncate(own);
            // Cut after the call, so not from the same chunks.
            let after = used.add(50).addr() / CHUNK;
            assert!(!known.contains(&after));
        }
        while !used.pieces.is_empty() {
            used.drop(0);
        }
    }

    proptest! {
        #[test]
        fn pieces_never_overlap(steps in prop::collection::vec((0..4_u8, 1..3_000_usize, any::<prop::sample::Index>()), 1..400)) {
            let mut used = Used::none();
            for (step, size, at) in steps {
                let size = if size > 2_500 { size } else { size % 300 + 1 };
                match step {
                    _ if used.pieces.is_empty() => drop(used.add(size)),
                    0 | 1 => drop(used.add(size)),
                    2 => used.drop(at.index(used.pieces.len())),
                    _ => used.resize(at.index(used.pieces.len()), size),
                }
            }
            while !used.pieces.is_empty() {
                used.drop(used.pieces.len() - 1);
            }
        }
    }
}
