"""A plain ViT in PyTorch, compiled, in fp16: images a second by batch, copies to and from the device included. Before it: throughput.mjs."""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.projection = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, mlp), nn.Linear(mlp, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.projection(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, dim, layers, heads, mlp, patch, size):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.position = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, dim) * 0.02)
        self.blocks = nn.ModuleList(Block(dim, heads, mlp) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, 0])


@torch.inference_mode()
def main():
    asked = json.loads(sys.argv[1])
    batches, seconds, device = asked.pop("batches"), asked.pop("seconds"), asked.pop("device")
    cuda = device == "cuda"
    dtype = torch.float16 if cuda else torch.float32
    model = torch.compile(ViT(**asked).to(device, dtype).eval(), mode="max-autotune" if cuda else "default", dynamic=False)
    rates = []
    for batch in batches:
        pixels = torch.randn(batch, 3, asked["size"], asked["size"])
        pixels = pixels.pin_memory() if cuda else pixels

        def call():
            return model(pixels.to(device, non_blocking=True).to(dtype)).float().cpu()

        for _ in range(5):
            call()
        start, calls = time.perf_counter(), 0
        while calls == 0 or time.perf_counter() - start < seconds:
            call()
            calls += 1
        rates.append(calls * batch / (time.perf_counter() - start))
    print(json.dumps({"torch": torch.__version__, "rates": rates}))


main()
