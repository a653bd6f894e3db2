"""The first thing that a family takes: its row of facts, without torch. It is told by how it takes its words."""

from imagine.families.facts import FamilyDefaults, FamilyFacts, Need, Predicts, signatures

ROW = FamilyFacts(
    "made-up",
    tells=signatures(("", "kernel.weight", ("words.weight", 0, 3))),
    latent_channels=3,
    native=96,
    multiple=32,
    predicts=Predicts("epsilon", always=True),
    defaults=FamilyDefaults(num_steps=3, guidance=2.0, sampler="euler"),
    dtypes=("float32",),
    needs=(Need("text_encoder", ("letters",)), Need("vae", ("made-up",))),
    single_file=True,
)
