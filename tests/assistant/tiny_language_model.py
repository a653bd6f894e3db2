"""A language model of random weights as a GGUF file, small enough for a test, that real servers load and ask.

What it writes means nothing. A grammar makes JSON of it, which ends soon: behind a word it likes quotes best, and
behind quotes a word.
"""

import gguf
import numpy as np

WORDS = ("house", "red", "blue", "wood", "evening", "wide", "flat", "drawing", "garden", "white")
_WIDTH, _HEADS, _FEED, _CONTEXT = 64, 4, 96, 16384
_ENDS = {'"': 1.0, ",": 0.8, "}": 0.7, "]": 0.6}
"""What it likes behind anything but quotes, and how much."""
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def vocabulary():
    """Tokens with their kinds: what controls, every byte, printable ASCII, and the words."""
    plain = [chr(code) for code in range(33, 127)]
    controls = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    return [
        *controls, *((f"<0x{byte:02X}>", _BYTE) for byte in range(256)), ("▁", _NORMAL),
        *((token, _NORMAL) for token in (*plain, *WORDS)),
    ]  # fmt: skip


def weights(tokens, seed=0):
    """Random, but for one direction of the embeddings that tells quotes from the rest."""
    chance = np.random.default_rng(seed)

    def drawn(*shape, spread=0.02):
        return (chance.standard_normal(shape) * spread).astype(np.float32)

    embedded, read = drawn(len(tokens), _WIDTH, spread=0.2), drawn(len(tokens), _WIDTH, spread=0.2)
    embedded[:, 0] = [-4.0 if token == '"' else 4.0 for token, _ in tokens]
    read[:, 0] = [-3.0 if token in WORDS else 4 * _ENDS.get(token, 0.0) for token, _ in tokens]
    layer = {
        "attn_norm": np.ones(_WIDTH, np.float32), "ffn_norm": np.ones(_WIDTH, np.float32),
        **{name: drawn(_WIDTH, _WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output")},
        "ffn_gate": drawn(_FEED, _WIDTH), "ffn_up": drawn(_FEED, _WIDTH), "ffn_down": drawn(_WIDTH, _FEED),
    }  # fmt: skip
    named = {"token_embd": embedded, "output_norm": np.ones(_WIDTH, np.float32), "output": read}
    return named | {f"blk.0.{name}": each for name, each in layer.items()}


def write_language_model(path):
    """The file of one of Llama's architecture."""
    tokens = vocabulary()
    file = gguf.GGUFWriter(path, "llama")
    file.add_name("tiny")
    file.add_context_length(_CONTEXT)
    file.add_embedding_length(_WIDTH)
    file.add_block_count(1)
    file.add_feed_forward_length(_FEED)
    file.add_head_count(_HEADS)
    file.add_head_count_kv(_HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(_WIDTH // _HEADS)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("llama")
    file.add_token_list([token for token, _ in tokens])
    file.add_token_scores([0.0] * len(tokens))
    file.add_token_types([kind for _, kind in tokens])
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_unk_token_id(0)
    for name, values in weights(tokens).items():
        file.add_tensor(f"{name}.weight", values)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path
