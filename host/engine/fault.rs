//! A guest broke: it trapped, ran out of time or memory, or answered what the contract does not allow. Never the remote's doing.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use crate::vault::mask_personal;

/// What kind of breakage, by what the host does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The guest trapped: a panic, an impossible instruction, a stack overflow.
    Trap,
    /// The guest's CPU time, or the call's wall time, was used up.
    Time,
    /// The guest asked for more memory than it may have.
    Memory,
    /// The answer breaks the contract: another length, a wild number, personal data in free text.
    Contract,
}

impl FaultKind {
    /// Its word, in texts and metrics.
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::Time => "time",
            FaultKind::Memory => "memory",
            FaultKind::Contract => "contract",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One breakage: which guest, in which call, how, with the guest's own last words and frames. Its `Display` leaves the guest's words out: that is what
/// a log may have.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{guest} broke in {call} ({kind}): {text}")]
pub struct Fault {
    /// Name and short digest of the component.
    pub guest: String,
    /// The function that was called.
    pub call: &'static str,
    /// What kind of breakage.
    pub kind: FaultKind,
    /// What happened.
    pub text: String,
    /// The guest's last words, a panic's text with them; addresses and numbers masked. Empty where it wrote nothing.
    pub words: String,
    /// Wasm frames, innermost first, demangled.
    pub frames: Vec<String>,
}

/// The most frames a fault keeps.
const FRAMES: usize = 12;
/// The most characters of a guest's last words a fault keeps.
const WORDS: usize = 400;

impl Fault {
    /// A fault that the host found in an answer.
    pub fn contract(guest: &str, call: &'static str, text: impl Into<String>) -> Self {
        Self { kind: FaultKind::Contract, ..Self::new(guest, call, text.into()) }
    }

    /// A fault from an error of the engine. `stderr` is what the guest wrote, `over_time` and `over_memory` what its limits saw.
    pub(super) fn from_engine(
        guest: &str,
        call: &'static str,
        error: &wasmtime::Error,
        stderr: &[u8],
        over_time: bool,
        over_memory: bool,
    ) -> Self {
        let trap = error.downcast_ref::<Trap>();
        let kind = match trap {
            Some(Trap::Interrupt) => FaultKind::Time,
            _ if over_memory => FaultKind::Memory,
            _ if over_time => FaultKind::Time,
            _ => FaultKind::Trap,
        };
        let what = match (kind, trap) {
            (FaultKind::Time, _) => "its CPU time was used up".to_owned(),
            (FaultKind::Memory, _) => "it asked for more memory than it may have".to_owned(),
            (_, Some(trap)) => trap.to_string(),
            (_, None) => error.root_cause().to_string(),
        };
        let words = String::from_utf8_lossy(stderr);
        let words: String = mask_personal(words.trim()).chars().take(WORDS).collect();
        Self { kind, words, frames: frames(error), ..Self::new(guest, call, what) }
    }

    /// A fault of a call that took too long on the wall's clock.
    pub(super) fn stuck(guest: &str, call: &'static str, limit_ms: u64) -> Self {
        Self { kind: FaultKind::Time, ..Self::new(guest, call, format!("no answer within {limit_ms} ms")) }
    }

    fn new(guest: &str, call: &'static str, text: String) -> Self {
        let (words, frames) = (String::new(), Vec::new());
        Self { guest: guest.to_owned(), call, kind: FaultKind::Trap, text, words, frames }
    }

    /// What happened with the guest's words, for who looks at what it broke on.
    pub fn whole(&self) -> String {
        if self.words.is_empty() { self.to_string() } else { format!("{self}: {}", self.words) }
    }

    /// One line for a dead row: what happened, the guest's words and the innermost frames.
    pub fn line(&self) -> String {
        let whole = self.whole();
        if self.frames.is_empty() { whole } else { format!("{whole} [{}]", self.frames.join(" < ")) }
    }
}

fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &wasmtime::FrameInfo| {
        let symbol = frame.symbols().first().and_then(|symbol| symbol.name()).map(str::to_owned);
        symbol
            .or_else(|| frame.func_name().map(str::to_owned))
            .unwrap_or_else(|| format!("function {}", frame.func_index()))
    };
    trace.frames().iter().take(FRAMES).map(|frame| demangled(&name(frame))).collect()
}

/// A Rust symbol without its hash.
fn demangled(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path.to_owned(),
        _ => name.to_owned(),
    }
}
