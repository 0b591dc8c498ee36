//! SHA-256 of four messages side by side, a lane for each (FIPS 180-4, §6.2.2). WebAssembly has no instruction for it, and hashing is the dearest
//! part of telling of a person; four messages so cost little more than two one after the other.

use super::{Block, TOGETHER};
use vector::{Lanes, add, and, of, or, shift_left, shift_right, turned, words, xor};

/// The vectors of WebAssembly.
#[cfg(target_arch = "wasm32")]
mod vector {
    use std::arch::wasm32::{u8x16_shuffle, u32x4, u32x4_extract_lane as lane, u32x4_shuffle, u64x2};
    pub(super) use std::arch::wasm32::{
        u32x4_add as add, u32x4_shl as shift_left, u32x4_shr as shift_right, v128 as Lanes, v128_and as and,
        v128_or as or, v128_xor as xor,
    };

    #[inline(always)]
    pub(super) fn of([a, b, c, d]: [u32; 4]) -> Lanes {
        u32x4(a, b, c, d)
    }

    #[inline(always)]
    pub(super) fn words(lanes: Lanes) -> [u32; 4] {
        [lane::<0>(lanes), lane::<1>(lanes), lane::<2>(lanes), lane::<3>(lanes)]
    }

    /// Four words of each message as four times the same word of all.
    #[inline(always)]
    pub(super) fn turned(messages: [&[u8; 16]; 4]) -> [Lanes; 4] {
        let [a, b, c, d] = messages.map(|bytes| {
            let [low, high] = [0, 8].map(|at| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte])));
            let bytes = u64x2(low, high);
            u8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(bytes, bytes)
        });
        let (early, late) = (u32x4_shuffle::<0, 4, 1, 5>(a, b), u32x4_shuffle::<2, 6, 3, 7>(a, b));
        let (other_early, other_late) = (u32x4_shuffle::<0, 4, 1, 5>(c, d), u32x4_shuffle::<2, 6, 3, 7>(c, d));
        [
            u32x4_shuffle::<0, 1, 4, 5>(early, other_early),
            u32x4_shuffle::<2, 3, 6, 7>(early, other_early),
            u32x4_shuffle::<0, 1, 4, 5>(late, other_late),
            u32x4_shuffle::<2, 3, 6, 7>(late, other_late),
        ]
    }
}

/// What stands in for them in tests.
#[cfg(not(target_arch = "wasm32"))]
mod vector {
    pub(super) type Lanes = [u32; 4];

    fn each(a: Lanes, b: Lanes, both: impl Fn(u32, u32) -> u32) -> Lanes {
        std::array::from_fn(|lane| both(a[lane], b[lane]))
    }

    pub(super) fn add(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, u32::wrapping_add)
    }

    pub(super) fn and(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a & b)
    }

    pub(super) fn or(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a | b)
    }

    pub(super) fn xor(a: Lanes, b: Lanes) -> Lanes {
        each(a, b, |a, b| a ^ b)
    }

    pub(super) fn shift_left(lanes: Lanes, by: u32) -> Lanes {
        lanes.map(|word| word << by)
    }

    pub(super) fn shift_right(lanes: Lanes, by: u32) -> Lanes {
        lanes.map(|word| word >> by)
    }

    pub(super) fn of(words: [u32; 4]) -> Lanes {
        words
    }

    pub(super) fn words(lanes: Lanes) -> [u32; 4] {
        lanes
    }

    pub(super) fn turned(messages: [&[u8; 16]; 4]) -> [Lanes; 4] {
        std::array::from_fn(|word| messages.map(|bytes| u32::from_be_bytes(bytes.as_chunks().0[word])))
    }
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, §4.2.2).
const ROOTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// The states after one block each, from `initial` on.
pub(super) fn compress(initial: &[u32; 8], blocks: [&Block; TOGETHER]) -> [[u32; 8]; TOGETHER] {
    let rows = blocks.map(|block| block.as_chunks::<16>().0);
    let quarters: [[Lanes; 4]; 4] = std::array::from_fn(|at| turned(rows.map(|rows| &rows[at])));
    let [
        [mut w0, mut w1, mut w2, mut w3],
        [mut w4, mut w5, mut w6, mut w7],
        [mut w8, mut w9, mut w10, mut w11],
        [mut w12, mut w13, mut w14, mut w15],
    ] = quarters;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = initial.map(|word| of([word; 4]));
    macro_rules! round {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $word:expr, $root:expr) => {
            let choice = xor($g, and($e, xor($f, $g)));
            let one = add(add(add($h, of([$root; 4])), $word), add(sum($e, [6, 11, 25]), choice));
            let majority = xor($b, and(xor($a, $b), xor($b, $c)));
            $d = add($d, one);
            $h = add(one, add(sum($a, [2, 13, 22]), majority));
        };
    }
    // The word of sixteen rounds later, of those 16, 15, 7 and 2 before it.
    macro_rules! next {
        ($word:ident $early:ident $middle:ident $late:ident) => {
            let small0 = xor(xor(rotated($early, 7), rotated($early, 18)), shift_right($early, 3));
            let small1 = xor(xor(rotated($late, 17), rotated($late, 19)), shift_right($late, 10));
            $word = add(add($word, small0), add($middle, small1));
        };
    }
    let (roots, _) = ROOTS.as_chunks::<16>();
    for (at, roots) in roots.iter().enumerate() {
        if at > 0 {
            next!(w0 w1 w9 w14);
            next!(w1 w2 w10 w15);
            next!(w2 w3 w11 w0);
            next!(w3 w4 w12 w1);
            next!(w4 w5 w13 w2);
            next!(w5 w6 w14 w3);
            next!(w6 w7 w15 w4);
            next!(w7 w8 w0 w5);
            next!(w8 w9 w1 w6);
            next!(w9 w10 w2 w7);
            next!(w10 w11 w3 w8);
            next!(w11 w12 w4 w9);
            next!(w12 w13 w5 w10);
            next!(w13 w14 w6 w11);
            next!(w14 w15 w7 w12);
            next!(w15 w0 w8 w13);
        }
        round!(a b c d e f g h, w0, roots[0]);
        round!(h a b c d e f g, w1, roots[1]);
        round!(g h a b c d e f, w2, roots[2]);
        round!(f g h a b c d e, w3, roots[3]);
        round!(e f g h a b c d, w4, roots[4]);
        round!(d e f g h a b c, w5, roots[5]);
        round!(c d e f g h a b, w6, roots[6]);
        round!(b c d e f g h a, w7, roots[7]);
        round!(a b c d e f g h, w8, roots[8]);
        round!(h a b c d e f g, w9, roots[9]);
        round!(g h a b c d e f, w10, roots[10]);
        round!(f g h a b c d e, w11, roots[11]);
        round!(e f g h a b c d, w12, roots[12]);
        round!(d e f g h a b c, w13, roots[13]);
        round!(c d e f g h a b, w14, roots[14]);
        round!(b c d e f g h a, w15, roots[15]);
    }
    let state = [a, b, c, d, e, f, g, h].map(words);
    std::array::from_fn(|lane| std::array::from_fn(|word| state[word][lane].wrapping_add(initial[word])))
}

#[inline(always)]
fn sum(lanes: Lanes, [one, two, three]: [u32; 3]) -> Lanes {
    xor(xor(rotated(lanes, one), rotated(lanes, two)), rotated(lanes, three))
}

#[inline(always)]
fn rotated(lanes: Lanes, by: u32) -> Lanes {
    or(shift_right(lanes, by), shift_left(lanes, 32 - by))
}
