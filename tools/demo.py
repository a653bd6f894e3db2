"""Makes a picture as a newcomer would, by `imagine run`, and says where it is, how large, and how long it took."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

OUTPUT = Path("demo.png")
PROMPT = "a red house on a blue background"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="toybox", help="a name from `imagine list -a`")
    parser.add_argument("prompt", nargs="*", default=[PROMPT])
    options = parser.parse_args()
    prompt = " ".join(options.prompt)
    command = [sys.executable, "-m", "imagine", "run", "-m", options.model, "-o", str(OUTPUT), "--seed", "4", prompt]
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    seconds = time.perf_counter() - begun
    print(f'{OUTPUT.resolve()}: "{prompt}", {OUTPUT.stat().st_size:,} bytes, {seconds:.1f} s, server start included')
    print(f"{OUTPUT.with_suffix('.json').resolve()} makes it again: imagine run --from {OUTPUT.with_suffix('.json')}")


if __name__ == "__main__":
    main()
