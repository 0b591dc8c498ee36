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
use std::ptr::null_mut;

/// Every piece is aligned to so many bytes.
const STEP: usize = 16;
/// The largest piece that is cut from a chunk: a contact's JSON is smaller.
const LARGEST: usize = 2 * 1024;
/// A chunk's size, and what it is aligned to: a piece's address tells its chunk.
const CHUNK: usize = 16 * 1024;
/// How many chunks are asked of the standard allocator at a time.
const CHUNKS: usize = 4;

/// What a chunk begins with.
#[repr(C, align(16))]
struct Chunk {
    /// How many of its pieces are in use.
    live: usize,
    /// The next one of the list it is in.
    next: *mut Chunk,
    /// Whether its pieces were handed over for the call that goes on.
    is_received: bool,
}

/// A chunk that is being cut.
#[derive(Clone, Copy)]
struct Cut {
    chunk: *mut Chunk,
    /// Where the next piece begins.
    fresh: *mut u8,
    /// How much is left from there.
    left: usize,
}

#[derive(Clone, Copy)]
enum Stage {
    /// No call said yet where it begins.
    Unknown,
    /// The next thing the host asks for is the first it hands over for another call.
    Waiting,
    /// The host hands over, and values are made of it. What was being cut before, and how many large pieces were in use.
    Receiving { kept: Cut, large: usize },
    /// The call goes on.
    Working,
}

/// The chunk that is being cut, and those that wait.
struct Pieces {
    cut: Cut,
    /// Chunks without a piece in use.
    spare: *mut Chunk,
    /// Chunks of what was handed over.
    received: *mut Chunk,
    stage: Stage,
    /// How many pieces of the standard allocator are in use.
    large: usize,
}

struct Heap(UnsafeCell<Pieces>);

// SAFETY: WebAssembly without threads has one thread.
#[cfg(target_family = "wasm")]
unsafe impl Sync for Heap {}

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Pieces::NONE));

/// The room a piece takes in a chunk, if it is cut from one.
#[inline]
fn room(layout: Layout) -> Option<usize> {
    (layout.size() <= LARGEST && layout.align() <= STEP).then(|| layout.size().next_multiple_of(STEP))
}

impl Cut {
    const NONE: Self = Self { chunk: null_mut(), fresh: null_mut(), left: 0 };

    /// All of a chunk.
    fn whole(chunk: *mut Chunk) -> Self {
        let head = size_of::<Chunk>();
        Self { chunk, fresh: chunk.cast::<u8>().wrapping_add(head), left: CHUNK - head }
    }
}

impl Pieces {
    const NONE: Self =
        Self { cut: Cut::NONE, spare: null_mut(), received: null_mut(), stage: Stage::Unknown, large: 0 };

    /// # Safety
    /// `size` is a multiple of [`STEP`], no more than [`LARGEST`].
    #[inline(always)]
    unsafe fn take(&mut self, size: usize) -> *mut u8 {
        if self.cut.left < size && !self.begin() {
            return null_mut();
        }
        let piece = self.cut.fresh;
        // SAFETY: that much of the chunk is left, so there is a chunk.
        unsafe {
            self.cut.fresh = piece.add(size);
            (*self.cut.chunk).live += 1;
        }
        self.cut.left -= size;
        piece
    }

    /// # Safety
    /// `piece` came from [`Self::take`] of this `size`, and nobody uses it any more.
    #[inline(always)]
    unsafe fn give_back(&mut self, piece: *mut u8, size: usize) {
        let chunk = piece.map_addr(|address| address & !(CHUNK - 1)).cast::<Chunk>();
        // SAFETY: every chunk is aligned to its size and begins with its head.
        let live = unsafe {
            (*chunk).live -= 1;
            (*chunk).live
        };
        if live == 0 {
            // SAFETY: it is a chunk, and no piece of it is in use.
            unsafe { self.emptied(chunk) };
        } else if piece.wrapping_add(size) == self.cut.fresh {
            // The last one that was cut, as what lives briefly is: it is cut again.
            self.cut.fresh = piece;
            self.cut.left += size;
        }
    }

    /// Grows or shrinks the last piece that was cut where it is, if this is it and there is room.
    #[inline]
    fn resize(&mut self, piece: *mut u8, from: usize, to: usize) -> bool {
        let is_last = piece.wrapping_add(from) == self.cut.fresh && self.cut.left + from >= to;
        if is_last {
            self.cut.fresh = piece.wrapping_add(to);
            self.cut.left = self.cut.left + from - to;
        }
        is_last
    }

    /// # Safety
    /// `chunk` is one, and none of its pieces is in use.
    unsafe fn emptied(&mut self, chunk: *mut Chunk) {
        if chunk == self.cut.chunk {
            self.cut = Cut::whole(chunk);
            return;
        }
        if let Stage::Receiving { kept, .. } = &mut self.stage
            && chunk == kept.chunk
        {
            *kept = Cut::whole(chunk);
            return;
        }
        // SAFETY: the caller's. What was handed over is in a list already.
        unsafe {
            if !(*chunk).is_received {
                (*chunk).next = self.spare;
                self.spare = chunk;
            }
        }
    }

    /// Begins another chunk; whether there is one.
    #[cold]
    fn begin(&mut self) -> bool {
        if self.spare.is_null() {
            // SAFETY: the layout is not empty, and its alignment a power of two.
            let fresh = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNKS * CHUNK, CHUNK)) };
            if fresh.is_null() {
                return false;
            }
            for at in (0..CHUNKS).rev() {
                // SAFETY: so many chunks were asked for, aligned to the size of one.
                unsafe {
                    let chunk = fresh.add(at * CHUNK).cast::<Chunk>();
                    chunk.write(Chunk { live: 0, next: self.spare, is_received: false });
                    self.spare = chunk;
                }
            }
        }
        let chunk = self.spare;
        // SAFETY: a spare chunk is one.
        unsafe {
            self.spare = (*chunk).next;
            if let Stage::Receiving { .. } = self.stage {
                ((*chunk).is_received, (*chunk).next) = (true, self.received);
                self.received = chunk;
            }
        }
        self.cut = Cut::whole(chunk);
        true
    }

    /// From here on the host hands over.
    #[cold]
    fn receive(&mut self) {
        self.stage = Stage::Receiving { kept: self.cut, large: self.large };
        self.cut = Cut::NONE;
    }

    /// From here on the call goes on; how many large pieces were handed over for it, if anything was.
    fn work(&mut self) -> Option<usize> {
        let Stage::Receiving { kept, large } = self.stage else { return None };
        self.cut = kept;
        self.stage = Stage::Working;
        Some(self.large - large)
    }

    /// The call is over.
    ///
    /// # Safety
    /// If `all`, nobody uses any piece of what was handed over any more.
    unsafe fn end(&mut self, all: bool) {
        self.stage = Stage::Waiting;
        let mut chunk = std::mem::replace(&mut self.received, null_mut());
        while !chunk.is_null() {
            // SAFETY: the list holds chunks; what is in use of one is counted, unless nothing is.
            unsafe {
                let next = (*chunk).next;
                (*chunk).is_received = false;
                if all {
                    (*chunk).live = 0;
                }
                if (*chunk).live == 0 {
                    self.emptied(chunk);
                }
                chunk = next;
            }
        }
    }
}

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
        let list = Layout::array::<T>(received.capacity()).ok().filter(|list| room(*list).is_none());
        let all = large == Some(usize::from(list.is_some()));
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
    let pieces = unsafe { &mut *HEAP.0.get() };
    if let Stage::Waiting = pieces.stage {
        pieces.receive();
    }
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
        unsafe { (*used.heap.0.get()).receive() };
        let chunks = (0..500).map(|number| used.add(longest * (number % 20 + 1) / 20).addr() / CHUNK).collect();
        (vec![0; 3], chunks)
    }

    #[test]
    fn what_was_handed_over_is_let_go_of_whole_and_nothing_else_is() {
        let mut used = Used::none();
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
