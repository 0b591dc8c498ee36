//! The component's allocator. Lowering and lifting a batch makes and frees thousands of short texts: each size has a list of freed pieces, so
//! that both take a few instructions. What is large goes to the standard allocator.
//!
//! Freed pieces stay with their size. A component does the same work over and over, so a batch finds what the batch before it left behind.

#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// Sizes are told apart by so many bytes; every piece is aligned to it.
const STEP: usize = 16;
/// The number of sizes with a list of their own: up to 2 KiB, which a contact's JSON is.
const SIZES: usize = 128;
/// What is asked of the standard allocator at a time.
const CHUNK: usize = 64 * 1024;

/// Freed pieces by size, and what is left of the last chunk.
struct Heap(UnsafeCell<Pieces>);

struct Pieces {
    /// The first freed piece of each size; a freed piece begins with the address of the next.
    freed: [*mut u8; SIZES + 1],
    fresh: *mut u8,
    left: usize,
}

// SAFETY: WebAssembly without threads has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Pieces { freed: [null_mut(); SIZES + 1], fresh: null_mut(), left: 0 }));

/// The size's list; `SIZES` or less if it has one.
#[inline]
fn list(layout: Layout) -> usize {
    if layout.align() > STEP { usize::MAX } else { layout.size().div_ceil(STEP) }
}

impl Pieces {
    #[inline]
    unsafe fn take(&mut self, list: usize) -> *mut u8 {
        let first = self.freed[list];
        if first.is_null() {
            // SAFETY: the caller's.
            return unsafe { self.cut(list * STEP) };
        }
        // SAFETY: a freed piece is `STEP` bytes or more, aligned, and begins with the next one's address.
        self.freed[list] = unsafe { first.cast::<*mut u8>().read() };
        first
    }

    #[cold]
    unsafe fn cut(&mut self, size: usize) -> *mut u8 {
        if self.left < size {
            // SAFETY: the layout is not empty, and its alignment a power of two.
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, STEP)) };
            if chunk.is_null() {
                return chunk;
            }
            (self.fresh, self.left) = (chunk, CHUNK);
        }
        let piece = self.fresh;
        // SAFETY: that much of the chunk is left.
        self.fresh = unsafe { piece.add(size) };
        self.left -= size;
        piece
    }
}

// SAFETY: a piece is as large and as aligned as was asked, and in no list while it is in use.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let list = list(layout);
        if list > SIZES {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: there is one thread, and nothing below allocates from here.
        unsafe { (*self.0.get()).take(list) }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let list = list(layout);
        if list > SIZES {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.dealloc(piece, layout) };
        }
        // SAFETY: the piece came from `alloc` with this layout, so it has room for an address and nobody uses it any more.
        unsafe {
            let pieces = &mut *self.0.get();
            piece.cast::<*mut u8>().write(pieces.freed[list]);
            pieces.freed[list] = piece;
        }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that size and alignment make a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (from, to) = (list(layout), list(wanted));
        if from == to && to <= SIZES {
            return piece;
        }
        if from > SIZES && to > SIZES {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.realloc(piece, layout, size) };
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

/// Room for what the host lowers (`realloc` of the component model's canonical ABI). wit-bindgen's own, which is weak, gets here through four
/// calls more, for every text of every contact.
///
/// # Safety
/// As the canonical ABI has it: with an `old_length`, `old` came from here or from the allocator, with that length and `align`.
#[cfg(any(target_env = "p1", target_env = ""))]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    let piece = match (old_length, length) {
        (0, 0) => return std::ptr::without_provenance_mut(align),
        // SAFETY: the caller promises that `align` is a power of two, and nothing is as long as to overflow.
        (0, _) => unsafe { HEAP.alloc(Layout::from_size_align_unchecked(length, align)) },
        // SAFETY: the same, and `old` is a piece of that layout.
        _ => unsafe { HEAP.realloc(old, Layout::from_size_align_unchecked(old_length, align), length) },
    };
    if piece.is_null() {
        core::arch::wasm32::unreachable();
    }
    piece
}
