"""Are pictures with LoRAs, made in a crowd of other mixes, made again from their own recipes?

    python -m bench.lora_crowd [--requests 100] [--together 32] [--model models.example/toybox.safetensors]

Half of the requests have one to three of five LoRAs, said in every form. Each recipe is then sent as a request of its
own; its picture has to be the same file. Prints how many are, and in which batches they were; exits 1 for any other.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.daemon import REAL, Daemon
from tests.lora_crowd import NAMES, buckets_of, made_again, mixed, write_loras

_DEFAULT = Path(__file__).parents[1] / "models.example/toybox.safetensors"


def main() -> int:
    """Asks, compares, and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--together", type=int, default=32, help="how many are asked for at a time")
    parser.add_argument("--model", type=Path, default=_DEFAULT, help="a checkpoint of Stable Diffusion 1's layout")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / ".imagine/models"
        models.mkdir(parents=True)
        shutil.copy(told.model, models / "model.safetensors")
        write_loras(models / "loras", told.model)
        with Daemon(Path(folder), REAL, "-d", "cpu") as daemon:
            begun = time.monotonic()
            bodies = mixed(told.requests, model="model", hires=1)
            crowd, other = made_again(daemon.url, bodies, told.together)
    sizes = sum(map(buckets_of, crowd), Counter())
    with_loras = [answer for answer in crowd if answer["meta"].get("loras")]
    print(f"{len(crowd)} pictures, {len(with_loras)} of them with one to three of {len(NAMES)} LoRAs, and each again")
    print("evaluations by the batch they were in:", ", ".join(f"{size}: {sizes[size]}" for size in sorted(sizes)))
    print(f"in {time.monotonic() - begun:.0f} s; made again identical: {len(crowd) - len(other)} of {len(crowd)}")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
