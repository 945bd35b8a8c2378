"""OpenVINO as a peer, on the model folder's own ONNX file: one static shape for each batch, as it runs fastest.

usage: python openvino_peer.py fp32|bf16|int8      answers requests, see serve.py
       python openvino_peer.py calibrate FOLDER    writes FOLDER/openvino-int8.xml, which int8 opens: NNCF's post-training quantisation for
                                                   transformers (its fast bias correction, 8 images of noise, all its defaults)
In int8, what NNCF left unquantised runs in fp32: on Zen 4 as fast as bf16 there, or a little faster (ViT-B/16, 68.0 / 51.6 ms against 68.6 / 52.9).
"""
import os
import sys

import numpy as np

import openvino

INT8 = "openvino-int8.xml"


def calibrate(folder):
    import nncf

    core = openvino.Core()
    model = core.read_model(os.path.join(folder, "cls.onnx"))
    _, channels, height, width = (dim.get_length() if dim.is_static else -1 for dim in model.input().get_partial_shape())
    random = np.random.default_rng(0)
    images = [random.standard_normal((1, channels, height, width), dtype=np.float32) for _ in range(8)]
    quantised = nncf.quantize(model, nncf.Dataset(images), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(images))
    # Under another name first: an interrupted run leaves nothing that looks complete.
    made = os.path.join(folder, "making.xml")
    openvino.save_model(quantised, made, compress_to_fp16=False)
    os.replace(made.replace(".xml", ".bin"), os.path.join(folder, INT8.replace(".xml", ".bin")))
    os.replace(made, os.path.join(folder, INT8))


def peer(precision):
    def open_model(folder, threads):
        core = openvino.Core()
        hint = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}[precision]
        config = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": hint}
        path = os.path.join(folder, INT8 if precision == "int8" else "cls.onnx")
        compiled = {}

        def request(batch, shape):
            if batch not in compiled:
                model = core.read_model(path)
                model.reshape([batch, *shape])
                compiled[batch] = core.compile_model(model, "CPU", config).create_infer_request()
            return compiled[batch]

        size = core.read_model(path).input().get_partial_shape()
        request(1, [dim.get_length() for dim in list(size)[1:]])

        def run(pixels):
            return request(len(pixels), pixels.shape[1:]).infer({0: pixels}, share_inputs=True)[0]

        return run, {"openvino": openvino.__version__.split("-")[0]}

    return open_model


if __name__ == "__main__":
    if sys.argv[1] == "calibrate":
        calibrate(sys.argv[2])
    else:
        from serve import serve

        serve(peer(sys.argv[1]))
