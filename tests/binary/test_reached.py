"""What of large packages is left out of the heavy half: folders and modules that no model can reach."""

from tools.binary.reached import unreached

KEPT = [
    "scipy/__init__.pyc", "scipy/stats/_fit.cpython-311-x86_64-linux-gnu.so", "scipy/stats/seldom.pyc",
    "transformers/models/auto/modeling_auto.py", "transformers/models/__pycache__/__init__.cpython-311.pyc",
    "transformers/modeling_utils.py", "torch/_inductor/__pycache__/config.cpython-311.pyc",
    "torch/_inductor/templates/loop.jinja", "torch/nn/modules/seldom.py", "diffusers/pipelines/seldom.pyc",
]  # fmt: skip
GONE = [
    "scipy/signal/_filter.pyc", "scipy/signal/table.json", "transformers/models/whisper/modeling_whisper.py",
    "torch/_inductor/scheduler.py", "torch/_inductor/__pycache__/scheduler.cpython-311.pyc", "torch/onnx/seldom.py",
]  # fmt: skip
REACHED = frozenset({
    "scipy", "scipy.stats._fit", "transformers.models", "transformers.models.auto.modeling_auto",
    "torch._inductor.config",
})  # fmt: skip


def test_a_folder_goes_of_which_nothing_is_reached_and_of_torchs_compiler_each_module() -> None:
    assert unreached([*KEPT, *GONE], REACHED) == GONE
