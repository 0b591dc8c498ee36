"""Runs the conformance kit: python conformance.py COMPONENT CASES"""

import json
import sys
import time
from pathlib import Path

from mapper import Mapper, Unsupported


def main(component: Path, cases: Path) -> int:
    started = time.perf_counter()
    try:
        mapper = Mapper(component.read_bytes())
    except Unsupported as error:
        print(f"{component}: {error}", file=sys.stderr)
        return 2
    print(f"loaded in {(time.perf_counter() - started) * 1000:.0f} ms")
    answers = wrong = 0
    for name in json.loads((cases / "index.json").read_text("utf-8")):
        settings = (cases / name / "settings.toml").read_text("utf-8")
        changes, results = (json.loads((cases / name / f"{part}.json").read_text("utf-8")) for part in ("changes", "results"))
        differences = list(differing(mapper, settings, changes, results))
        answers, wrong = answers + len(changes) + 1, wrong + len(differences)
        print(f"{'DIFFERS' if differences else 'equal  '} {name}: {len(changes) + 1} answers")
        print("".join(f"  {difference}\n" for difference in differences), end="")
    mapper.configure("")
    changes = json.loads((cases / "default" / "changes.json").read_text("utf-8"))
    since, rounds = time.process_time(), 5
    for _ in range(rounds):
        mapper.translate(changes)
    each = (time.process_time() - since) * 1_000_000 / (rounds * len(changes))
    print(f"{each:.0f} µs of CPU time a change, JSON form included")
    print(f"{wrong} of {answers} answers differ" if wrong else f"conformant: {answers} answers are equal")
    return 1 if wrong else 0


def differing(mapper: Mapper, settings: str, changes: list, results: dict):
    configured = mapper.configure(settings)
    if configured != results["configure"]:
        yield f"configure: {configured} instead of {results['configure']}"
    if configured["tag"] == "err":
        return
    told = mapper.translate(changes)
    if len(told) != len(results["translate"]):
        yield f"{len(told)} answers instead of {len(results['translate'])}"
    for change, got, wanted in zip(changes, told, results["translate"]):
        if got != wanted:
            yield f"{change['id']}: {json.dumps(got)} instead of {json.dumps(wanted)}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
