//! SHA-256 of four short messages at once: where there is no instruction for the hash but one for four numbers, the four cost little more than one.
//! FIPS 180-4, §6.2, with a lane a message.

/// The rounds' constants (§4.2.2).
#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Four words, one of each message. The compiler makes one vector of them.
#[derive(Clone, Copy)]
struct Four([u32; 4]);

impl Four {
    #[inline(always)]
    fn both(self, other: Self, with: impl Fn(u32, u32) -> u32) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([with(a, e), with(b, f), with(c, g), with(d, h)])
    }

    #[inline(always)]
    fn each(self, with: impl Fn(u32) -> u32) -> Self {
        let [a, b, c, d] = self.0;
        Self([with(a), with(b), with(c), with(d)])
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.both(other, u32::wrapping_add)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.both(other, |a, b| a ^ b)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.both(other, |a, b| a & b)
    }

    #[inline(always)]
    fn right(self, by: u32) -> Self {
        self.each(|word| word >> by)
    }

    #[inline(always)]
    fn turned(self, by: u32) -> Self {
        self.each(|word| (word >> by) | (word << (32 - by)))
    }
}

/// Hashes four blocks, a message each, from the same beginning.
pub(super) fn compress(initial: [u32; 8], blocks: &[[u8; 64]; 4]) -> [[u32; 8]; 4] {
    let mut schedule = [Four([0; 4]); 16];
    for (at, words) in schedule.iter_mut().enumerate() {
        *words = Four(std::array::from_fn(|lane| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|byte| blocks[lane][at * 4 + byte]);
            u32::from_be_bytes([a, b, c, d])
        }));
    }
    let start = initial.map(|word| Four([word; 4]));
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = start;
    for round in 0..64 {
        let word = if round < 16 {
            schedule[round]
        } else {
            let (early, late) = (schedule[(round + 1) & 15], schedule[(round + 14) & 15]);
            let early = early.turned(7).xor(early.turned(18)).xor(early.right(3));
            let late = late.turned(17).xor(late.turned(19)).xor(late.right(10));
            let next = schedule[round & 15].plus(early).plus(schedule[(round + 9) & 15]).plus(late);
            schedule[round & 15] = next;
            next
        };
        let choice = g.xor(e.and(f.xor(g)));
        let first = e.turned(6).xor(e.turned(11)).xor(e.turned(25));
        let first = h.plus(first).plus(choice).plus(Four([ROUNDS[round]; 4])).plus(word);
        let majority = a.and(b).xor(c.and(a.xor(b)));
        let second = a.turned(2).xor(a.turned(13)).xor(a.turned(22)).plus(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.plus(first), c, b, a, first.plus(second));
    }
    let mut end = [[0; 8]; 4];
    for (at, (word, before)) in [a, b, c, d, e, f, g, h].into_iter().zip(start).enumerate() {
        for (state, word) in end.iter_mut().zip(word.plus(before).0) {
            state[at] = word;
        }
    }
    end
}
