//! The mapping of `mapping.vrl` as a filter: contacts on stdin, one JSON a line, events on stdout. On stderr, how much CPU time that took an item,
//! without the start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};

use rustix::time::{ClockId, clock_gettime};
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

fn main() {
    let source = include_str!("../mapping.vrl");
    let compiled = compile(source, &vrl::stdlib::all()).unwrap_or_else(|problems| {
        panic!("{}", vrl::diagnostic::Formatter::new(source, problems));
    });
    let timezone = TimeZone::default();
    let mut state = RuntimeState::default();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (since, mut items) = (cpu_ns(), 0);
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.expect("stdin can be read");
        let mut target = TargetValue {
            value: serde_json::from_slice(&line).expect("a line of JSON"),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        compiled.program.resolve(&mut Context::new(&mut target, &mut state, &timezone)).expect("the mapping is total");
        serde_json::to_writer(&mut out, &target.value).expect("stdout can be written");
        out.write_all(b"\n").expect("stdout can be written");
        state.clear();
        items += 1;
    }
    out.flush().expect("stdout can be written");
    eprintln!("{}", (cpu_ns() - since) / items);
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
