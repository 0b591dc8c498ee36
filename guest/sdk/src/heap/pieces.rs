//! Chunks of memory and the pieces they are cut into.

#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc as _, Layout, System};
use std::ptr::null_mut;

/// Every piece is aligned to so many bytes.
const STEP: usize = 16;
/// The largest piece that is cut from a chunk: a contact's JSON is smaller.
const LARGEST: usize = 2 * 1024;
/// A chunk's size, and what it is aligned to: a piece's address tells its chunk.
pub(super) const CHUNK: usize = 16 * 1024;
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
    /// A call goes on, or none has said yet where it ends.
    Working,
    /// The next thing the host asks for is the first it hands over for another call.
    Waiting,
    /// The host hands over, and values are made of it. What was being cut before, and how many large pieces were in use.
    Receiving { kept: Cut, large: usize },
}

/// The chunk that is being cut, and those that wait.
pub(super) struct Pieces {
    cut: Cut,
    /// Chunks without a piece in use.
    spare: *mut Chunk,
    /// Chunks of what was handed over.
    received: *mut Chunk,
    stage: Stage,
    /// How many pieces of the standard allocator are in use.
    pub(super) large: usize,
}

/// The room a piece takes in a chunk, if it is cut from one.
#[inline]
pub(super) fn room(layout: Layout) -> Option<usize> {
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
    /// Nothing is cut yet.
    pub(super) const NONE: Self =
        Self { cut: Cut::NONE, spare: null_mut(), received: null_mut(), stage: Stage::Working, large: 0 };

    /// # Safety
    /// `size` is a multiple of [`STEP`], no more than [`LARGEST`].
    #[inline(always)]
    pub(super) unsafe fn take(&mut self, size: usize) -> *mut u8 {
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
    pub(super) unsafe fn give_back(&mut self, piece: *mut u8, size: usize) {
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
    pub(super) fn resize(&mut self, piece: *mut u8, from: usize, to: usize) -> bool {
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

    /// The host asks for room: from here on it hands over, if a call was awaited.
    #[inline]
    pub(super) fn asked(&mut self) {
        if let Stage::Waiting = self.stage {
            self.stage = Stage::Receiving { kept: self.cut, large: self.large };
            self.cut = Cut::NONE;
        }
    }

    /// From here on the call goes on; how many large pieces were handed over for it, if anything was.
    pub(super) fn work(&mut self) -> Option<usize> {
        let Stage::Receiving { kept, large } = self.stage else { return None };
        self.cut = kept;
        self.stage = Stage::Working;
        Some(self.large - large)
    }

    /// The call is over.
    ///
    /// # Safety
    /// If `all`, nobody uses any piece of what was handed over any more.
    pub(super) unsafe fn end(&mut self, all: bool) {
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
