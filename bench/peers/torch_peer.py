"""PyTorch as a peer, compiled with frozen weights: by its own inductor, or by zentorch, which needs an environment of its own.

usage: python torch_peer.py eager|inductor|zentorch fp32|bf16     answers requests, see serve.py
In bf16 the whole model and its input are bf16. Compiling counts as load time; a batch that was not seen yet is compiled before it is timed.
"""
import os
import sys

backend, precision = sys.argv[1:3]


def open_model(folder, threads):
    import torch

    torch.set_num_threads(threads)
    versions = {f"torch of {backend}" if backend == "zentorch" else "torch": torch.__version__}
    if backend != "eager":
        import torch._inductor.config as inductor

        inductor.freezing = True
        torch._dynamo.config.cache_size_limit = 64
    if backend == "zentorch":
        import zentorch

        versions["zentorch"] = zentorch.__version__

    from torch_vit import load_vit

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model = load_vit(folder).to(dtype)
    forward = model if backend == "eager" else torch.compile(model, backend=backend, dynamic=False)

    def run(pixels):
        with torch.inference_mode():
            return forward(torch.from_numpy(pixels).to(dtype)).float().numpy()

    if backend != "eager":
        import numpy as np

        run(np.zeros((1, 3, model.size, model.size), np.float32))
    return run, versions


if __name__ == "__main__":
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # compiled in this process: nobody is left behind
    from serve import serve

    serve(open_model)
