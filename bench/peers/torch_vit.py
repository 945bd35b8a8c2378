"""A ViT in plain PyTorch, of the checkpoint folder that every peer opens: q, k and v in one product, torch's own attention, and after the
last block the CLS row alone. Before it: torch_peer.py."""
import json
import os

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, dim, heads, mlp, eps):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, mlp), nn.Linear(mlp, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(self.before(x)).view(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, dim)
        x = x + self.out(mixed)
        return x + self.down(functional.gelu(self.up(self.after(x))))


class ViT(nn.Module):
    def __init__(self, config):
        super().__init__()
        dim, patch, eps = config["hidden_size"], config["patch_size"], config["layer_norm_eps"]
        self.size = config["image_size"]
        tokens = (self.size // patch) ** 2 + 1
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.cls, self.position = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.zeros(1, tokens, dim))
        shape = dim, config["num_attention_heads"], config["intermediate_size"], eps
        self.blocks = nn.ModuleList(Block(*shape) for _ in range(config["num_hidden_layers"]))
        self.norm = nn.LayerNorm(dim, eps=eps)

    def forward(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, 0])


NAMES = {
    "layernorm_before": "before",
    "layernorm_after": "after",
    "attention.output.dense": "out",
    "intermediate.dense": "up",
    "output.dense": "down",
}


def state_dict(tensors, layers):
    """transformers' names → those of ViT; every tensor of the file is used, or load_state_dict says which is not."""
    state = {
        "cls": tensors.pop("embeddings.cls_token"),
        "position": tensors.pop("embeddings.position_embeddings"),
    }
    for part in ("weight", "bias"):
        state[f"patch.{part}"] = tensors.pop(f"embeddings.patch_embeddings.projection.{part}")
        state[f"norm.{part}"] = tensors.pop(f"layernorm.{part}")
        for i in range(layers):
            layer, block = f"encoder.layer.{i}", f"blocks.{i}"
            qkv = [tensors.pop(f"{layer}.attention.attention.{name}.{part}") for name in ("query", "key", "value")]
            state[f"{block}.qkv.{part}"] = torch.cat(qkv)
            for theirs, ours in NAMES.items():
                state[f"{block}.{ours}.{part}"] = tensors.pop(f"{layer}.{theirs}.{part}")
    return {**state, **tensors}


def load_vit(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    model = ViT(config)
    model.load_state_dict(state_dict(load_file(os.path.join(folder, "model.safetensors")), config["num_hidden_layers"]))
    return model.eval()
