"""Goldens of token merging: transformers' own layers in float64, merged by the published code between attention and MLP.

    python scripts/token-merging-golden.py <folder of facebookresearch/ToMe>

Needs torch, transformers and safetensors. Writes golden-token-merging.safetensors beside the fixtures named below, and for the default
checkpoint into test/fixtures/token-merging; test/parity/token-merging.test.ts reads them. What of the published code is used: tome/merge.py
as it is, in the order of tome/patch/timm.py (proportional attention on) and with the weighted mean of tome/patch/mae.py.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

sys.path.insert(0, sys.argv[1])
from tome.merge import bipartite_soft_matching, merge_wavg  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "test" / "fixtures"
DEFAULT = ROOT / "models" / "default"


def encode(model, pixels, schedule, prefix):
    """Tokens after the final norm [B, T, D], and how many patches each stands for [B, T, 1]."""
    x = model.embeddings(pixels)
    layers = model.layers if hasattr(model, "layers") else model.encoder.layer
    size = None
    for layer, r in zip(layers, schedule):
        norm1 = getattr(layer, "layernorm_before", None) or layer.norm1
        norm2 = getattr(layer, "layernorm_after", None) or layer.norm2
        scale1 = getattr(layer, "layer_scale1", torch.nn.Identity())
        scale2 = getattr(layer, "layer_scale2", torch.nn.Identity())
        normed = norm1(x)
        heads, width = layer.attention.num_attention_heads, layer.attention.head_dim
        keys = layer.attention.k_proj(normed).unflatten(-1, (heads, width)).transpose(1, 2)
        bias = None if size is None else size.log()[:, None, None, :, 0]
        x = x + scale1(layer.attention(normed, attention_mask=bias)[0])
        if r > 0:
            merge, _ = bipartite_soft_matching(keys.mean(1), r, class_token=True, distill_token=prefix == 2)
            x, size = merge_wavg(merge, x, size)
        x = x + scale2(layer.mlp(norm2(x)))
    x = model.layernorm(x)
    return x, torch.ones_like(x[..., :1]) if size is None else size


def weighted_mean(tokens, sizes, prefix):
    """Of the patches: every token by its size, over the number of patches."""
    return (tokens * sizes)[:, prefix:].sum(1) / sizes[:, prefix:].sum(1)


def load(folder):
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.double().eval()


def fixture(name, prefix, schedules):
    folder = FIXTURES / name
    model, golden = load(folder), load_file(folder / "golden.safetensors")
    pixels = golden["pixel_values"].double()
    depth = model.config.num_hidden_layers
    plain, _ = encode(model, pixels, [0] * depth, prefix)
    off = (plain - golden["tokens"]).abs().max().item()
    assert off < 1e-5, f"{name}: {off} from its golden without merging"
    results = {}
    for schedule in schedules:
        by_block = schedule if isinstance(schedule, list) else [schedule] * depth
        tokens, sizes = encode(model, pixels, by_block, prefix)
        key = ",".join(map(str, schedule)) if isinstance(schedule, list) else str(schedule)
        results[f"tokens@{key}"] = tokens.float().contiguous()
        results[f"mean@{key}"] = weighted_mean(tokens, sizes, prefix).float().contiguous()
        print(name, key, list(tokens.shape), "sizes", sizes[0, :, 0].int().tolist())
    save_file(results, folder / "golden-token-merging.safetensors")


def default(schedules, images):
    model, golden = load(DEFAULT), load_file(DEFAULT / "golden.safetensors")
    processor = json.loads((DEFAULT / "preprocessor_config.json").read_text())
    mean, std = (torch.tensor(processor[name]).double() for name in ("image_mean", "image_std"))
    pixels = ((golden["crops"][:images].double() / 255 - mean) / std).permute(0, 3, 1, 2)
    depth = model.config.num_hidden_layers
    plain, _ = encode(model, pixels, [0] * depth, 1)
    off = (plain[:, 0] - golden["cls"][:images]).abs().max().item()
    assert off < 1e-4, f"the default checkpoint: {off} from its golden without merging"
    results = {}
    for r in schedules:
        tokens, sizes = encode(model, pixels, [r] * depth, 1)
        results[f"cls@{r}"] = tokens[:, 0].float().contiguous()
        results[f"mean@{r}"] = weighted_mean(tokens, sizes, 1).float().contiguous()
        cosines = torch.nn.functional.cosine_similarity(tokens[:, 0], plain[:, 0])
        print("default", r, list(tokens.shape), "cosine to unmerged", cosines.tolist())
    (FIXTURES / "token-merging").mkdir(exist_ok=True)
    save_file(results, FIXTURES / "token-merging" / "default.safetensors")


with torch.no_grad():
    fixture("hf-vit-names-v5", 1, [3, [6, 1], 99])
    fixture("hf-deit", 2, [3, [6, 1], 99])
    default([8, 16], 3)
