"""Sentence encoders for tests: true files in true folders, with few words and few features."""

import json

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ("a", "fox", "in", "the", "snow", "picture", "spider", "of", "an", "web")
_NETWORKS = {"bert": "Bert", "xlm-roberta": "XLMRoberta", "mpnet": "MPNet"}
"""By kind, what transformers calls the classes of it."""
_SIDES = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40, "vocab_size": 32,
    "max_position_embeddings": 40,
}  # fmt: skip


def tokenizer(words=WORDS, *, special=True):
    """One of whole words, which puts marks around a text, where it is `special`."""
    marks = ("<s>", "<pad>", "</s>", "<unk>")
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate((*marks, *words))}, unk_token="<unk>"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    if special:
        made.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    return made


def static(folder, vectors, *, config=None, **tensors):
    """Of words to vectors; `tensors` stand beside these, or in their place."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(tuple(vectors), special=False).save(str(folder / "tokenizer.json"))
    width = len(next(iter(vectors.values())))
    table = np.array([*np.zeros((4, width)), *vectors.values()], np.float32)
    save_file({"embeddings": table} | tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True} | (config or {})))
    return folder / "model.safetensors"


def network(folder, kind, *, dtype=np.float32, pooling=None, **config):
    """One of transformers' with weights by chance, and what it is here: its file, and transformers' own."""
    import torch  # who only needs static ones does without
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    make_config = getattr(transformers, f"{_NETWORKS[kind]}Config")
    make = getattr(transformers, f"{_NETWORKS[kind]}Model")
    said = make_config(**{**_SIDES, "pad_token_id": 1, "type_vocab_size": 2 if kind == "bert" else 1} | config)
    theirs = make(said, add_pooling_layer=False).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, 0.0 if weight.ndim > 1 else 0.5, 0.3)
    weights = {name: weight.detach().numpy().astype(dtype) for name, weight in theirs.named_parameters()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(said.to_dict()))
    tokenizer().save(str(folder / "tokenizer.json"))
    if pooling is not None:
        (folder / "1_Pooling").mkdir(exist_ok=True)
        (folder / "1_Pooling/config.json").write_text(json.dumps({f"pooling_mode_{pooling}": True}))
    return folder / "model.safetensors", theirs
